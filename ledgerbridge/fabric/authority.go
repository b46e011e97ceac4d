package fabric

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// Authorities are the certificate authorities, by MSP id, that a verifier trusts.
//
// They judge certificates without a clock: a chain must have been valid when the
// certificate began, and never expires. A proof outlives its certificates, and nothing
// in it could show when it was signed. For the same reason there are no revocation
// lists: a verifier leaves out an authority that it no longer trusts.
type Authorities struct {
	roots map[string][]*x509.Certificate

	mu   sync.Mutex
	seen map[string]*signatory // by serialized identity; only those that chain
}

// maxSeen bounds the cached identities.
const maxSeen = 4096

// Roles of identities, as Fabric's NodeOUs write them into certificates.
const (
	rolePeer    = "peer"
	roleOrderer = "orderer"
)

var roles = []string{rolePeer, roleOrderer, "client", "admin"}

// Add trusts the authorities in PEM text for an MSP: self-signed ones as roots, others
// as links to them. No authority may speak for two organisations: they would be one.
func (a *Authorities) Add(mspID, text string) error {
	found, err := certificates(text)
	if err != nil {
		return fmt.Errorf("authorities of %s: %w", mspID, err)
	}
	for other, roots := range a.roots {
		if other != mspID && shareKey(found, roots) {
			return fmt.Errorf("authorities of %s: one of them is given for %s, too: they would count as two organisations and be one", mspID, other)
		}
	}
	if a.roots == nil {
		a.roots, a.seen = map[string][]*x509.Certificate{}, map[string]*signatory{}
	}
	a.roots[mspID] = append(a.roots[mspID], found...)
	return nil
}

// shareKey compares keys: an authority is its key, however many certificates it has.
func shareKey(a, b []*x509.Certificate) bool {
	return slices.ContainsFunc(a, func(one *x509.Certificate) bool {
		return slices.ContainsFunc(b, func(other *x509.Certificate) bool {
			return bytes.Equal(one.RawSubjectPublicKeyInfo, other.RawSubjectPublicKeyInfo)
		})
	})
}

// Any reports whether any organisation is trusted.
func (a *Authorities) Any() bool { return len(a.roots) > 0 }

// signatory is an identity that chains to an authority of its organisation.
type signatory struct {
	msp         string
	certificate *x509.Certificate
}

// unknownError means that the verifier has no authorities for an MSP.
type unknownError struct{ msp string }

func (e *unknownError) Error() string { return fmt.Sprintf("no roots were given for %q", e.msp) }

// member reads a serialized identity. The error is an *unknownError if a lacks its MSP.
func (a *Authorities) member(serialized []byte) (*signatory, error) {
	a.mu.Lock()
	known := a.seen[string(serialized)]
	a.mu.Unlock()
	if known != nil {
		return known, nil
	}
	var identity msp.SerializedIdentity
	if err := proto.Unmarshal(serialized, &identity); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	block, rest := pem.Decode(identity.GetIdBytes())
	if block == nil || len(rest) > 0 {
		return nil, fmt.Errorf("identity of %q: not one certificate in PEM", identity.GetMspid())
	}
	m, err := a.certified(identity.GetMspid(), block.Bytes)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.seen) < maxSeen {
		a.seen[string(serialized)] = m
	}
	return m, nil
}

// certified checks that a certificate (DER) chains to an authority of an MSP.
func (a *Authorities) certified(mspID string, der []byte) (*signatory, error) {
	trusted := a.roots[mspID]
	if trusted == nil {
		return nil, &unknownError{mspID}
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certificate of %q: %w", mspID, err)
	}
	options := chainOptions(c.NotBefore)
	for _, authority := range trusted {
		if authority.CheckSignatureFrom(authority) == nil {
			options.Roots.AddCert(authority)
		} else {
			options.Intermediates.AddCert(authority)
		}
	}
	if c.IsCA {
		return nil, fmt.Errorf("certificate of %q: an authority is no member", mspID)
	}
	if _, err := c.Verify(options); err != nil {
		return nil, fmt.Errorf("certificate of %q: not issued by one of its trusted authorities: %w", mspID, err)
	}
	return &signatory{mspID, c}, nil
}

// chainOptions are for chains of certificates of any use that are valid at a time.
func chainOptions(at time.Time) x509.VerifyOptions {
	return x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(),
		CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
}

// is reports whether the certificate has a role. Fabric refuses identities with several.
func (m *signatory) is(role string) bool {
	units := m.certificate.Subject.OrganizationalUnit
	return slices.Contains(units, role) &&
		!slices.ContainsFunc(units, func(u string) bool { return u != role && slices.Contains(roles, u) })
}

var errSignature = errors.New("the signature does not fit")

// verify checks a signature over a message as Fabric makes them: ECDSA over SHA-256
// with the lower of the two possible values of S, or Ed25519.
func (m *signatory) verify(message, signature []byte) error {
	switch key := m.certificate.PublicKey.(type) {
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(message)
		if !ecdsa.VerifyASN1(key, digest[:], signature) || !lowS(key, signature) {
			return errSignature
		}
	case ed25519.PublicKey:
		if !ed25519.Verify(key, message, signature) {
			return errSignature
		}
	default:
		return fmt.Errorf("keys of type %T are not Fabric's", key)
	}
	return nil
}

// lowS refuses the second form that every ECDSA signature has: a proof is written in
// one way only.
func lowS(key *ecdsa.PublicKey, signature []byte) bool {
	var pair struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(signature, &pair)
	half := new(big.Int).Rsh(key.Params().N, 1)
	return err == nil && len(rest) == 0 && pair.S.Cmp(half) <= 0
}
