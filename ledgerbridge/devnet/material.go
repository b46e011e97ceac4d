package devnet

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"

	"github.com/aceso-health/aceso/ledgerbridge/fabric"
)

//go:embed config
var config embed.FS

// Where things are in the folder of a network.

func (n *Network) path(parts ...string) string {
	return filepath.Join(append([]string{n.dir}, parts...)...)
}

func (n *Network) log(name string) string { return n.path("logs", name+".log") }

// member is the folder that cryptogen made for an organisation.
func (n *Network) member(kind, name string, parts ...string) string {
	return n.path(append([]string{"crypto", kind + "Organizations", name}, parts...)...)
}

// node is the folder of the identity of an organisation's only node.
func (n *Network) node(kind, name string, parts ...string) string {
	return n.member(kind, name, append([]string{kind + "s", "node." + name}, parts...)...)
}

// material makes identities and the first block of the channel.
func (n *Network) material(ctx context.Context) error {
	if err := n.render("crypto-config.yaml", map[string]any{"Orgs": n.plan.Orgs, "Orderers": n.plan.ordererNames()}); err != nil {
		return err
	}
	if err := n.tool(ctx, "cryptogen", "generate", "--config", n.path("crypto-config.yaml"), "--output", n.path("crypto")); err != nil {
		return err
	}
	if err := n.render("configtx.yaml", n.channelValues()); err != nil {
		return err
	}
	return n.tool(ctx, "configtxgen", "-configPath", n.dir, "-profile", "Channel", "-channelID", Channel, "-outputBlock", n.path("channel.block"))
}

// channelValues fill configtx.yaml; file names are relative to the network's folder.
func (n *Network) channelValues() map[string]any {
	type member struct {
		ID, Port                 int
		Name, MSP, Identity, TLS string
	}
	var orderers, orgs []member
	for i, name := range n.plan.ordererNames() {
		node := filepath.Join("crypto", "ordererOrganizations", name, "orderers", "node."+name)
		orderers = append(orderers, member{
			ID: i + 1, Port: n.plan.ordererPort(i), Name: name, MSP: filepath.Join("crypto", "ordererOrganizations", name, "msp"),
			Identity: filepath.Join(node, "msp", "signcerts", "node."+name+"-cert.pem"), TLS: filepath.Join(node, "tls", "server.crt"),
		})
	}
	for i, name := range n.plan.Orgs {
		orgs = append(orgs, member{Port: n.plan.peerPort(i), Name: name, MSP: filepath.Join("crypto", "peerOrganizations", name, "msp")})
	}
	return map[string]any{"BFT": n.plan.BFT, "BatchTimeout": n.plan.BatchTimeout.String(), "Orderers": orderers, "Orgs": orgs}
}

func (n *Network) render(name string, values any) error {
	t, err := template.ParseFS(config, "config/"+name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var text bytes.Buffer
	if err := t.Execute(&text, values); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return writeFile(n.path(name), text.Bytes())
}

// tool runs one of Fabric's tools to its end.
func (n *Network) tool(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(n.bin, name), args...)
	cmd.Dir, cmd.Env = n.dir, inherited()
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, last(said, 5))
	}
	return nil
}

// builder writes the scripts with which peers find chaincode that runs as a service.
func (n *Network) builder() error {
	scripts, err := fs.Sub(config, "config/ccaas/bin")
	if err != nil {
		return err
	}
	for _, name := range []string{"detect", "build", "release"} {
		data, err := fs.ReadFile(scripts, name)
		if err != nil {
			return err
		}
		path := n.path("ccaas", "bin", name)
		if err := writeFile(path, data); err != nil {
			return err
		}
		if err := os.Chmod(path, 0o700); err != nil {
			return fmt.Errorf("builder: %w", err)
		}
	}
	return nil
}

// profiles writes the connection profile of each organisation.
func (n *Network) profiles() error {
	var all fabric.Profile
	for i, name := range n.plan.Orgs {
		o, err := n.organization("peer", name, peerName(name), n.plan.peerPort(i))
		if err != nil {
			return err
		}
		all.Organizations = append(all.Organizations, o)
	}
	for i, name := range n.plan.ordererNames() {
		o, err := n.organization("orderer", name, name, n.plan.ordererPort(i))
		if err != nil {
			return err
		}
		all.Orderers = append(all.Orderers, o)
	}
	for _, name := range n.plan.Orgs {
		p := all
		p.Channel, p.Chaincode, p.MSP = Channel, Chaincode, name
		client := filepath.Join("..", "crypto", "peerOrganizations", name, "users", "User1@"+name, "msp")
		p.Certificate = filepath.Join(client, "signcerts", "User1@"+name+"-cert.pem")
		p.Key = filepath.Join(client, "keystore", "priv_sk")
		if err := writeJSON(n.Profile(name), p); err != nil {
			return err
		}
	}
	return nil
}

// organization describes a member with its only node.
func (n *Network) organization(kind, msp, node string, port int) (o fabric.Organization, err error) {
	roots, err := os.ReadFile(n.member(kind, msp, "ca", "ca."+msp+"-cert.pem"))
	var tls []byte
	if err == nil {
		tls, err = os.ReadFile(n.node(kind, msp, "tls", "ca.crt"))
	}
	if err != nil {
		return o, fmt.Errorf("connection profile: %w", err)
	}
	return fabric.Organization{MSP: msp, Roots: string(roots), Nodes: []fabric.Endpoint{
		{Name: node, Address: address(port), TLSRoots: string(tls)},
	}}, nil
}
