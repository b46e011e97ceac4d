package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/kept"
)

// eitherStore runs a test on a node with a folder, and on one with a database.
func eitherStore(t *testing.T, run func(*testing.T, *testNode)) {
	t.Run("SQLite", func(t *testing.T) { run(t, startNode(t, t.TempDir())) })
	t.Run("MongoDB", func(t *testing.T) { run(t, newCluster(t, 1).nodes[0]) })
}

// beforeCommit is a Keeper in which something happens just before a commit, once.
type beforeCommit struct {
	kept.Keeper
	of string // which interaction
	do func()
}

func (k *beforeCommit) Commit(ctx context.Context, call *kept.Call, e kept.Event, rows ...kept.Row) error {
	if do := k.do; do != nil && e.Interaction == k.of {
		k.do = nil
		do()
	}
	return k.Keeper.Commit(ctx, call, e, rows...)
}

var raced = oauth.User{Login: "doctor", Subject: "Practitioner/1", Role: "practitioner", Organization: "hospital", Purposes: []string{"TREAT"}}

// A session that was begun with a password does not outlive it, on either store, whichever of
// the two comes first.
func TestNoSessionOutlivesItsPasswordOnEitherStore(t *testing.T) {
	eitherStore(t, func(t *testing.T, n *testNode) {
		rows := gateRows{keptRows{n.node.store}, n.node.gate}
		sessions := &session.Sessions{Keeper: rows, Now: time.Now}
		checked := func(password string) session.Session {
			fresh, err := session.NewUsers(rows, time.Now).Check(t.Context(), "doctor", password, "host")
			if err != nil {
				t.Fatal(err)
			}
			return fresh
		}
		stands := func() int {
			all, err := rows.EachKept(t.Context(), oauth.SpaceSession, "", 100)
			if err != nil {
				t.Fatal(err)
			}
			return len(all)
		}
		if err := n.node.SetUser(t.Context(), raced, goodPassword); err != nil {
			t.Fatal(err)
		}
		racing := &session.Sessions{Now: time.Now, Keeper: &beforeCommit{rows, "sign-in", func() {
			if err := n.node.SetUser(t.Context(), raced, "another password"); err != nil {
				t.Error(err)
			}
		}}}
		if _, err := racing.Start(t.Context(), new(kept.Call), "", checked(goodPassword)); !errors.Is(err, session.ErrWrong) || stands() != 0 {
			t.Errorf("a password changed during a sign-in: %v, %d sessions", err, stands())
		}
		fresh, users := checked("another password"), n.node.users("test")
		users.Keeper = &beforeCommit{users.Keeper, "user-write", func() {
			if _, err := sessions.Start(t.Context(), new(kept.Call), "", fresh); err != nil || stands() != 1 {
				t.Errorf("a sign-in before the change: %v, %d sessions", err, stands())
			}
		}}
		if err := users.SetPassword(t.Context(), new(kept.Call), "doctor", goodPassword); err != nil || stands() != 0 {
			t.Errorf("a sign-in while the password is changed: %v, %d sessions", err, stands())
		}
	})
}

// People sign in, look at their apps, fail, and sign out on the pages of either store; users
// are listed and removed there, and a removed one is out.
func TestPeopleSignInOnEitherStore(t *testing.T) {
	eitherStore(t, func(t *testing.T, n *testNode) {
		if err := n.node.SetUser(t.Context(), raced, goodPassword); err != nil {
			t.Fatal(err)
		}
		p := arrives(t, n.Server.URL)
		p.opens("/ui/sign-in").sees(200, `name="login"`)
		p.sends("/ui/sign-in", "login", "doctor", "password", "a wrong password").sees(401, "The name or the password is wrong.")
		p.sends("/ui/sign-in", "login", "doctor", "password", goodPassword)
		p.opens("/ui/apps").sees(200, "Your apps")
		again := arrives(t, n.Server.URL)
		again.opens("/ui/sign-in").sends("/ui/sign-in", "login", "doctor", "password", goodPassword)
		again.opens("/ui/apps").sends("/ui/sign-out").opens("/ui/apps").sees(401)
		p.opens("/ui/apps").sees(200)
		var logins []string
		users := n.node.users("test")
		if err := users.Each(t.Context(), new(kept.Call), func(u oauth.User) error { logins = append(logins, u.Login); return nil }); err != nil || len(logins) != 1 {
			t.Errorf("users %q: %v", logins, err)
		}
		if err := users.Remove(t.Context(), new(kept.Call), "doctor"); err != nil {
			t.Fatal(err)
		}
		p.opens("/ui/apps").sees(401)
		wantWhole(t, n.data, n.database)
	})
}
