package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What the flags name becomes the TLS of the listener: peers are asked for a
// certificate exactly when their authorities are given.
func TestChaincodeTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir)
	nothing := filepath.Join(dir, "nothing.pem")
	if err := os.WriteFile(nothing, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := (chaincodeOptions{}).config(); c != nil || err != nil {
		t.Errorf("without certificate: %v, %v", c, err)
	}
	c, err := chaincodeOptions{tls: tlsOptions{cert: cert, key: key}}.config()
	if err != nil || len(c.Certificates) != 1 || c.ClientAuth != tls.NoClientCert || c.MinVersion < tls.VersionTLS12 {
		t.Errorf("with certificate: %+v, %v", c, err)
	}
	c, err = chaincodeOptions{tls: tlsOptions{cert: cert, key: key}, clientCA: cert}.config()
	if err != nil || c.ClientAuth != tls.RequireAndVerifyClientCert || c.ClientCAs == nil {
		t.Errorf("with authorities: %+v, %v", c, err)
	}
	for _, wrong := range []chaincodeOptions{
		{tls: tlsOptions{cert: cert, key: nothing}}, {tls: tlsOptions{cert: cert, key: key}, clientCA: nothing},
		{tls: tlsOptions{cert: cert, key: key}, clientCA: filepath.Join(dir, "absent.pem")},
	} {
		if _, err := wrong.config(); err == nil {
			t.Errorf("accepted: %+v", wrong)
		}
	}
}

func writeCertificate(t *testing.T, dir string) (cert, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
