package devnet

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
)

func peerName(org string) string      { return "peer-" + org }
func chaincodeName(org string) string { return "chaincode-" + org }

// orderer configures an orderer by Fabric's sample and the environment, in a folder of
// its own for configuration and data.
func (n *Network) orderer(i int, name string) (*process, error) {
	dir := n.path(name)
	text, err := sample(n.bin, "orderer.yaml")
	if err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(dir, "orderer.yaml"), text); err != nil {
		return nil, err
	}
	tls := n.node("orderer", name, "tls")
	cert, key, roots := filepath.Join(tls, "server.crt"), filepath.Join(tls, "server.key"), filepath.Join(tls, "ca.crt")
	return &process{
		name: name, dir: dir, log: n.log(name), say: n.say, command: []string{filepath.Join(n.bin, "orderer")},
		listens: []string{address(n.plan.ordererPort(i)), address(n.plan.ordererAdminPort(i))},
		env: []string{
			"FABRIC_CFG_PATH=" + dir,
			"ORDERER_GENERAL_LISTENADDRESS=127.0.0.1", "ORDERER_GENERAL_LISTENPORT=" + strconv.Itoa(n.plan.ordererPort(i)),
			"ORDERER_GENERAL_BOOTSTRAPMETHOD=none",
			"ORDERER_GENERAL_LOCALMSPID=" + name, "ORDERER_GENERAL_LOCALMSPDIR=" + n.node("orderer", name, "msp"),
			"ORDERER_GENERAL_TLS_ENABLED=true", "ORDERER_GENERAL_TLS_CERTIFICATE=" + cert,
			"ORDERER_GENERAL_TLS_PRIVATEKEY=" + key, "ORDERER_GENERAL_TLS_ROOTCAS=[" + roots + "]",
			"ORDERER_GENERAL_CLUSTER_CLIENTCERTIFICATE=" + cert, "ORDERER_GENERAL_CLUSTER_CLIENTPRIVATEKEY=" + key,
			"ORDERER_GENERAL_CLUSTER_ROOTCAS=[" + roots + "]",
			"ORDERER_ADMIN_LISTENADDRESS=" + address(n.plan.ordererAdminPort(i)),
			"ORDERER_ADMIN_TLS_ENABLED=true", "ORDERER_ADMIN_TLS_CERTIFICATE=" + cert, "ORDERER_ADMIN_TLS_PRIVATEKEY=" + key,
			"ORDERER_ADMIN_TLS_ROOTCAS=[" + roots + "]", "ORDERER_ADMIN_TLS_CLIENTROOTCAS=[" + roots + "]", "ORDERER_ADMIN_TLS_CLIENTAUTHREQUIRED=true",
			"ORDERER_CHANNELPARTICIPATION_ENABLED=true",
			"ORDERER_FILELEDGER_LOCATION=" + filepath.Join(dir, "data"),
			"ORDERER_CONSENSUS_WALDIR=" + filepath.Join(dir, "wal"), "ORDERER_CONSENSUS_SNAPDIR=" + filepath.Join(dir, "snapshots"),
			"ORDERER_OPERATIONS_LISTENADDRESS=127.0.0.1:0",
		},
	}, nil
}

// peer does the same for a peer. The environment cannot hold two of its settings.
func (n *Network) peer(i int, org string) (*process, error) {
	name := peerName(org)
	dir := n.path(name)
	text, err := sample(n.bin, "core.yaml")
	if err != nil {
		return nil, err
	}
	for before, after := range map[string]string{
		"endpoint: unix:///var/run/docker.sock":  `endpoint: ""`,
		"path: /opt/hyperledger/ccaas_builder\n": "path: " + strconv.Quote(n.path("ccaas")) + "\n",
	} {
		if bytes.Count(text, []byte(before)) != 1 {
			return nil, fmt.Errorf("the sample configuration core.yaml has no line %q: is it that of Fabric 3?", before)
		}
		text = bytes.Replace(text, []byte(before), []byte(after), 1)
	}
	if err := writeFile(filepath.Join(dir, "core.yaml"), text); err != nil {
		return nil, err
	}
	self, tls := address(n.plan.peerPort(i)), n.node("peer", org, "tls")
	return &process{
		name: name, dir: dir, log: n.log(name), say: n.say, command: []string{filepath.Join(n.bin, "peer"), "node", "start"},
		listens: []string{self},
		env: append([]string{
			"FABRIC_CFG_PATH=" + dir,
			"CORE_PEER_ID=" + name, "CORE_PEER_NETWORKID=aceso",
			"CORE_PEER_LISTENADDRESS=" + self, "CORE_PEER_ADDRESS=" + self, "CORE_PEER_CHAINCODELISTENADDRESS=127.0.0.1:0",
			"CORE_PEER_LOCALMSPID=" + org, "CORE_PEER_MSPCONFIGPATH=" + n.node("peer", org, "msp"),
			"CORE_PEER_TLS_ENABLED=true", "CORE_PEER_TLS_CERT_FILE=" + filepath.Join(tls, "server.crt"),
			"CORE_PEER_TLS_KEY_FILE=" + filepath.Join(tls, "server.key"), "CORE_PEER_TLS_ROOTCERT_FILE=" + filepath.Join(tls, "ca.crt"),
			"CORE_PEER_FILESYSTEMPATH=" + filepath.Join(dir, "data"), "CORE_LEDGER_SNAPSHOTS_ROOTDIR=" + filepath.Join(dir, "snapshots"),
			"CORE_OPERATIONS_LISTENADDRESS=127.0.0.1:0",
			// A peer that hangs is passed over sooner than clients give up.
			"CORE_PEER_GATEWAY_ENDORSEMENTTIMEOUT=5s", "CORE_PEER_GATEWAY_DIALTIMEOUT=5s",
		}, gossip(self)...),
	}, nil
}

// gossip makes peers of different organisations find each other within a second or
// two; the defaults take half a minute.
func gossip(self string) []string {
	return []string{
		"CORE_PEER_GOSSIP_BOOTSTRAP=" + self, "CORE_PEER_GOSSIP_ENDPOINT=" + self, "CORE_PEER_GOSSIP_EXTERNALENDPOINT=" + self,
		"CORE_PEER_GOSSIP_USELEADERELECTION=false", "CORE_PEER_GOSSIP_ORGLEADER=true",
		"CORE_PEER_GOSSIP_RECONNECTINTERVAL=1s", "CORE_PEER_GOSSIP_ALIVETIMEINTERVAL=1s", "CORE_PEER_GOSSIP_MEMBERSHIPTRACKERINTERVAL=1s",
		"CORE_PEER_GOSSIP_PUBLISHSTATEINFOINTERVAL=1s", "CORE_PEER_GOSSIP_REQUESTSTATEINFOINTERVAL=1s",
	}
}

// service is the contract of one organisation.
func (n *Network) service(i int, org, id string, command []string) *process {
	self := address(n.plan.chaincodePort(i))
	return &process{
		name: chaincodeName(org), dir: n.dir, log: n.log(chaincodeName(org)), say: n.say, command: command, listens: []string{self},
		env: []string{"CHAINCODE_SERVER_ADDRESS=" + self, "CHAINCODE_ID=" + id},
	}
}
