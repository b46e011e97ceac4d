package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/server"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/sqlite"
)

// govern runs a server over the real gate, base policy and store. The agent is
// named by the token: "practitioner" (the default of do), "system" ...
func govern(t *testing.T) *node {
	t.Helper()
	dir := t.TempDir()
	ring, err := keyring.Open(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), dir, sqlite.Options{Organization: "org", Node: "n1", Base: base})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	engine, err := policy.New(t.Context(), nil, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	gate := access.New(access.Config{
		Store: db, Policy: engine, Consents: consent.NewRegistry(access.NewFinder(db)), Sealer: sealer(t, ring, db),
		Organization: "org", Node: "n1", Base: base, Links: links{ring}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	return start(t, func(c *server.Config) { c.Gate, c.Authenticate = gate, byRole })
}

func sealer(t *testing.T, ring *keyring.Ring, db *sqlite.Store) *ledgerbridge.Sealer {
	t.Helper()
	wrap := func(key, context []byte) ([]byte, error) { return ring.Seal(keyring.Parts, key, context) }
	unwrap := func(sealed, context []byte) ([]byte, error) { return ring.Open(keyring.Parts, sealed, context) }
	id, secret, err := ring.Secret(keyring.Pseudonyms)
	if err != nil {
		t.Fatal(err)
	}
	c := ledgerbridge.Config{
		Organization: "org", Node: "n1", Parts: db.PartKeys(wrap, unwrap),
		Pseudonyms: ledgerbridge.Secret{ID: id, Key: secret},
	}
	for _, k := range ring.Keys(keyring.Requests) {
		c.Requests = append(c.Requests, ledgerbridge.Secret{ID: k.ID, Key: k.Secret})
	}
	s, err := ledgerbridge.NewSealer(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type links struct{ ring *keyring.Ring }

func (l links) Seal(plain, context []byte) ([]byte, error) {
	return l.ring.Seal(keyring.Links, plain, context)
}

func (l links) Open(sealed, context []byte) ([]byte, error) {
	return l.ring.Open(keyring.Links, sealed, context)
}

// byRole authenticates "Bearer ROLE"; good is a practitioner.
func byRole(r *http.Request) (agent.Agent, error) {
	role := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	a := agent.Agent{
		Subject: "Practitioner/" + role, Role: role, Organization: "org", Client: "test", Purpose: "TREAT", Issuer: "test",
		Scopes: []agent.Scope{{Context: "user", Type: "*", Actions: "cruds"}},
	}
	switch role {
	case "good", "other":
		a.Role = agent.Practitioner
	case agent.System:
		a.Scopes[0].Context = "system"
	}
	return a, nil
}

var asSystem = []string{"Authorization", "Bearer system"}

// id is the logical id that a create or update answered with.
func (a reply) id() string {
	a.t.Helper()
	var r struct{ ID string }
	if err := json.Unmarshal([]byte(a.body), &r); err != nil || r.ID == "" {
		a.t.Fatalf("no resource (%v): %s", err, a.body)
	}
	return r.ID
}

func TestLifeOfAResource(t *testing.T) {
	n := govern(t)
	id := n.do("POST", "/fhir/Patient", `{"resourceType":"Patient", "name" : [{"family":"Doe"}],"multipleBirthInteger":2}`).want(201).header("ETag", `W/"1"`).id()
	path := "/fhir/Patient/" + id
	n.get(path).want(200).contains(`, "name" : [{"family":"Doe"}],"multipleBirthInteger":2}`)
	n.get(path, "If-None-Match", `W/"1"`).want(304)
	second := fmt.Sprintf(`{"resourceType":"Patient","id":%q,"active":true}`, id)
	n.do("PUT", path, second, "If-Match", `W/"1"`).want(200).header("ETag", `W/"2"`)
	n.do("PUT", path, second, "If-Match", `W/"1"`).want(412, "conflict")
	n.get(path, "If-None-Match", `W/"1"`).want(200).header("ETag", `W/"2"`)
	n.get(path + "/_history/1").want(200).contains("Doe")
	n.do("DELETE", path, "").want(204).header("ETag", `W/"3"`)
	n.get(path).want(410, "deleted")
	n.get(path+"/_history/9").want(404, "not-found")
	n.get(path+"/_history").want(200).contains(`"total":3`, `"method":"DELETE"`, `"method":"PUT"`, `"method":"POST"`)
	for _, a := range []reply{n.get(path), n.get(path + "/_history"), n.get("/fhir/Patient/absent"), n.get("/fhir/Patient")} {
		if !strings.HasPrefix(a.Header.Get("X-Aceso-Record"), "org/n1/") {
			t.Errorf("receipt %q", a.Header.Get("X-Aceso-Record"))
		}
	}
}

func TestUpdateAsCreate(t *testing.T) {
	n := govern(t)
	n.do("PUT", "/fhir/Patient/1", patient1).want(404, "not-found")
	n.do("PUT", "/fhir/Patient/1", patient1, asSystem...).want(201).header("Location", base+"/Patient/1/_history/1")
	n.do("PUT", "/fhir/Patient/1", patient1).want(200)
}

func TestConditionalInteractions(t *testing.T) {
	n := govern(t)
	body := `{"resourceType":"Patient","identifier":[{"system":"http://x","value":"1"}]}`
	criteria := []string{"If-None-Exist", "identifier=http://x|1"}
	first := n.do("POST", "/fhir/Patient", body, criteria...).want(201).id()
	if second := n.do("POST", "/fhir/Patient", body, criteria...).want(200).id(); second != first {
		t.Errorf("created twice: %s and %s", first, second)
	}
	n.do("PUT", "/fhir/Patient?identifier=http://x|1", body).want(200).header("ETag", `W/"1"`)
	n.do("PUT", "/fhir/Patient?identifier=http://x|1", strings.Replace(body, `"identifier"`, `"active":true,"identifier"`, 1)).want(200).header("ETag", `W/"2"`)
	n.do("POST", "/fhir/Patient", body).want(201)
	n.do("PUT", "/fhir/Patient?identifier=http://x|1", body).want(412, "multiple-matches")
	n.do("DELETE", "/fhir/Patient?identifier=http://x|1", "", "If-Match", `W/"1"`).want(412, "multiple-matches")
	n.do("DELETE", "/fhir/Patient?identifier=http://x|1", "").want(204).header("ETag", "").header("Location", "")
	n.get("/fhir/Patient/" + first).want(410)
	n.do("POST", "/fhir/Patient", body, "If-None-Exist", "foo=1").want(400)
}

func TestPaging(t *testing.T) {
	n := govern(t)
	seen := map[string]bool{}
	for range 5 {
		n.do("POST", "/fhir/Patient", patient).want(201)
	}
	path := "/fhir/Patient?_count=2&_total=accurate"
	for path != "" {
		var b struct {
			Total int
			Link  []struct{ Relation, URL string }
			Entry []struct{ FullURL string }
		}
		a := n.get(path).want(200)
		if err := json.Unmarshal([]byte(a.body), &b); err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Entry {
			if seen[e.FullURL] {
				t.Errorf("%s comes twice", e.FullURL)
			}
			seen[e.FullURL] = true
		}
		path = ""
		for _, l := range b.Link {
			if l.Relation == "next" {
				path = "/fhir" + strings.TrimPrefix(l.URL, base)
				n.get(path, "Authorization", "Bearer other").want(400, "invalid")
				n.get(path+"x").want(400, "invalid")
				n.get(path[:len(path)-2]).want(400, "invalid")
			}
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d of 5 patients", len(seen))
	}
}

// A search refuses parameters that it does not know, and names them.
func TestBadSearches(t *testing.T) {
	n := govern(t)
	for _, c := range [][2]string{
		{"foo=bar", "foo"},
		{"name:foo=bar", "name"},
		{"birthdate=tomorrow", "birthdate"},
		{"birthdate=2024-13-01", "birthdate"},
		{"birthdate=xx2024", "birthdate"},
		{"_count=-1", "_count"},
		{"_count=x", "_count"},
		{"_sort=foo", "_sort"},
		{"_total=maybe", "_total"},
		{"_summary=maybe", "_summary"},
		{"_include=Patient:foo", "_include"},
		{"_page=forged", "_page"},
		{"general-practitioner.foo=x", "general-practitioner"},
		{"_has:Observation:foo:code=x", "_has"},
		{"_query=x", "_query"},
		{"_filter=x", "_filter"},
	} {
		i := n.get("/fhir/Patient?" + c[0]).want(400).issue()
		if !strings.HasPrefix(fmt.Sprint(i.Expression), "["+c[1]) {
			t.Errorf("%s: place %v (%s)", c[0], i.Expression, i.Details.Text)
		}
		form := n.do("POST", "/fhir/Patient/_search", c[0], "Content-Type", "application/x-www-form-urlencoded").want(400).issue()
		if fmt.Sprint(form) != fmt.Sprint(i) {
			t.Errorf("%s: GET and POST differ: %v %v", c[0], i, form)
		}
	}
	n.get("/fhir/Patient?foo=bar&active=true", "Prefer", "handling=lenient").want(200).contains(`"severity":"warning"`, "foo")
	n.get("/fhir/_history?_page=forged").want(400, "invalid")
}

// A transaction is all or nothing.
func TestTransactionIsAtomic(t *testing.T) {
	n := govern(t)
	const mother = `"fullUrl":"urn:uuid:0b9f4ab0-5ca5-4ab5-a0dc-c8a0e8b7a7d1",`
	observation := `"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:0b9f4ab0-5ca5-4ab5-a0dc-c8a0e8b7a7d1"},"performer":[{"reference":"Practitioner?identifier=7"}]},`
	request := bundle("transaction", entry("POST", "Observation", observation), entry("POST", "Patient", mother+`"resource":`+patient+`,`))
	i := n.do("POST", "/fhir", request).want(422).header("Location", "").issue()
	if len(i.Expression) == 0 || !strings.HasPrefix(i.Expression[0], "Bundle.entry[0]") {
		t.Errorf("place %v", i.Expression)
	}
	n.get("/fhir/Patient?_total=accurate").want(200).contains(`"total":0`)

	practitioner := n.do("POST", "/fhir/Practitioner", `{"resourceType":"Practitioner","identifier":[{"value":"7"}]}`, asSystem...).want(201).id()
	got := n.do("POST", "/fhir", request, "Prefer", "return=representation").want(200).entries()
	if s := statuses(got); s != "201 Created, 201 Created" {
		t.Fatal(s)
	}
	var o struct {
		Subject   struct{ Reference string }
		Performer []struct{ Reference string }
	}
	if err := json.Unmarshal(got[0].Resource, &o); err != nil {
		t.Fatal(err)
	}
	if base+"/"+o.Subject.Reference != got[1].FullURL || o.Performer[0].Reference != "Practitioner/"+practitioner {
		t.Errorf("references %+v", o)
	}
	n.get("/fhir/" + o.Subject.Reference + "/Observation?_total=accurate").want(200).contains(`"total":1`)

	failing := bundle("transaction", entry("POST", "Patient", `"resource":`+patient+`,`), entry("DELETE", "Patient/absent", ""), entry("PUT", "Patient/1", `"resource":`+patient1+`,`))
	i = n.do("POST", "/fhir", failing).want(404).issue()
	if len(i.Expression) == 0 || !strings.HasPrefix(i.Expression[0], "Bundle.entry[") {
		t.Errorf("place %v", i.Expression)
	}
	n.get("/fhir/Patient?_total=accurate").want(200).contains(`"total":1`)
}

// The entries of a batch stand alone, each with a record.
func TestBatchIsNotAtomic(t *testing.T) {
	n := govern(t)
	a := n.do("POST", "/fhir", bundle("batch",
		entry("POST", "Patient", `"resource":`+patient+`,`),
		entry("GET", "Patient/absent", ""),
		entry("POST", "Patient", `"resource":{"resourceType":"Patient","foo":1},`),
		entry("GET", "Patient?_total=accurate", ""),
	)).want(200)
	got := a.entries()
	if s := statuses(got); s != "201 Created, 404 Not Found, 422 Unprocessable Entity, 200 OK" {
		t.Error(s)
	}
	if receipts := strings.Split(a.Header.Get("X-Aceso-Record"), ", "); len(receipts) != 3 {
		t.Errorf("receipts %v", receipts)
	}
	if !strings.Contains(string(got[3].Resource), `"total":1`) {
		t.Errorf("%s", got[3].Resource)
	}
}

// Roles without clinical data are refused as a whole, and the refusal is recorded.
func TestRefusals(t *testing.T) {
	n := govern(t)
	n.do("PUT", "/fhir/Patient/1", patient1, asSystem...).want(201)
	for _, path := range []string{"/fhir/Patient/1", "/fhir/Patient", "/fhir/Patient/1/_history", "/fhir/Patient/1/_history/1"} {
		a := n.get(path, "Authorization", "Bearer administrator").want(403, "forbidden")
		if a.Header.Get("X-Aceso-Record") == "" {
			t.Errorf("%s: no receipt", path)
		}
	}
	n.get("/metrics").want(403, "forbidden")
	n.get("/metrics", "Authorization", "Bearer administrator").want(200)
}

// Without a record there is no data.
func TestNoRecordNoData(t *testing.T) {
	n := govern(t)
	id := n.do("POST", "/fhir/Patient", `{"resourceType":"Patient","name":[{"family":"Secret"}]}`).want(201).id()
	gate := n.config.Gate.(*access.Gate)
	whole := gate.Store
	gate.Store = noLog{whole}
	for _, path := range []string{"/fhir/Patient/" + id, "/fhir/Patient", "/fhir/Patient/_history", "/fhir/Patient/" + id + "/_history/1"} {
		a := n.get(path).want(503, "transient").header("X-Aceso-Record", "")
		if strings.Contains(a.body, "Secret") || a.Header.Get("ETag") != "" || a.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %v %s", path, a.Header, a.body)
		}
	}
	gate.Store = whole
	n.get("/fhir/Patient/" + id).want(200)
}

// noLog is a store whose access log fails.
type noLog struct{ store.Store }

func (noLog) Record(context.Context, *ledgerbridge.Pending, store.Judged) (ledgerbridge.Receipt, error) {
	return ledgerbridge.Receipt{}, fmt.Errorf("no space left on device")
}
