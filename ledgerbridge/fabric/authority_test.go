package fabric

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"testing"
)

// Fabric signs with keys of several kinds; those that it does not sign with are refused.
func TestKindsOfKeys(t *testing.T) {
	o := newOrganisation(t, "clinic")
	var a Authorities
	if err := a.Add("clinic", o.roots); err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	digest := sha256.Sum256(message)
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	larger, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	other, _ := rsa.GenerateKey(rand.Reader, 2048)
	for name, test := range map[string]struct {
		key    crypto.Signer
		signed []byte
		how    crypto.SignerOpts
		good   bool
	}{
		"Ed25519": {edwards, message, crypto.Hash(0), true},
		"P-384":   {larger, digest[:], crypto.SHA256, true},
		"RSA":     {other, digest[:], crypto.SHA256, false},
	} {
		template := certificate("peer", rolePeer)
		der, err := x509.CreateCertificate(rand.Reader, template, o.ca, test.key.Public(), o.key)
		if err != nil {
			t.Fatal(err)
		}
		m, err := a.certified("clinic", der)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range 8 { // half of ECDSA's signatures have the higher S
			signature, err := test.key.Sign(rand.Reader, test.signed, test.how)
			if err != nil {
				t.Fatal(err)
			}
			if key, ok := test.key.(*ecdsa.PrivateKey); ok && !lowS(&key.PublicKey, signature) {
				if m.verify(message, signature) == nil {
					t.Errorf("%s: the higher S is accepted", name)
				}
				continue
			}
			if err := m.verify(message, signature); (err == nil) != test.good {
				t.Errorf("%s: %v", name, err)
			}
			if m.verify([]byte("another"), signature) == nil {
				t.Errorf("%s: another message is accepted", name)
			}
		}
	}
}

// Authorities may be chains: a root, and one that it certified, which certifies members.
func TestIntermediateAuthority(t *testing.T) {
	root := newOrganisation(t, "clinic")
	between := &organisation{t: t, msp: "clinic", key: newKey(t)}
	template := certificate("between", "")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	between.ca = issue(t, template, root.ca, &between.key.PublicKey, root.key)
	peer := between.member("peer", rolePeer)
	for name, test := range map[string]struct {
		roots string
		good  bool
	}{
		"chain":             {root.roots + string(encodePEM(between.ca)), true},
		"without the link":  {root.roots, false},
		"without the root":  {string(encodePEM(between.ca)), false},
		"with another root": {newOrganisation(t, "clinic").roots + string(encodePEM(between.ca)), false},
	} {
		var a Authorities
		if err := a.Add("clinic", test.roots); err != nil {
			t.Fatal(err)
		}
		if _, err := a.member(peer.serialized); (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
