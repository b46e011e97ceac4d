package devnet

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-admin-sdk/pkg/channel"
	"github.com/hyperledger/fabric-admin-sdk/pkg/identity"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// create makes the channel and puts the chaincode on it.
func (n *Network) create(ctx context.Context) error {
	data, err := os.ReadFile(n.path("channel.block"))
	if err != nil {
		return fmt.Errorf("create channel: %w", err)
	}
	block := new(common.Block)
	if err := proto.Unmarshal(data, block); err != nil {
		return fmt.Errorf("create channel: %w", err)
	}
	for i, name := range n.plan.ordererNames() {
		if err := n.joinOrderer(i, name, block); err != nil {
			return fmt.Errorf("create channel: %s: %w", name, err)
		}
	}
	if err := parallel(n.plan.Orgs, func(i int, org string) error { return n.install(ctx, i, org, block) }); err != nil {
		return err
	}
	return n.commit(ctx)
}

// joinOrderer gives an orderer the first block of the channel.
func (n *Network) joinOrderer(i int, name string, block *common.Block) error {
	roots, err := os.ReadFile(n.node("orderer", name, "tls", "ca.crt"))
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(roots)
	own, err := tls.LoadX509KeyPair(n.node("orderer", name, "tls", "server.crt"), n.node("orderer", name, "tls", "server.key"))
	if err != nil {
		return err
	}
	answer, err := channel.CreateChannel("https://"+address(n.plan.ordererAdminPort(i)), block, pool, own)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return fmt.Errorf("%s: %s", answer.Status, text)
	}
	return nil
}

// install joins the peer of an organisation to the channel, and installs and approves the
// chaincode.
func (n *Network) install(ctx context.Context, i int, org string, block *common.Block) error {
	admin, connection, err := n.connect(i, org, "Admin")
	if err != nil {
		return fmt.Errorf("install chaincode: %s: %w", org, err)
	}
	defer connection.Close()
	if err := again(ctx, func() error { return channel.JoinChannel(ctx, connection, admin, block) }); err != nil {
		return fmt.Errorf("join channel: %s: %w", org, err)
	}
	text, id, err := packageChaincode(address(n.plan.chaincodePort(i)))
	if err != nil {
		return err
	}
	if _, err := chaincode.NewPeer(connection, admin).Install(ctx, bytes.NewReader(text)); err != nil {
		return fmt.Errorf("install chaincode: %s: %w", org, err)
	}
	if err := again(ctx, func() error { return chaincode.NewGateway(connection, admin).Approve(ctx, definition(id)) }); err != nil {
		return fmt.Errorf("approve chaincode: %s: %w", org, err)
	}
	return nil
}

// commit commits the approved chaincode.
func (n *Network) commit(ctx context.Context) error {
	admin, connection, err := n.connect(0, n.plan.Orgs[0], "Admin")
	if err != nil {
		return fmt.Errorf("commit chaincode: %w", err)
	}
	defer connection.Close()
	if err := again(ctx, func() error { return chaincode.NewGateway(connection, admin).Commit(ctx, definition("")) }); err != nil {
		return fmt.Errorf("commit chaincode: %w", err)
	}
	return nil
}

// ready returns when enough peers endorse a query of each organisation. It submits
// nothing.
func (n *Network) ready(ctx context.Context) error {
	return parallel(n.plan.Orgs, func(i int, org string) error {
		id, connection, err := n.connect(i, org, "User1")
		if err != nil {
			return fmt.Errorf("chaincode of %s: %w", org, err)
		}
		defer connection.Close()
		gateway, err := client.Connect(id, client.WithSign(id.Sign), client.WithHash(hash.NONE), client.WithClientConnection(connection))
		if err != nil {
			return fmt.Errorf("chaincode of %s: %w", org, err)
		}
		defer gateway.Close()
		contract := gateway.GetNetwork(Channel).GetContract(Chaincode)
		err = again(ctx, func() error {
			proposal, err := contract.NewProposal("ListSources", client.WithArguments(`{"after":""}`))
			if err != nil {
				return err
			}
			_, err = proposal.EndorseWithContext(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("chaincode of %s does not answer: %w", org, err)
		}
		return nil
	})
}

// connect opens a connection to an organisation's peer, with one of its identities.
func (n *Network) connect(i int, org, user string) (identity.SigningIdentity, *grpc.ClientConn, error) {
	own := n.member("peer", org, "users", user+"@"+org, "msp")
	certificate, err := identity.ReadCertificate(own + "/signcerts/" + user + "@" + org + "-cert.pem")
	if err != nil {
		return nil, nil, err
	}
	key, err := identity.ReadPrivateKey(own + "/keystore/priv_sk")
	if err != nil {
		return nil, nil, err
	}
	id, err := identity.NewPrivateKeySigningIdentity(org, certificate, key)
	if err != nil {
		return nil, nil, err
	}
	secure, err := credentials.NewClientTLSFromFile(n.node("peer", org, "tls", "ca.crt"), "")
	if err != nil {
		return nil, nil, err
	}
	connection, err := grpc.NewClient(address(n.plan.peerPort(i)), grpc.WithTransportCredentials(secure))
	return id, connection, err
}

// again retries steps that fail while a network comes up, until ctx ends.
func again(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil || !soon(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// soon recognises orderers without leader, and peers that do not know each other yet.
func soon(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.FailedPrecondition, codes.Aborted:
		return true
	}
	return strings.Contains(err.Error(), "no combination of peers")
}

// definition is the same for all organisations, but for the package id.
func definition(packageID string) *chaincode.Definition {
	return &chaincode.Definition{ChannelName: Channel, Name: Chaincode, Version: "1", Sequence: 1, PackageID: packageID}
}

// packageChaincode makes the package that names the chaincode's address. Its bytes are
// always the same, so its id is known before it is installed.
func packageChaincode(address string) (text []byte, id string, err error) {
	connection, err := json.Marshal(chaincode.Connection{Address: address, DialTimeout: "10s"})
	var code []byte
	if err == nil {
		code, err = archive(file{"connection.json", connection})
	}
	if err == nil {
		text, err = archive(file{"metadata.json", []byte(`{"type":"ccaas","label":"aceso"}`)}, file{"code.tar.gz", code})
	}
	if err != nil {
		return nil, "", fmt.Errorf("package chaincode: %w", err)
	}
	sum := sha256.Sum256(text)
	return text, "aceso:" + hex.EncodeToString(sum[:]), nil
}

type file struct {
	name string
	data []byte
}

func archive(files ...file) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	t := tar.NewWriter(z)
	for _, f := range files {
		if err := t.WriteHeader(&tar.Header{Name: f.name, Mode: 0o600, Size: int64(len(f.data))}); err != nil {
			return nil, err
		}
		if _, err := t.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
