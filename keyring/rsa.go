package keyring

import (
	"crypto/rsa"
	"crypto/sha3"
	"fmt"
	"math/big"
)

// The shape of an RSA key: 2048 bits, two primes.
const (
	rsaPrime    = 1024 // bits
	rsaExponent = 65537
)

// RSA is the private key of a key of use IDTokens. It is derived from the secret, always
// the same one, so that rings hold 32 bytes for every use: the primes are the first after
// two numbers that SHAKE256 makes of it. It takes some tens of milliseconds.
func (k Key) RSA() (*rsa.PrivateKey, error) {
	if k.Use != IDTokens {
		return nil, fmt.Errorf("keyring: keys for %q are not RSA", k.Use)
	}
	stream := sha3.NewSHAKE256()
	_, _ = stream.Write([]byte("aceso.rsa.v1\x00"))
	_, _ = stream.Write(k.Secret) // never fails
	one := big.NewInt(1)
	for {
		p, q := primeFrom(stream), primeFrom(stream)
		if p.Cmp(q) == 0 {
			continue
		}
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		key := &rsa.PrivateKey{
			PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: rsaExponent},
			D:         new(big.Int).ModInverse(big.NewInt(rsaExponent), phi), Primes: []*big.Int{p, q},
		}
		key.Precompute()
		return key, key.Validate()
	}
}

// primeFrom is the first prime after the next number of a stream whose two highest bits
// are set, so that two of them make a modulus of full length. One less is no multiple of
// the exponent.
func primeFrom(stream *sha3.SHAKE) *big.Int {
	bytes := make([]byte, rsaPrime/8)
	_, _ = stream.Read(bytes)
	bytes[0] |= 0xc0
	bytes[len(bytes)-1] |= 1
	p, two, e := new(big.Int).SetBytes(bytes), big.NewInt(2), big.NewInt(rsaExponent)
	for {
		less := new(big.Int).Sub(p, big.NewInt(1))
		if p.ProbablyPrime(20) && new(big.Int).Mod(less, e).Sign() != 0 {
			return p
		}
		p.Add(p, two)
	}
}
