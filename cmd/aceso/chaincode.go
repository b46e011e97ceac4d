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
	"os/signal"
	"syscall"

	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// chaincodeOptions are the flags of chaincode. Each also has the name by which Fabric
// deployments know it.
type chaincodeOptions struct {
	address, id               string
	tlsCert, tlsKey, clientCA string
	insecure                  bool
}

func chaincodeCommand(args []string, stdout, stderr io.Writer) int {
	var o chaincodeOptions
	f := newFlags("chaincode", "", stderr)
	f.StringVar(&o.address, "address", cmp.Or(os.Getenv("CHAINCODE_SERVER_ADDRESS"), "127.0.0.1:9999"), "`address` that peers connect to; also CHAINCODE_SERVER_ADDRESS")
	f.StringVar(&o.id, "id", os.Getenv("CHAINCODE_ID"), "package `id` that the peers installed; also CHAINCODE_ID")
	f.StringVar(&o.tlsCert, "tls-cert", os.Getenv("CHAINCODE_TLS_CERT"), "certificate `file` (PEM); also CHAINCODE_TLS_CERT")
	f.StringVar(&o.tlsKey, "tls-key", os.Getenv("CHAINCODE_TLS_KEY"), "key `file` (PEM); also CHAINCODE_TLS_KEY")
	f.StringVar(&o.clientCA, "client-ca", os.Getenv("CHAINCODE_CLIENT_CA_CERT"), "`file` with the authorities of the peers' client certificates (PEM); also CHAINCODE_CLIENT_CA_CERT")
	f.BoolVar(&o.insecure, "insecure-listen", false, "listen beyond loopback without TLS, because something in front provides it")
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(rest) > 0 {
		return misuse(stderr, "chaincode", "unexpected argument %q", rest[0])
	}
	if err := o.check(); err != nil {
		return misuse(stderr, "chaincode", "%v", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.serve(ctx, stdout); err != nil {
		return fail(stderr, "chaincode", err)
	}
	return exitOK
}

// check finds what is wrong with the flags.
func (o chaincodeOptions) check() error {
	host, _, err := net.SplitHostPort(o.address)
	switch {
	case err != nil:
		return fmt.Errorf("--address: %q is not host:port", o.address)
	case o.id == "":
		return errors.New("--id is needed: the package id that `peer lifecycle chaincode install` prints")
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return errors.New("--tls-cert and --tls-key belong together")
	case o.clientCA != "" && o.tlsCert == "":
		return errors.New("--client-ca needs --tls-cert and --tls-key")
	case !loopback(host) && o.tlsCert == "" && !o.insecure:
		return fmt.Errorf("--address %s is reachable from other machines: give --tls-cert and --tls-key, or --insecure-listen if something in front provides TLS", o.address)
	}
	return nil
}

// serve answers peers until ctx ends.
func (o chaincodeOptions) serve(ctx context.Context, stdout io.Writer) error {
	secure, err := o.tls()
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

// tls is nil without a certificate.
func (o chaincodeOptions) tls() (*tls.Config, error) {
	if o.tlsCert == "" {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
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
