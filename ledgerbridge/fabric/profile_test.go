package fabric

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// profileFile writes a profile of the scene with its files, and returns its path.
func (s *scene) profileFile(edit func(*Profile)) string {
	s.t.Helper()
	dir := s.t.TempDir()
	p := s.profile()
	p.Certificate, p.Key = "client.pem", "client-key.pem"
	p.Organizations[0].Nodes = []Endpoint{{Name: "peer0.clinic", Address: "127.0.0.1:7051", TLSRoots: s.clinic.roots}}
	p.Organizations[1].Nodes = []Endpoint{{Name: "peer0.lab", Address: "127.0.0.1:7052", TLSRoots: s.lab.roots}}
	key, err := x509.MarshalPKCS8PrivateKey(s.client.key)
	s.must(err)
	s.must(os.WriteFile(filepath.Join(dir, p.Certificate), encodePEM(s.client.certificate), 0o600))
	s.must(os.WriteFile(filepath.Join(dir, p.Key), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	s.must(os.WriteFile(filepath.Join(dir, "nonsense"), []byte("nonsense"), 0o600))
	edit(p)
	path := filepath.Join(dir, "profile.json")
	s.must(os.WriteFile(path, s.json(p), 0o600))
	return path
}

// open reads a profile and prepares the channel, at a time when the scene's
// certificates are valid.
func (s *scene) open(path string) error {
	p, err := ReadProfile(path)
	if err != nil {
		return err
	}
	c, err := Open(p, longAgo.Add(time.Hour))
	if err != nil {
		return err
	}
	return c.Close()
}

// What can be seen to be wrong without a network is said before there is one.
func TestProfilesThatCannotBe(t *testing.T) {
	s := newScene(t, "log")
	s.must(s.open(s.profileFile(func(*Profile) {})))
	for says, edit := range map[string]func(*Profile){
		`"channel" is missing`:                                    func(p *Profile) { p.Channel = "" },
		`"../elsewhere" is not the name of a channel`:             func(p *Profile) { p.Channel = "../elsewhere" },
		`organisation "clinic" is there twice`:                    func(p *Profile) { p.Organizations = append(p.Organizations, p.Organizations[0]) },
		`organisation "orderers" is there twice`:                  func(p *Profile) { p.Orderers = append(p.Orderers, p.Orderers[0]) },
		`"clinic" and "lab" have a node at the same address`:      func(p *Profile) { p.Organizations[0].Nodes[0].Address = "127.0.0.1:7052" },
		`the address "127.0.0.1" of peer0.clinic is not host:por`: func(p *Profile) { p.Organizations[0].Nodes[0].Address = "127.0.0.1" },
		`no peer of "ward"`:                                       func(p *Profile) { p.MSP = "ward" },
		`tls_roots of peer0.clinic: there is no certificate`:      func(p *Profile) { p.Organizations[0].Nodes[0].TLSRoots = "" },
		`roots: it is not PEM`:                                    func(p *Profile) { p.Organizations[1].Roots = "nonsense" },
		`client-key.pem: it holds a private key, not a certifica`: func(p *Profile) { p.Certificate = p.Key },
		`client.pem: it is not a private key in PEM`:              func(p *Profile) { p.Key = p.Certificate },
		`nonsense: it is not a private key in PEM`:                func(p *Profile) { p.Key = "nonsense" },
		`nonsense: it is not PEM`:                                 func(p *Profile) { p.Certificate = "nonsense" },
		`certificate of the connection profile: open`:             func(p *Profile) { p.Certificate = "nowhere" },
		`key of the connection profile: open`:                     func(p *Profile) { p.Key = "nowhere" },
	} {
		if err := s.open(s.profileFile(edit)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("says %v, want %q", err, says)
		}
	}
}

// A profile that is not understood wholly is not understood.
func TestProfileText(t *testing.T) {
	s := newScene(t, "log")
	path := s.profileFile(func(*Profile) {})
	good, err := os.ReadFile(path)
	s.must(err)
	for name, bad := range map[string][]byte{
		"misspelt":       bytes.Replace(good, []byte(`"channel"`), []byte(`"chanel"`), 1),
		"more behind it": append(bytes.Clone(good), good...),
		"cut short":      good[:len(good)/2],
		"empty":          nil,
		"another kind":   []byte(`[]`),
	} {
		s.must(os.WriteFile(path, bad, 0o600))
		if p, err := ReadProfile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}
