package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/server"
)

// pageTokenLife is how long the token of one request for a page lasts. Nobody sees it.
const pageTokenLife = time.Minute

// signIn is how people sign in at this node.
func (n *Node) signIn(o Options) (server.SignIn, error) {
	rows := gateRows{keptRows{n.store}, n.gate}
	users := session.NewUsers(rows, time.Now)
	users.House = n.organization
	s := server.SignIn{
		Sessions: &session.Sessions{Keeper: rows, Now: time.Now}, Users: users,
		Token: func(u oauth.User, purpose string) (string, error) { return n.Token(grantOf(u, purpose), time.Now()) },
	}
	if o.SignIn == "" {
		return s, nil
	}
	config, err := session.ReadProvider(os.DirFS(filepath.Dir(o.SignIn)), filepath.Base(o.SignIn))
	if err != nil {
		return s, err
	}
	pages, err := pagesOf(o.BaseURL)
	if err != nil {
		return s, err
	}
	n.provider = &session.Provider{
		ProviderConfig: *config, Back: pages + "/ui/signed-in", Home: pages + "/ui/ledger", House: n.organization, Bases: n.store.Bases(), Now: time.Now,
	}
	s.Provider = n.provider
	return s, nil
}

// pagesOf is the origin that browsers see.
func pagesOf(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("base URL: %w", err)
	}
	return u.Scheme + "://" + u.Host, nil
}

// grantOf is what somebody who is signed in may do on the pages: what the role may.
func grantOf(u oauth.User, purpose string) Grant {
	return Grant{
		Role: u.Role, Organization: u.Organization, Purposes: []string{purpose}, Patient: strings.TrimPrefix(u.Patient, "Patient/"),
		Subject: u.Subject, Name: u.Name, Client: session.Client, Expires: pageTokenLife,
	}
}

// ChangeUsers lets an operator change or list the local users of a folder that is not being
// served, or of the database that its node shares. It returns the receipts of the records.
func ChangeUsers(ctx context.Context, data Folder, database Database, change func(*session.Users, *oauth.Call) error) (receipts []string, err error) {
	n, err := data.Identity()
	if err != nil {
		return nil, err
	}
	r := records{log: slog.New(slog.DiscardHandler)}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.open(ctx, data, Options{BaseURL: n.BaseURL, Database: database}); err != nil {
		return nil, err
	}
	users := session.NewUsers(operatorRows{keptRows{r.store}, &r}, time.Now)
	users.By = operatorOf("aceso user")
	call := new(oauth.Call)
	if err := change(users, call); err != nil || len(call.Receipts) == 0 {
		return nil, err
	}
	_, err = r.changes.Checkpoint(ctx)
	return call.Receipts, err
}

// operatorOf names an operator's command in records.
func operatorOf(command string) agent.Agent {
	return agent.Agent{Subject: command, Role: agent.System, Client: "aceso-cli", Purpose: "HOPERAT"}
}

// SetUser gives this node a local user with a password, as an operator.
func (n *Node) SetUser(ctx context.Context, u oauth.User, password string) error {
	users := session.NewUsers(operatorRows{keptRows{n.store}, &n.records}, time.Now)
	users.By = operatorOf("aceso serve")
	return users.Set(ctx, nil, u, password)
}

// ReplaceClient registers a client as an operator, in place of what was registered under its
// id before.
func (n *Node) ReplaceClient(ctx context.Context, c oauth.Client) error {
	s := oauth.New(oauth.Config{Keeper: operatorRows{keptRows{n.store}, &n.records}, Base: n.identity.BaseURL, Organization: n.organization, Now: time.Now})
	err := s.RemoveClient(ctx, new(oauth.Call), operatorOf("aceso serve"), c.ID)
	if err != nil && !errors.Is(err, oauth.ErrNotFound) {
		return err
	}
	_, err = n.AddClient(ctx, c)
	return err
}
