package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/demo/app"
)

// browsable is a node whose base URL is where it listens.
func browsable(t *testing.T) *testNode {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := atNode(t, func(_ *Node, o *Options) { o.BaseURL = "http://" + l.Addr().String() + "/fhir" })
	s := httptest.NewUnstartedServer(n.node.handler)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	n.Server.Close()
	n.Server = s
	return n
}

// asDoctor signs in on the page that the browser shows.
func (b *browser) asDoctor() {
	b.t.Helper()
	b.awaits("Password")
	b.fits()
	b.axe()
	b.click("#login")
	b.call("Input.insertText", map[string]any{"text": "doctor"}, nil)
	b.fill("#password", goodPassword)
	b.awaits("asks for data")
}

// presses clicks what leads to another page.
func (b *browser) presses(selector string) { b.t.Helper(); b.during(func() { b.click(selector) }) }

// choosesPatient finds p1 on the consent page and allows what is asked.
func (b *browser) choosesPatient() {
	b.t.Helper()
	b.fill("#find", "familyp1")
	b.awaits("Familyp1")
	b.click("#patient-p1")
	b.click("button[value=allow]")
}

// The sample app of the demonstration in a real browser: by itself and from a record.
func TestSampleAppInABrowser(t *testing.T) {
	b, n := openBrowser(t), browsable(t)
	b.scripts()
	var launch string
	s := httptest.NewServer(nil)
	t.Cleanup(s.Close)
	s.Config.Handler = app.Handler(app.Config{Base: n.node.identity.BaseURL, Launch: func(*http.Request, string, string) (string, error) { return launch, nil }})
	if _, err := n.node.AddClient(t.Context(), oauth.Client{
		ID: app.ClientID, Name: "Sample app", Kind: oauth.Public, Redirects: []string{s.URL + "/"}, Scopes: app.Scopes(), Purposes: []string{"TREAT", "PATRQT"}, Grants: []string{"authorization_code", "refresh_token"},
	}); err != nil {
		t.Fatal(err)
	}
	b.screen(1280, 900, "light")
	b.visit(s.URL + "/")
	b.awaits("Not connected yet.")
	b.click("#connect")
	b.asDoctor()
	b.shootsConsent()
	b.choosesPatient()
	b.awaits("Connected.")
	b.sees("A Familyp1", "70 /min", "patient/Observation.rs")
	b.shoot("sample-app")
	b.presses("#leave")
	launch = n.launch(t, "Patient/p2", "")
	b.visit(s.URL + "/hospital.html")
	b.click("button")
	b.awaits("gets the data of nobody else")
	b.sees("Patient/p2")
	b.click("button[value=allow]")
	b.awaits("Connected.")
	b.sees("A Familyp2")
	b.visit(n.Server.URL + "/ui/apps")
	b.sees("Sample app", "Patient/p1", "Patient/p2")
	b.screen(320, 700, "dark")
	b.visit(n.Server.URL + "/ui/apps")
	b.fits()
	b.axe()
	b.shoot("apps-phone-night")
	if c := b.complaints(); len(c) > 0 {
		t.Errorf("the browser complains: %q", c)
	}
}

// shootsConsent looks at the consent page on a desk and on a phone, by day and by night.
func (b *browser) shootsConsent() {
	b.t.Helper()
	for _, width := range []int{1280, 320} {
		for _, scheme := range []string{"light", "dark"} {
			b.screen(width, 900, scheme)
			b.fits()
			b.contrasts()
			b.axe()
			b.shoot(fmt.Sprintf("consent-%d-%s", width, scheme))
		}
	}
	b.screen(1280, 900, "light")
}

// axe says that axe-core finds nothing to criticise: a test of its own, which is skipped
// where it is not installed.
func (b *browser) axe() {
	b.t.Helper()
	b.t.Run("axe", func(t *testing.T) {
		script, err := os.ReadFile("../testdata/npm/node_modules/axe-core/axe.min.js")
		if err != nil {
			t.Skip("SKIPPED: axe-core is not installed (make clients), so it did not look at this page")
		}
		b.look(string(script) + "; 0")
		var r struct{ Result struct{ Value any } }
		b.call("Runtime.evaluate", map[string]any{"expression": `axe.run().then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html).join(" ")).join("\n"))`, "awaitPromise": true, "returnByValue": true}, &r)
		if r.Result.Value != "" {
			t.Errorf("axe: %v", r.Result.Value)
		}
	})
}

// launch is one that the doctor begins from a record.
func (n *testNode) launch(t *testing.T, patient, encounter string) string {
	t.Helper()
	parameters := fmt.Sprintf(`{"name":"patient","valueReference":{"reference":%q}}`, patient)
	if encounter != "" {
		parameters += fmt.Sprintf(`,{"name":"encounter","valueReference":{"reference":%q}}`, encounter)
	}
	a := n.as("practitioner", "TREAT").Post("/$launch-context", `{"resourceType":"Parameters","parameter":[`+parameters+`]}`).Want(200)
	var made struct {
		Parameter []struct{ ValueString string }
	}
	if err := json.Unmarshal(a.Body, &made); err != nil {
		t.Fatal(err)
	}
	return made.Parameter[0].ValueString
}

// foreignApp is an app that is written with npm fhirclient, unchanged.
func foreignApp(t *testing.T, authorize func() string) *httptest.Server {
	t.Helper()
	library, err := os.ReadFile("../testdata/npm/node_modules/fhirclient/build/fhir-client.js")
	if err != nil {
		t.Skip("SKIPPED: npm fhirclient is not installed (make clients), so no foreign app was launched")
	}
	const page = `<!DOCTYPE html><html lang="en"><title>x</title><script src="/fhir-client.js"></script><body><p id="out"></p><script>%s</script></body></html>`
	// It never refreshes with an assertion: an asymmetric app has to do that itself.
	const ready = `FHIR.oauth2.ready().then(async c => {
		const p = await c.patient.read();
		const had = c.state.tokenResponse.access_token;
		if (c.state.tokenResponse.refresh_token && !c.state.clientPrivateJwk) { await c.refresh(); await c.patient.read(); }
		document.body.innerText = "READY " + p.name[0].family + " encounter=" + c.encounter.id + " user=" + c.user.fhirUser + " style=" + (c.state.tokenResponse.smart_style_url || "")
			+ " refreshed=" + (had !== c.state.tokenResponse.access_token);
	}).catch(e => { document.body.innerText = "FAILED " + e });`
	mux := http.NewServeMux()
	mux.HandleFunc("/fhir-client.js", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(library) })
	mux.HandleFunc("/launch", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, page, authorize()) })
	mux.HandleFunc("/back", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, page, ready) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// npm fhirclient in a real browser: standalone with the patient picker, from a record with
// visit and style, and refresh; as a public, a symmetric and an asymmetric client.
func TestFHIRClientLaunchesInABrowser(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES384", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	private, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "k1", Algorithm: "ES384", Use: "sig"})
	if err != nil {
		t.Fatal(err)
	}
	jwk := strings.TrimSuffix(string(private), "}") + `,"key_ops":["sign"]}`
	scopes := "launch launch/patient openid fhirUser offline_access patient/Patient.rs patient/Observation.rs"
	for _, kind := range []oauth.Kind{oauth.Public, oauth.Symmetric, oauth.Asymmetric} {
		t.Run(string(kind), func(t *testing.T) {
			var options string
			site := foreignApp(t, func() string {
				return "FHIR.oauth2.authorize({" + options + "}).catch(e => { document.body.innerText = 'FAILED ' + e })"
			})
			b, n := openBrowser(t), browsable(t)
			n.as("system", "HOPERAT").Put("/Encounter/e1", `{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/p2"}}`).Want(201)
			c := oauth.Client{ID: "foreign", Name: "Foreign app", Kind: kind, Redirects: []string{site.URL + "/back"}, Scopes: strings.Fields(scopes), Purposes: []string{"TREAT"}, Grants: []string{"authorization_code", "refresh_token"}}
			proof := ""
			if kind == oauth.Asymmetric {
				c.JWKS, proof = keys, ", clientPrivateJwk: "+jwk
			}
			secret, err := n.node.AddClient(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if kind == oauth.Symmetric {
				proof = fmt.Sprintf(", clientSecret: %q", secret)
			}
			b.scripts()
			usual := fmt.Sprintf("clientId: 'foreign', redirectUri: %q, pkceMode: 'required'%s", site.URL+"/back", proof)
			options = fmt.Sprintf("%s, iss: %q, scope: %q", usual, n.node.identity.BaseURL, strings.TrimPrefix(scopes, "launch "))
			b.visit(site.URL + "/launch")
			b.asDoctor()
			b.choosesPatient()
			b.awaits("READY Familyp1")
			refreshed := fmt.Sprint("refreshed=", kind != oauth.Asymmetric)
			b.sees("user=Practitioner/practitioner", refreshed)
			options = fmt.Sprintf("%s, scope: %q", usual, strings.Replace(scopes, "launch/patient ", "", 1))
			b.visit(site.URL + "/launch?iss=" + n.node.identity.BaseURL + "&launch=" + n.launch(t, "Patient/p2", "Encounter/e1"))
			b.awaits("gets the data of nobody else")
			b.click("button[value=allow]")
			b.awaits("READY Familyp2")
			b.sees("encounter=e1", "style=http://127.0.0.1", refreshed)
			b.visit(n.Server.URL + "/ui/apps")
			b.presses("header form button")
			b.visit(n.Server.URL + "/ui/apps")
			b.sees("Sign in")
		})
	}
}
