// Package fabric anchors logs on a Hyperledger Fabric channel through the contract
// of package chaincode, and checks what a channel holds.
//
// It does not keep records, does not decide what is recorded, and does not run a
// network: package devnet does, for development.
package fabric

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Profile is the connection profile of one organisation: how its nodes reach the
// channel, who they are there, and who the members are. It is one JSON file; file names
// in it are relative to its folder.
type Profile struct {
	Channel       string         `json:"channel"`
	Chaincode     string         `json:"chaincode"`
	MSP           string         `json:"msp"`           // this organisation: the MSP id is its name, byte for byte
	Certificate   string         `json:"certificate"`   // PEM file: the client identity that submits
	Key           string         `json:"key"`           // PEM file (PKCS #8) of its private key, mode 0600
	Organizations []Organization `json:"organizations"` // members with peers, this one among them
	Orderers      []Organization `json:"orderers"`      // organisations of the ordering service; their nodes are orderers
}

// Organization is a member of the channel and where its nodes are.
type Organization struct {
	MSP   string     `json:"msp"`
	Roots string     `json:"roots"` // PEM text: root authorities of the MSP's identities
	Nodes []Endpoint `json:"nodes"`
}

// Endpoint is one peer or orderer.
type Endpoint struct {
	Name       string `json:"name"`        // for people and for `aceso devnet kill`
	Address    string `json:"address"`     // host:port
	ServerName string `json:"server_name"` // name in its TLS certificate, if not the host
	TLSRoots   string `json:"tls_roots"`   // PEM text: authorities of its TLS certificate
}

// ReadProfile reads and checks a profile; file names become paths.
func ReadProfile(path string) (*Profile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read connection profile: %w", err)
	}
	p := new(Profile)
	if err = decodeWhole(data, p); err == nil {
		err = p.check()
	}
	if err != nil {
		return nil, fmt.Errorf("connection profile %s: %w", path, err)
	}
	for _, name := range []*string{&p.Certificate, &p.Key} {
		if !filepath.IsAbs(*name) {
			*name = filepath.Join(filepath.Dir(path), *name)
		}
	}
	return p, nil
}

// decodeWhole reads one JSON value. It refuses unknown members: those of people may be
// misspelt, those of a contract are of another version.
func decodeWhole(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("there is more after its end")
	}
	return nil
}

// Single reports whether one organisation endorses alone. Such a network is for
// development: its anchors are worth no more than that organisation's word.
func (p *Profile) Single() bool { return len(p.Organizations) == 1 }

// Organization returns the member with this MSP id, nil if there is none.
func (p *Profile) Organization(msp string) *Organization {
	i := slices.IndexFunc(p.Organizations, func(o Organization) bool { return o.MSP == msp })
	if i < 0 {
		return nil
	}
	return &p.Organizations[i]
}

func (p *Profile) check() error {
	for name, value := range map[string]string{"channel": p.Channel, "chaincode": p.Chaincode, "msp": p.MSP, "certificate": p.Certificate, "key": p.Key} {
		if value == "" {
			return fmt.Errorf("%q is missing", name)
		}
	}
	if !channelName.MatchString(p.Channel) {
		return fmt.Errorf("%q is not the name of a channel: lower-case letters, digits, dots and hyphens", p.Channel)
	}
	if o := p.Organization(p.MSP); o == nil || len(o.Nodes) == 0 {
		return fmt.Errorf("organizations has no peer of %q, to which this node would connect", p.MSP)
	}
	if len(p.Orderers) == 0 {
		return errors.New("orderers is empty: blocks could not be checked")
	}
	for _, list := range [][]Organization{p.Organizations, p.Orderers} {
		if err := checkDistinct(list); err != nil {
			return err
		}
		for _, o := range list {
			if err := o.check(); err != nil {
				return fmt.Errorf("organisation %q: %w", o.MSP, err)
			}
		}
	}
	return nil
}

// channelName is what Fabric allows; folders are named after it.
var channelName = regexp.MustCompile(`^[a-z][a-z0-9.-]{0,248}$`)

// checkDistinct checks that each organisation is there once and has nodes of its own.
// One that counted twice would endorse for two, and another's peer cannot say what is
// final.
func checkDistinct(list []Organization) error {
	seen, of := map[string]bool{}, map[string]string{}
	for _, o := range list {
		if seen[o.MSP] {
			return fmt.Errorf("organisation %q is there twice", o.MSP)
		}
		seen[o.MSP] = true
		for _, n := range o.Nodes {
			if other, ok := of[n.Address]; ok && other != o.MSP {
				return fmt.Errorf("organisations %q and %q have a node at the same address %s", other, o.MSP, n.Address)
			}
			of[n.Address] = o.MSP
		}
	}
	return nil
}

func (o *Organization) check() error {
	if o.MSP == "" {
		return errors.New("has no msp")
	}
	if _, err := certificates(o.Roots); err != nil {
		return fmt.Errorf("roots: %w", err)
	}
	for _, n := range o.Nodes {
		if n.Name == "" || n.Address == "" {
			return errors.New("has a node without name or address")
		}
		if host, port, err := net.SplitHostPort(n.Address); err != nil || host == "" || port == "" {
			return fmt.Errorf("the address %q of %s is not host:port", n.Address, n.Name)
		}
		if _, err := certificates(n.TLSRoots); err != nil {
			return fmt.Errorf("tls_roots of %s: %w", n.Name, err)
		}
	}
	return nil
}

// certificates reads PEM text that holds one certificate or more and nothing else.
func certificates(text string) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for rest := []byte(text); len(bytes.TrimSpace(rest)) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("it is not PEM")
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("it holds a %s, not a certificate", strings.ToLower(block.Type))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, c)
	}
	if len(found) == 0 {
		return nil, errors.New("there is no certificate")
	}
	return found, nil
}
