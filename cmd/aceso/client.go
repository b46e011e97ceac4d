package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/node"
)

const clientArguments = "add ID | list | disable ID | enable ID | remove ID | invite"

// clientJob is one run of the command.
type clientJob struct {
	stdout, stderr io.Writer
	data           string
	database       node.Database
	client         oauth.Client
	kind, jwks     string
	redirects      string
	scopes         string
	purposes       string
	backend        bool
	life           time.Duration
}

// clientCommand changes the clients of the authorization server.
func clientCommand(args []string, stdout, stderr io.Writer) int {
	j := clientJob{stdout: stdout, stderr: stderr}
	f := j.flags()
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if err := checkDatabase(j.database); err != nil {
		return misuse(stderr, "client", "%v", err)
	}
	act, err := j.act(rest)
	if err != nil {
		return misuse(stderr, "client", "%v", err)
	}
	data, err := node.OpenFolder(j.data)
	if err != nil {
		return fail(stderr, "client", err)
	}
	receipts, err := node.ChangeClients(context.Background(), data, j.database, act)
	if errors.Is(err, kept.ErrNotFound) {
		err = errors.New("there is no such client")
	}
	return showReceipts(stderr, "client", receipts, err)
}

// showReceipts ends a command that changes what the authorization server keeps: it names the
// records of that.
func showReceipts(stderr io.Writer, command string, receipts []string, err error) int {
	if err != nil {
		return fail(stderr, command, err)
	}
	for _, r := range receipts {
		fmt.Fprintf(stderr, "recorded: %s\n", r)
	}
	return exitOK
}

func (j *clientJob) flags() *flag.FlagSet {
	f := newFlags("client", clientArguments, j.stderr)
	f.StringVar(&j.data, "data", defaultData, "data `folder` of the server, which must be stopped unless it is on a database")
	databaseFlags(f, &j.database)
	f.StringVar(&j.client.Name, "name", "", "display `name`")
	f.StringVar(&j.kind, "kind", "public", "public, symmetric or asymmetric")
	f.StringVar(&j.redirects, "redirect", "", "redirect `URIs`, separated by spaces, compared exactly")
	f.StringVar(&j.client.Launch, "launch", "", "`URL` where an EHR launch begins")
	f.StringVar(&j.client.Logo, "logo", "", "`URL` of its logo")
	f.StringVar(&j.client.Contact, "contact", "", "`address` of those behind it, which the consent page shows")
	f.StringVar(&j.scopes, "scope", "", "SMART `scopes` that it may ask for")
	f.StringVar(&j.purposes, "purpose", "TREAT", "purposes of use that it may ask for (`codes`, separated by commas)")
	f.StringVar(&j.jwks, "jwks", "", "`file` with the public keys of an asymmetric client")
	f.StringVar(&j.client.JWKSURI, "jwks-uri", "", "`URL` of them instead")
	f.BoolVar(&j.client.Private, "allow-private", false, "fetch them from private addresses, too, and by http from this machine")
	f.BoolVar(&j.backend, "backend", false, "it calls for itself (client_credentials), as a system of --org")
	f.StringVar(&j.client.Organization, "org", "", "`organisation` of a backend")
	f.BoolVar(&j.client.Introspects, "introspects", false, "it may ask about tokens of other clients")
	f.DurationVar(&j.life, "expires", 24*time.Hour, "life of an invitation")
	return f
}

// act is what is to be done.
func (j *clientJob) act(rest []string) (func(*oauth.Server, *kept.Call, agent.Agent) error, error) {
	ctx, usage := context.Background(), errors.New("usage: aceso client "+clientArguments)
	if len(rest) == 1 && rest[0] == "list" {
		return j.list, nil
	}
	if len(rest) == 1 && rest[0] == "invite" {
		return j.invite, nil
	}
	if len(rest) != 2 {
		return nil, usage
	}
	id := rest[1]
	switch rest[0] {
	case "add":
		return j.add, j.complete(id)
	case "disable", "enable":
		return func(s *oauth.Server, c *kept.Call, who agent.Agent) error {
			return s.DisableClient(ctx, c, who, id, rest[0] == "disable")
		}, nil
	case "remove":
		return func(s *oauth.Server, c *kept.Call, who agent.Agent) error { return s.RemoveClient(ctx, c, who, id) }, nil
	}
	return nil, usage
}

// complete fills in what follows from the flags.
func (j *clientJob) complete(id string) error {
	c := &j.client
	c.ID, c.Kind, c.Redirects, c.Scopes, c.Purposes = id, oauth.Kind(j.kind), strings.Fields(j.redirects), strings.Fields(j.scopes), split(j.purposes)
	c.Grants = []string{"authorization_code", "refresh_token"}
	if j.backend {
		c.Kind, c.Role, c.Grants = oauth.Asymmetric, agent.System, []string{"client_credentials"}
	}
	if j.jwks == "" {
		return nil
	}
	keys, err := os.ReadFile(j.jwks)
	c.JWKS = keys
	return err
}

// add prints the secret of a symmetric client and nothing else on standard output.
func (j *clientJob) add(s *oauth.Server, c *kept.Call, who agent.Agent) error {
	if j.backend {
		j.client.Organization = cmp.Or(j.client.Organization, s.Organization)
	}
	secret, err := s.AddClient(context.Background(), c, who, j.client)
	if err == nil && secret != "" {
		fmt.Fprintln(j.stdout, secret)
	}
	return err
}

func (j *clientJob) invite(s *oauth.Server, c *kept.Call, who agent.Agent) error {
	token, err := s.InitialToken(context.Background(), c, who, oauth.Initial{Scopes: strings.Fields(j.scopes), Purposes: split(j.purposes)}, j.life)
	if err == nil {
		fmt.Fprintln(j.stdout, token)
	}
	return err
}

func (j *clientJob) list(s *oauth.Server, c *kept.Call, who agent.Agent) error {
	all, err := s.Clients(context.Background(), c, who)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(j.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKIND\tSTATE\tPURPOSES\tSCOPES")
	for i := range all {
		state := "enabled"
		if all[i].Disabled {
			state = "disabled"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", all[i].ID, all[i].Kind, state, strings.Join(all[i].Purposes, ","), strings.Join(all[i].Scopes, " "))
	}
	return w.Flush()
}
