package node

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/kept"
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
func ChangeUsers(ctx context.Context, data Folder, database Database, change func(*session.Users, *kept.Call) error) (receipts []string, err error) {
	return operate(ctx, data, database, func(r *records, call *kept.Call, _ string) error {
		return change(r.users("aceso user"), call)
	})
}

// users are the local users as a command of an operator changes them.
func (r *records) users(command string) *session.Users {
	users := session.NewUsers(operatorRows{keptRows{r.store}, r}, time.Now)
	users.By = operatorOf(command)
	return users
}

// SetUser gives this node a local user with a password, as an operator.
func (n *Node) SetUser(ctx context.Context, u oauth.User, password string) error {
	return n.users("aceso serve").Set(ctx, nil, u, password)
}
