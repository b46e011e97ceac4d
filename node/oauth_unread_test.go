package node

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/server"
)

// asks sends a request as it stands.
func (p *person) asks(method, path, media, body string) *person {
	p.Helper()
	u, err := p.at.Parse(path)
	if err != nil {
		p.Fatal(err)
	}
	r, err := http.NewRequestWithContext(p.Context(), method, u.String(), strings.NewReader(body))
	if err == nil && media != "" {
		r.Header.Set("Content-Type", media)
	}
	return p.does(r, err)
}

// What the authorization server does not even read, forged forms and what people look at of
// their apps leave an entry each, with a receipt; the view names the patients it is about.
func TestUnreadRequestsLeaveAnEntry(t *testing.T) {
	const form, json = "application/x-www-form-urlencoded", "application/json"
	a := startAppNode(t)
	u := oauth.User{Login: "doctor", Subject: appDoctor.Subject, Role: "practitioner", Organization: "hospital", Purposes: []string{"TREAT"}}
	if err := a.node.SetUser(t.Context(), u, goodPassword); err != nil {
		t.Fatal(err)
	}
	p, admin := arrives(t, a.Server.URL), a.as("administrator", "HOPERAT").Token
	p.opens("/ui/sign-in").sends("/ui/sign-in", "login", "doctor", "password", goodPassword)
	a.redeem(a.code(a.authorizationOf("launch/patient patient/*.rs"))).Want(200)
	long := "a=" + strings.Repeat("x", maxOfForms)
	_, from := a.entries(0)
	for _, c := range []struct {
		what string
		do   func()
		want string
	}{
		{"a forged choice", func() { p.asks("POST", "/ui/consent", form, "do=allow").sees(403) }, "authorize deny 403"},
		{"a forged end of an app's access", func() { p.asks("POST", "/ui/apps", form, "grant=x").sees(403) }, "revoke deny 403"},
		{"a forged sign-out", func() { p.asks("POST", "/ui/sign-out", form, "").sees(403) }, "sign-out deny 403"},
		{"a forged sign-in", func() { p.asks("POST", "/ui/sign-in", form, "login=doctor").sees(403) }, "sign-in deny 403"},
		{"a token request that is no form", func() { p.asks("POST", "/oauth/token", json, "{}").sees(415) }, "token deny 415"},
		{"a token request that is too long", func() { p.asks("POST", "/oauth/token", form, long).sees(413) }, "token deny 413"},
		{"a long choice", func() { p.asks("POST", "/ui/consent", form, long).sees(413) }, "authorize deny 413"},
		{"an authorization that is no form", func() { p.asks("POST", "/ui/authorize", json, "{}").sees(415) }, "authorize deny 415"},
		{"an introspection that is no form", func() { p.asks("POST", "/oauth/introspect", json, "{}").sees(415) }, "introspect deny 415"},
		{"a revocation that is no form", func() { p.asks("POST", "/oauth/revoke", json, "{}").sees(415) }, "revoke deny 415"},
		{"a registration that is no JSON", func() { p.asks("POST", "/oauth/register", json, "{").sees(400) }, "register deny 400"},
		{"a client that is no JSON", func() { a.askSite(admin, "POST", "/admin/clients", "{").Want(400) }, "client-write deny 400"},
		{"a client that cannot be", func() { a.askSite(admin, "POST", "/admin/clients", "{}").Want(422) }, "client-write deny 422"},
		{"a client that is not there", func() { a.askSite(admin, "DELETE", "/admin/clients/nobody", "").Want(404) }, "client-write deny 404"},
		{"a look at the apps", func() { p.opens("/ui/apps").sees(200) }, "grant-read permit 200"},
	} {
		c.do()
		var got []string
		if got, from = a.entries(from); fmt.Sprint(got) != "["+c.want+"]" {
			t.Errorf("%s: entries %q, want %q", c.what, got, c.want)
		}
		if c.want[:4] != "clie" && p.header.Get(server.RecordHeader) == "" {
			t.Errorf("%s: no receipt", c.what)
		}
	}
	seen := a.as("privacy-officer", "HOPERAT").Get("/AuditEvent?subtype=grant-read").Want(200)
	if len(seen.IDs()) != 1 || !seen.Has(`"Patient/p1"`) || !seen.Has(appDoctor.Subject) {
		t.Errorf("the view of apps: %s", seen.Body)
	}
	wantWhole(t, a.data, a.database)
}

// maxOfForms is more than any form may have.
const maxOfForms = 65 << 10

// A flood of forms that nobody made is paid from the allowance of its address: beyond it they
// are refused and counted, and leave no more records.
func TestFloodsOfForgedFormsLeaveFewRecords(t *testing.T) {
	a := &appNode{testNode: startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.Rate = 1 })} // and 10 at once
	p := arrives(t, a.Server.URL)
	_, from := a.entries(0)
	throttled := 0
	for range 60 {
		if p.asks("POST", "/ui/consent", "application/x-www-form-urlencoded", "do=allow"); p.status == http.StatusTooManyRequests {
			throttled++
		}
	}
	got, _ := a.entries(from)
	if len(got)+throttled != 60 || throttled == 0 {
		t.Errorf("of 60 forged forms %d were throttled, %d left a record", throttled, len(got))
	}
}

// An operator who lists the users leaves a record.
func TestListingUsersLeavesARecord(t *testing.T) {
	n := atNode(t)
	n.stop()
	seen := 0
	receipts, err := ChangeUsers(t.Context(), n.data, n.database, func(u *session.Users, call *kept.Call) error {
		return u.Each(t.Context(), call, func(oauth.User) error { seen++; return nil })
	})
	if err != nil || seen != 3 || len(receipts) != 1 {
		t.Errorf("%d users, receipts %q, %v", seen, receipts, err)
	}
}
