package fabric

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/identity"
)

// member is the client identity of a profile: who submits, and how it signs.
type member struct {
	id   *identity.X509Identity
	sign identity.Sign
}

// identity reads certificate and key, and checks them as the channel's peers will: it
// says in a sentence what they would refuse.
func (p *Profile) identity(now time.Time) (*member, error) {
	text, err := os.ReadFile(p.Certificate)
	if err != nil {
		return nil, fmt.Errorf("certificate of the connection profile: %w", err)
	}
	chain, err := certificates(string(text))
	if err != nil {
		return nil, fmt.Errorf("certificate of the connection profile, %s: %w", p.Certificate, err)
	}
	if err := p.checkCertificate(chain, now); err != nil {
		return nil, fmt.Errorf("certificate of the connection profile, %s: %w", p.Certificate, err)
	}
	key, err := readKey(p.Key, chain[0])
	if err != nil {
		return nil, err
	}
	m := new(member)
	if m.id, err = identity.NewX509Identity(p.MSP, chain[0]); err != nil {
		return nil, err
	}
	m.sign, err = identity.NewPrivateKeySign(key)
	return m, err
}

// checkCertificate checks that the certificate is valid now, and that an authority of
// the profile's own organisation issued it.
func (p *Profile) checkCertificate(chain []*x509.Certificate, now time.Time) error {
	leaf := chain[0]
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return fmt.Errorf("it is valid from %s to %s only: ask the authority of %s for a new one",
			leaf.NotBefore.Format(time.DateOnly), leaf.NotAfter.Format(time.DateOnly), p.MSP)
	}
	if issuedBy(p.Organization(p.MSP).Roots, chain, now) {
		return nil
	}
	for _, o := range p.Organizations {
		if issuedBy(o.Roots, chain, now) {
			return fmt.Errorf("it is one of %s, the profile is of %s: each organisation uses its own profile", o.MSP, p.MSP)
		}
	}
	return fmt.Errorf("no authority of %s has issued it", p.MSP)
}

func issuedBy(roots string, chain []*x509.Certificate, now time.Time) bool {
	options := chainOptions(now)
	options.Roots.AppendCertsFromPEM([]byte(roots))
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(options)
	return err == nil
}

func readKey(path string, certificate *x509.Certificate) (crypto.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key of the connection profile: %w", err)
	}
	key, err := identity.PrivateKeyFromPEM(text)
	if err != nil {
		return nil, fmt.Errorf("key of the connection profile, %s: it is not a private key in PEM (PKCS #8)", path)
	}
	public, ok := certificate.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	private, ok2 := key.(crypto.Signer)
	if !ok || !ok2 || !public.Equal(private.Public()) {
		return nil, fmt.Errorf("key of the connection profile, %s: it is not the key of the profile's certificate", path)
	}
	return key, nil
}
