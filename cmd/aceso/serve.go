package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge/fabric"
	"github.com/aceso-health/aceso/server"
)

// drain is how long running requests may take once the server is told to stop.
const drain = 20 * time.Second

// serveOptions are the flags of serve.
type serveOptions struct {
	data, listen, organization, node, baseURL string
	database                                  databaseOptions
	policies, issuers, witness, origins       string
	tlsCert, tlsKey                           string
	demo, insecure                            bool
	rate                                      float64
	scrub                                     time.Duration
	anchor                                    anchorOptions
}

func serveCommand(args []string, stdout, stderr io.Writer) int {
	var o serveOptions
	f := newFlags("serve", "", stderr)
	f.StringVar(&o.data, "data", "", "data `folder` (default aceso-data; with --demo a fresh temporary one)")
	o.database.flags(f)
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 picks a free one")
	f.StringVar(&o.organization, "org", "", "`organisation` that this node belongs to; fixed at the first start")
	f.StringVar(&o.node, "node", "", "`name` of this node; fixed at the first start")
	f.StringVar(&o.baseURL, "base-url", "", "FHIR base `URL` that clients see: audience of tokens and base of links")
	f.BoolVar(&o.demo, "demo", false, "load a small synthetic hospital and print requests to try")
	f.StringVar(&o.policies, "policies", "", "`folder` of policies that replace the built-in ones; watched for changes")
	f.StringVar(&o.issuers, "issuers", "", "`file` that names external token issuers")
	f.StringVar(&o.witness, "witness", "", "`folder-or-URL` that gets a copy of every checkpoint")
	f.StringVar(&o.origins, "cors", "", "`origins` whose scripts may read answers, separated by commas")
	f.StringVar(&o.tlsCert, "tls-cert", "", "certificate `file` (PEM)")
	f.StringVar(&o.tlsKey, "tls-key", "", "key `file` (PEM)")
	f.BoolVar(&o.insecure, "insecure-listen", false, "listen beyond loopback without TLS, because something in front provides it")
	f.Float64Var(&o.rate, "rate", 0, "requests per second of each client; 0 is no limit")
	f.DurationVar(&o.scrub, "scrub", time.Hour, "`time` between two checks of everything stored against the records; 0 is never")
	f.StringVar(&o.anchor.ledger, "ledger", "local", "`fabric:PROFILE` also anchors records on the channel of a connection profile; local does not")
	f.DurationVar(&o.anchor.age, "anchor-age", fabric.Usual.Age, "`time` after which waiting records are anchored at the latest")
	f.Int64Var(&o.anchor.most, "anchor-most", fabric.Usual.Most, "`records` in one transaction, at most 10000")
	f.DurationVar(&o.anchor.warn, "anchor-warn", 15*time.Minute, "`time` after which waiting records are warned of; 0 is never")
	f.DurationVar(&o.anchor.readOnly, "anchor-read-only", 0, "`time` of waiting after which changes are refused; 0 is never")
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(rest) > 0 {
		return misuse(stderr, "serve", "unexpected argument %q", rest[0])
	}
	if err := o.check(); err != nil {
		return misuse(stderr, "serve", "%v", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	if err := serve(ctx, o, stdout, log); err != nil {
		return fail(stderr, "serve", err)
	}
	return exitOK
}

// serve runs until ctx ends, then drains and closes.
func serve(ctx context.Context, o serveOptions, stdout io.Writer, log *slog.Logger) (err error) {
	data, err := o.folder()
	if err != nil {
		return err
	}
	if o.demo {
		o.organization, o.node = data.names(o.organization, o.node, demoHospital)
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer listener.Close()
	origin := o.origin(listener.Addr())
	if o.baseURL == "" {
		o.baseURL = origin + "/fhir"
	}
	n, err := openNode(ctx, data, o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	if err := data.writeNode(n.node); err != nil {
		return err
	}
	if o.demo {
		if err := n.loadDemo(ctx); err != nil {
			return err
		}
	}
	return n.answer(ctx, listener, o, func() error {
		fmt.Fprintf(stdout, "listening on %s\n", origin)
		if !o.demo {
			return nil
		}
		return n.showDemo(stdout, data, origin)
	})
}

// answer serves requests until ctx ends; ready is called when it has begun.
func (n *openedNode) answer(ctx context.Context, l net.Listener, o serveOptions, ready func() error) error {
	s := server.HTTP(n.handler)
	s.RegisterOnShutdown(n.bridge.answerWaiting)
	if o.tlsCert != "" {
		certificate, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	ended := make(chan error, 1)
	go func() {
		if s.TLSConfig != nil {
			ended <- s.ServeTLS(l, "", "")
			return
		}
		ended <- s.Serve(l)
	}()
	if err := ready(); err != nil {
		return errors.Join(err, s.Close())
	}
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-n.lost():
		return errors.Join(n.nodeLost(), s.Close())
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := s.Shutdown(last); err != nil {
		return fmt.Errorf("some requests did not end in time: %w", errors.Join(err, s.Close()))
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// folder is where the data are kept.
func (o serveOptions) folder() (dataFolder, error) {
	switch {
	case o.data != "":
		return createDataFolder(o.data)
	case o.demo:
		path, err := os.MkdirTemp("", "aceso-demo-")
		if err != nil {
			return "", fmt.Errorf("create data folder: %w", err)
		}
		return dataFolder(path), nil
	}
	return createDataFolder("aceso-data")
}
