package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// chaincodeOptions are the flags of chaincode. Each also has the name by which Fabric
// deployments know it.
type chaincodeOptions struct {
	address, id, clientCA string
	tls                   tlsOptions
}

func chaincodeCommand(args []string, stdout, stderr io.Writer) int {
	var o chaincodeOptions
	f := newFlags("chaincode", "", stderr)
	f.StringVar(&o.address, "address", cmp.Or(os.Getenv("CHAINCODE_SERVER_ADDRESS"), "127.0.0.1:9999"), "`address` that peers connect to; also CHAINCODE_SERVER_ADDRESS")
	f.StringVar(&o.id, "id", os.Getenv("CHAINCODE_ID"), "package `id` that the peers installed; also CHAINCODE_ID")
	f.StringVar(&o.tls.cert, "tls-cert", os.Getenv("CHAINCODE_TLS_CERT"), "certificate `file` (PEM); also CHAINCODE_TLS_CERT")
	f.StringVar(&o.tls.key, "tls-key", os.Getenv("CHAINCODE_TLS_KEY"), "key `file` (PEM); also CHAINCODE_TLS_KEY")
	f.StringVar(&o.clientCA, "client-ca", os.Getenv("CHAINCODE_CLIENT_CA_CERT"), "`file` with the authorities of the peers' client certificates (PEM); also CHAINCODE_CLIENT_CA_CERT")
	f.BoolVar(&o.tls.insecure, "insecure-listen", false, "listen beyond loopback without TLS, because something in front provides it")
	if code, ok := parseAlone(f, args); !ok {
		return code
	}
	if err := o.check(); err != nil {
		return misuse(stderr, "chaincode", "%v", err)
	}
	ctx, stop := interruptible()
	defer stop()
	if err := o.serve(ctx, stdout); err != nil {
		return fail(stderr, "chaincode", err)
	}
	return exitOK
}

// check finds what is wrong with the flags.
func (o chaincodeOptions) check() error {
	_, err := o.tls.check("--address", o.address)
	switch {
	case err != nil:
		return err
	case o.id == "":
		return errors.New("--id is needed: the package id that `peer lifecycle chaincode install` prints")
	case o.clientCA != "" && o.tls.cert == "":
		return errors.New("--client-ca needs --tls-cert and --tls-key")
	}
	return nil
}

// serve answers peers until ctx ends.
func (o chaincodeOptions) serve(ctx context.Context, stdout io.Writer) error {
	secure, err := o.config()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", o.address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer l.Close()
	fmt.Fprintf(stdout, "listening on %s\n", l.Addr())
	return chaincode.Serve(ctx, l, o.id, secure)
}

// config is nil without a certificate.
func (o chaincodeOptions) config() (*tls.Config, error) {
	certificates, err := o.tls.certificates()
	if err != nil || certificates == nil {
		return nil, err
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: certificates}
	if o.clientCA == "" {
		return secure, nil
	}
	pem, err := os.ReadFile(o.clientCA)
	if err != nil {
		return nil, fmt.Errorf("client authorities: %w", err)
	}
	secure.ClientCAs = x509.NewCertPool()
	if !secure.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("client authorities: %s has no certificate", o.clientCA)
	}
	secure.ClientAuth = tls.RequireAndVerifyClientCert
	return secure, nil
}
