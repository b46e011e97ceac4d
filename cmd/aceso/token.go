package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/node"
)

// tokenCommand prints a token and nothing else on standard output.
func tokenCommand(args []string, stdout, stderr io.Writer) int {
	g := node.Grant{}
	var purposes string
	f := newFlags("token", "", stderr)
	data := f.String("data", defaultData, "data `folder` of the server")
	f.StringVar(&g.Role, "role", "", "practitioner, patient, system, privacy-officer or administrator")
	f.StringVar(&g.Organization, "org", "", "`organisation` of the bearer (default: that of the node)")
	f.StringVar(&purposes, "purpose", "TREAT", "purposes of use (v3-PurposeOfUse `codes`, separated by commas)")
	f.StringVar(&g.Patient, "patient", "", "`id` of the patient: launch context, or the bearer for role patient")
	f.StringVar(&g.Scope, "scope", "", "SMART `scopes` (default: everything that the role may ask for)")
	f.StringVar(&g.Subject, "subject", "", "who, for example Practitioner/12 (default: the role's name)")
	f.StringVar(&g.Name, "name", "", "display `name` for the records")
	f.StringVar(&g.Client, "client", "aceso-cli", "client `id`")
	f.DurationVar(&g.Expires, "expires", 8*time.Hour, "life of the token")
	base := f.String("base-url", "", "audience (default: the `URL` that the server was last started with)")
	var database node.Database
	databaseFlags(f, &database)
	if code, ok := parseAlone(f, args); !ok {
		return code
	}
	g.Purposes = split(purposes)
	if err := checkGrant(g); err != nil {
		return misuse(stderr, "token", "%v", err)
	}
	folder, err := node.OpenFolder(*data)
	if err != nil {
		return fail(stderr, "token", err)
	}
	token, err := node.Mint(context.Background(), folder, database, *base, g, time.Now())
	if err != nil {
		return fail(stderr, "token", err)
	}
	fmt.Fprintln(stdout, token)
	return exitOK
}

func checkGrant(g node.Grant) error {
	switch {
	case !slices.Contains(agent.Roles(), g.Role):
		return fmt.Errorf("--role must be one of %s", strings.Join(agent.Roles(), ", "))
	case g.Role == agent.Patient && g.Patient == "":
		return errors.New("--role patient needs --patient ID")
	case len(g.Purposes) == 0:
		return errors.New("--purpose needs at least one code")
	case g.Expires <= 0:
		return errors.New("--expires must be positive")
	}
	_, err := agent.ParseScopes(g.Scope)
	return err
}
