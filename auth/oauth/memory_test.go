package oauth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/kept/kepttest"
)

// memory permits all but the purpose BTG.
type memory struct{ *kepttest.Memory }

func newMemory(now func() time.Time) *memory {
	m := kepttest.New(now)
	m.Policy = func(e kept.Event) error {
		if e.Agent.Purpose == "BTG" {
			return &fhir.Error{Kind: fhir.Forbidden, Detail: "no"}
		}
		return nil
	}
	return &memory{m}
}

// told are the events since the last call: interaction, and the reason of a refusal.
func (m *memory) told() (all []string) {
	m.Lock()
	defer m.Unlock()
	for _, e := range m.Events {
		all = append(all, strings.TrimSpace(e.Interaction+" "+e.Refused))
	}
	m.Events = nil
	return all
}

const (
	issuer   = "https://node.example"
	base     = issuer + "/fhir"
	endpoint = issuer + "/oauth/token"
	callback = "https://app.example/callback"
)

// world is a server with three apps and a backend.
type world struct {
	*testing.T
	*oauth.Server
	keeper *memory
	at     time.Time
	secret string // of the symmetric app
}

var idKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, at: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.at }
	w.keeper = newMemory(now)
	w.Server = oauth.New(oauth.Config{
		Keeper: w.keeper, Issuer: issuer, Base: base, TokenURL: endpoint, Organization: "hospital", Style: issuer + "/oauth/style.json", Now: now,
		Mint: func(c auth.Claims) (string, error) {
			text, err := json.Marshal(c)
			return base64.RawURLEncoding.EncodeToString(text), err
		},
		Open: func(_ context.Context, token string) (*auth.Claims, error) {
			text, err := base64.RawURLEncoding.DecodeString(token)
			c := new(auth.Claims)
			if err == nil {
				err = json.Unmarshal(text, c)
			}
			return c, err
		},
		IDKey: func() (oauth.IDKey, error) { return oauth.IDKey{ID: "id-1", Private: idKey()}, nil },
	})
	w.add(app("app", oauth.Public))
	w.secret = w.add(app("confidential", oauth.Symmetric))
	w.keeper.told()
	return w
}

func app(id string, kind oauth.Kind) oauth.Client {
	return oauth.Client{
		ID: id, Name: "An app", Kind: kind, Redirects: []string{callback}, Purposes: []string{"TREAT", "HRESCH"},
		Scopes: strings.Fields("launch launch/patient launch/encounter openid fhirUser profile offline_access online_access patient/*.cruds user/*.rs"),
		Grants: []string{"authorization_code", "refresh_token"},
	}
}

var operator = agent.Agent{Subject: "Practitioner/admin", Role: agent.Administrator, Organization: "hospital", Purpose: "HOPERAT"}

func (w *world) add(c oauth.Client) string {
	w.Helper()
	secret, err := w.AddClient(w.Context(), &kept.Call{}, operator, c)
	if err != nil {
		w.Fatal(err)
	}
	return secret
}

var doctor = oauth.User{Login: "berg", Subject: "Practitioner/12", Name: "Dr. Berg", Role: agent.Practitioner, Organization: "hospital", Purposes: []string{"TREAT", "ETREAT"}}

var anna = oauth.User{Login: "anna", Subject: "Patient/1", Name: "Anna", Role: agent.Patient, Organization: "hospital", Patient: "Patient/1", Purposes: []string{"TREAT", "PATRQT"}}

const verifier = "a-verifier-of-at-least-forty-three-characters"

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// params are an authorization request; changes are pairs, whose value "-" leaves one out.
func params(changes ...string) url.Values {
	v := url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {callback}, "state": {"s-1"}, "aud": {base},
		"scope": {"launch/patient openid fhirUser patient/*.rs"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"}, "nonce": {"n-1"},
	}
	return changed(v, changes...)
}

func changed(v url.Values, changes ...string) url.Values {
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == "-" {
			v.Del(changes[i])
		} else {
			v.Set(changes[i], changes[i+1])
		}
	}
	return v
}

// code is one that a person approved.
func (w *world) code(u oauth.User, v url.Values) string {
	w.Helper()
	r, err := w.Request(w.Context(), &kept.Call{}, v)
	if err != nil {
		w.Fatal(err)
	}
	redirect, err := w.Approve(w.Context(), &kept.Call{}, r, u, oauth.Choice{Scopes: r.Scopes, Purpose: "TREAT", Patient: "Patient/1"})
	if err != nil {
		w.Fatal(err)
	}
	return w.in(redirect, "code")
}

// in is a parameter of a redirect.
func (w *world) in(redirect, name string) string {
	w.Helper()
	u, err := url.Parse(redirect)
	if err != nil {
		w.Fatal(err)
	}
	return u.Query().Get(name)
}

func tokenForm(code string, changes ...string) oauth.Form {
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "client_id": {"app"}, "code_verifier": {verifier}}
	return oauth.Form{Values: changed(v, changes...)}
}

func refreshForm(token string, changes ...string) oauth.Form {
	v := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {"app"}}
	return oauth.Form{Values: changed(v, changes...)}
}

func (w *world) token(f oauth.Form) (*oauth.Answer, error) {
	return w.Token(w.Context(), &kept.Call{}, f)
}

func (w *world) must(f oauth.Form) *oauth.Answer {
	w.Helper()
	a, err := w.token(f)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

// refuses fails unless err is an *oauth.Error with a code and a status.
func (w *world) refuses(what string, err error, code string, status int) {
	w.Helper()
	e, ok := err.(*oauth.Error)
	if !ok || e.Code != code || e.Status != status {
		w.Errorf("%s: %v, want %s %d", what, err, code, status)
	}
}

// active says whether a token's grant stands, as the gate would find.
func (w *world) active(token string) bool {
	w.Helper()
	i, err := w.Introspect(w.Context(), &kept.Call{}, oauth.Form{Values: url.Values{"client_id": {"confidential"}, "client_secret": {w.secret}, "token": {token}}})
	if err != nil {
		w.Fatal(err)
	}
	if !i.Active { // of another client, perhaps: look at the grant itself
		text, _ := base64.RawURLEncoding.DecodeString(token)
		var c struct{ Grant string }
		if json.Unmarshal(text, &c) != nil {
			return false
		}
		_, err := w.keeper.Kept(w.Context(), "grant", c.Grant)
		return err == nil
	}
	return true
}

func (w *world) tell(what string, want ...string) {
	w.Helper()
	if got := w.keeper.told(); fmt.Sprint(got) != fmt.Sprint(want) {
		w.Errorf("%s: entries %q, want %q", what, got, want)
	}
}

func agentOf(u oauth.User) agent.Agent {
	return agent.Agent{Subject: u.Subject, Role: u.Role, Organization: u.Organization, Purpose: "TREAT"}
}
