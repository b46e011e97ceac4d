package oauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept"
)

// signedIn is a doctor with a session that stands.
func (w *world) signedIn(session string) oauth.User {
	w.keeper.Rows["session/"+session] = kept.Row{Space: "session", Key: session, Value: []byte("{}"), Version: 1}
	u := doctor
	u.Session = session
	return u
}

// last is the event of the last refusal.
func (w *world) last() kept.Event {
	w.keeper.Lock()
	defer w.keeper.Unlock()
	return w.keeper.Events[len(w.keeper.Events)-1]
}

// A code of a session that has ended gives nothing: whoever signs out, is removed or gets
// another password leaves no code behind.
func TestCodesEndWithTheSession(t *testing.T) {
	w := newWorld(t)
	for _, scope := range []string{"online_access patient/*.rs", "offline_access patient/*.rs", "patient/*.rs"} {
		u := w.signedIn("k")
		code := w.code(u, params("scope", scope))
		if err := w.EndSession(t.Context(), &kept.Call{}, u); err != nil {
			t.Fatal(err)
		}
		delete(w.keeper.Rows, "session/k")
		_, err := w.token(tokenForm(code))
		w.refuses(scope, err, "invalid_grant", http.StatusBadRequest)
		if e := w.last(); e.Patient != "Patient/1" || !strings.Contains(e.Detail, "Practitioner%2F12") {
			t.Errorf("%s: recorded %+v", scope, e)
		}
		if all, err := w.Grants(t.Context(), new(kept.Call), doctor); err != nil || len(all) > 0 {
			t.Errorf("%s: grants stand: %v, %v", scope, all, err)
		}
	}
}

// What is refused names what it was about: whose data, whose choice, and which client was
// claimed, in whatever way.
func TestRefusalsNameWhatTheyAreAbout(t *testing.T) {
	w := newWorld(t)
	offline := params("scope", "offline_access patient/*.rs")
	code := w.code(doctor, offline)
	a := w.must(tokenForm(code))
	about := func(what string, f oauth.Form) {
		t.Helper()
		if _, err := w.token(f); err == nil {
			t.Fatal(what)
		}
		if e := w.last(); e.Refused == "" || e.Patient != "Patient/1" || !strings.Contains(e.Detail, "user=Practitioner%2F12") || !strings.Contains(e.Detail, "client=app") {
			t.Errorf("%s: recorded %+v", what, e)
		}
	}
	secret := []string{"client_id", "confidential", "client_secret", w.secret}
	about("another's refresh token", refreshForm(a.RefreshToken, secret...))
	about("another's code", tokenForm(w.code(doctor, offline), secret...))
	about("a wrong verifier", tokenForm(w.code(doctor, offline), "code_verifier", strings.Repeat("x", 43)))
	b := w.must(refreshForm(a.RefreshToken))
	if err := w.Revoke(t.Context(), &kept.Call{}, oauth.Form{Values: url.Values{"client_id": {"confidential"}, "client_secret": {w.secret}, "token": {b.AccessToken}}}); err == nil || w.last().Patient != "Patient/1" {
		t.Errorf("another's token is revoked: %v, recorded %+v", err, w.last())
	}
	about("a code again", tokenForm(code))

	f := tokenForm("x", "client_id", "-")
	f.Authorization = []string{"Basic bm9ib2R5Ong="} // nobody:x
	if _, err := w.token(f); err == nil || !strings.Contains(w.last().Detail, "claimed=nobody") {
		t.Errorf("by HTTP Basic: %v, recorded %+v", err, w.last())
	}
}

// Introspection tells of a patient, and is recorded with her.
func TestIntrospectionsNameThePatient(t *testing.T) {
	w := newWorld(t)
	a := w.must(tokenForm(w.code(doctor, params("client_id", "confidential")), "client_id", "confidential", "client_secret", w.secret))
	if !w.active(a.AccessToken) || w.last().Patient != "Patient/1" {
		t.Errorf("recorded %+v", w.last())
	}
}

// What a refresh asks for is held to the same bounds as what an authorization asks for.
func TestRefreshedScopesAreBounded(t *testing.T) {
	w := newWorld(t)
	a := w.must(tokenForm(w.code(doctor, params("scope", "offline_access patient/*.rs"))))
	var many strings.Builder
	for _, typ := range strings.Fields("Observation Condition Encounter Patient Procedure Goal Device Coverage") {
		for some := 1; some < 32; some++ {
			many.WriteString(" patient/" + typ + ".")
			for i, letter := range "cruds" {
				if some>>i&1 == 1 {
					many.WriteRune(letter)
				}
			}
		}
	}
	_, err := w.token(refreshForm(a.RefreshToken, "scope", many.String()))
	w.refuses("many scopes", err, "invalid_scope", http.StatusBadRequest)
	if !strings.Contains(err.Error(), "200") {
		t.Errorf("many scopes: %v", err)
	}
}

// A removal that was interrupted is taken up again: nothing that a client was given
// outlives it, and comes back with the next client of that name.
func TestInterruptedRemovalsEndGrants(t *testing.T) {
	w := newWorld(t)
	a := w.must(tokenForm(w.code(doctor, params("scope", "offline_access patient/*.rs"))))
	row := w.keeper.Rows["client/app"]
	row.Value = []byte(strings.Replace(string(row.Value), `"created"`, `"disabled":true,"created"`, 1)) // and killed before the grants were ended
	w.keeper.Rows["client/app"] = row
	w.keeper.told()
	if err := w.RemoveClient(t.Context(), &kept.Call{}, operator, "app"); err != nil || w.active(a.AccessToken) {
		t.Errorf("the grant stands: %v", err)
	}
	w.tell("the grants end before the client is gone", "revoke", "client-write", "introspect")
	w.add(app("app", oauth.Public))
	b := w.must(tokenForm(w.code(doctor, params("scope", "offline_access patient/*.rs"))))
	w.keeper.told()
	if err := w.RemoveClient(t.Context(), &kept.Call{}, operator, "app"); err != nil || w.active(b.AccessToken) {
		t.Errorf("the grant stands: %v", err)
	}
	w.tell("the client is disabled before its grants end, and there until they have", "client-write", "revoke", "client-write", "introspect")
}

// Names are what they look like.
func TestNamesOfClientsAreSeen(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"bank\u202egnp.exe", "a\nb", "zero\u200bwidth", "\x1b[31m", "a\u2028b"} {
		c := app("named", oauth.Public)
		c.Name = name
		if _, err := w.AddClient(t.Context(), &kept.Call{}, operator, c); err == nil {
			t.Errorf("%q is registered", name)
		}
	}
	c := app("named", oauth.Public)
	c.Name, c.Contact = "Çağrı's 患者 app (v2)", "help@app.example"
	w.add(c)
}

// Only what proves something is free of charge.
func TestCallsSayWhetherTheyProved(t *testing.T) {
	w := newWorld(t)
	revoke := func(changes ...string) bool {
		call := &kept.Call{}
		if err := w.Revoke(t.Context(), call, oauth.Form{Values: changed(url.Values{"client_id": {"app"}, "token": {"x"}}, changes...)}); err != nil {
			t.Fatal(err)
		}
		return call.Proved
	}
	a := w.must(tokenForm(w.code(doctor, params())))
	if revoke() || !revoke("token", a.AccessToken) || revoke("token", a.AccessToken) || !revoke("client_id", "confidential", "client_secret", w.secret) {
		t.Error("a public client proves nothing by its name, only by a token")
	}
}

// An app with a token for one patient begins no launch for another.
func TestLaunchesAreForThePatientOfTheToken(t *testing.T) {
	w := newWorld(t)
	who := agentOf(doctor)
	who.Patient = "Patient/1"
	if _, err := w.Launch(t.Context(), &kept.Call{}, who, oauth.Context{Patient: "Patient/2"}); err == nil || w.last().Refused == "" || w.last().Patient != "Patient/2" {
		t.Errorf("another patient: %v, recorded %+v", err, w.last())
	}
	for _, patient := range []string{"Patient/1", ""} {
		if _, err := w.Launch(t.Context(), &kept.Call{}, who, oauth.Context{Patient: patient}); err != nil {
			t.Errorf("%q: %v", patient, err)
		}
	}
}
