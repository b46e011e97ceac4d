package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/aceso-health/aceso/demo"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
	"github.com/aceso-health/aceso/node"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	node.Options
	data, listen, origins, ledger string
	proxies                       string
	tls                           tlsOptions
	demo                          bool
}

func serveCommand(args []string, stdout, stderr io.Writer) int {
	var o serveOptions
	f := newFlags("serve", "", stderr)
	f.StringVar(&o.data, "data", "", "data `folder` (default aceso-data; with --demo a fresh temporary one)")
	databaseFlags(f, &o.Database)
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 picks a free one")
	f.StringVar(&o.Organization, "org", "", "`organisation` that this node belongs to; fixed at the first start")
	f.StringVar(&o.Name, "node", "", "`name` of this node; fixed at the first start")
	f.StringVar(&o.BaseURL, "base-url", "", "FHIR base `URL` that clients see: audience of tokens and base of links")
	f.BoolVar(&o.demo, "demo", false, "load a small synthetic hospital and print requests to try")
	f.StringVar(&o.Policies, "policies", "", "`folder` of policies that replace the built-in ones; watched for changes")
	f.StringVar(&o.Issuers, "issuers", "", "`file` that names external token issuers")
	f.StringVar(&o.SignIn, "sign-in", "", "`file` that names the OpenID provider where people sign in")
	f.StringVar(&o.Witness, "witness", "", "`folder-or-URL` that gets a copy of every checkpoint")
	f.StringVar(&o.origins, "cors", "", "`origins` whose scripts may read answers, separated by commas")
	f.StringVar(&o.proxies, "trust-proxy", "", "`addresses` and networks of proxies whose Forwarded and X-Forwarded-* headers count, separated by commas")
	f.StringVar(&o.tls.cert, "tls-cert", "", "certificate `file` (PEM)")
	f.StringVar(&o.tls.key, "tls-key", "", "key `file` (PEM)")
	f.BoolVar(&o.tls.insecure, "insecure-listen", false, "listen beyond loopback without TLS, because something in front provides it")
	f.Float64Var(&o.Rate, "rate", node.UsualRate, "`entries` per second of each client but the systems of --org: a request is one, a batch or transaction as many as it has; 10 times as many at once; 0 is no limit for anybody")
	f.DurationVar(&o.Scrub, "scrub", time.Hour, "`time` between two checks of everything stored against the records; 0 is never")
	f.StringVar(&o.Validate, "validate", "base", "`level` at which writes are validated: off, structure, base or profiles")
	f.StringVar(&o.ledger, "ledger", "local", "`fabric:PROFILE` also anchors records on the channel of a connection profile; local does not")
	f.DurationVar(&o.Anchor.Age, "anchor-age", fabric.Usual.Age, "`time` after which waiting records are anchored at the latest")
	f.Int64Var(&o.Anchor.Most, "anchor-most", fabric.Usual.Most, "`records` in one transaction, at most 10000")
	f.DurationVar(&o.Anchor.Warn, "anchor-warn", 15*time.Minute, "`time` after which a warning names waiting records; 0 is never")
	f.DurationVar(&o.Anchor.ReadOnly, "anchor-read-only", 0, "`time` of waiting after which changes are refused; 0 is never")
	if code, ok := parseAlone(f, args); !ok {
		return code
	}
	if err := o.check(); err != nil {
		return misuse(stderr, "serve", "%v", err)
	}
	ctx, stop := interruptible()
	defer stop()
	log := o.logger(stderr)
	if err := serve(ctx, o, stdout, log); err != nil {
		return fail(stderr, "serve", err)
	}
	return exitOK
}

// logger writes JSON; of a demonstration, which is to be read on a terminal, warnings only.
func (o serveOptions) logger(w io.Writer) *slog.Logger {
	if o.demo {
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

// serve runs until ctx ends, then drains and closes.
func serve(ctx context.Context, o serveOptions, stdout io.Writer, log *slog.Logger) (err error) {
	certificates, err := o.tls.certificates()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer listener.Close()
	data, leave, err := o.folder()
	if err != nil {
		return err
	}
	started := false
	defer func() { err = errors.Join(err, leave(started)) }()
	origin := o.origin(listener.Addr())
	o.BaseURL = cmp.Or(o.BaseURL, origin+"/fhir")
	o.Origins, o.Version, o.Log = split(o.origins), version(), log
	var app *demoApp
	if o.demo {
		o.Unnamed = demo.Hospital
		if app, err = openDemoApp(ctx, o.listen); err != nil {
			return err
		}
		defer app.Close()
	}
	if o.TryPolicies, err = tryApart(); err != nil {
		return err
	}
	n, err := node.Open(ctx, data, o.Options)
	if err != nil {
		return err
	}
	started = true
	defer func() { err = errors.Join(err, n.Close()) }()
	var users []demoUser
	if o.demo {
		if err := loadDemo(ctx, n); err != nil {
			return err
		}
		if users, err = demoUsers(ctx, n); err != nil {
			return err
		}
		if err := app.start(ctx, n, users[0]); err != nil {
			return err
		}
	}
	return n.Serve(ctx, listener, certificates, func() error {
		fmt.Fprintf(stdout, "listening on %s\n", origin)
		if !o.demo {
			return nil
		}
		return showDemo(stdout, n, users, data, origin, app.origin)
	})
}

// folder is where the data are kept. leave removes what nobody needs: a demonstration's
// temporary folder, and one that this start has made if the node did not come up.
func (o serveOptions) folder() (data node.Folder, leave func(started bool) error, err error) {
	if o.data == "" && o.demo {
		path, err := os.MkdirTemp("", "aceso-demo-")
		if err != nil {
			return "", nil, fmt.Errorf("create data folder: %w", err)
		}
		return node.Folder(path), func(bool) error { return os.RemoveAll(path) }, nil
	}
	path := cmp.Or(o.data, defaultData)
	if _, err := node.CreateFolder(filepath.Dir(path)); err != nil {
		return "", nil, err
	}
	made := os.Mkdir(path, 0o700) == nil
	data, err = node.CreateFolder(path)
	return data, func(started bool) error {
		if started || !made || !o.alone() {
			return nil
		}
		return data.Discard()
	}, err
}

// alone says that nothing outside the folder knows of its keys: a database is sealed with
// its master key, a witness or a channel may have a checkpoint.
func (o serveOptions) alone() bool {
	return o.Database.URI == "" && o.Witness == "" && o.Anchor.Profile == ""
}
