package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// statement is the part of a CapabilityStatement that clients rely on.
type statement struct {
	ResourceType, Status, Kind, FHIRVersion string
	Format                                  []string
	Software                                struct{ Name, Version string }
	Implementation                          struct{ URL string }
	Rest                                    []struct {
		Mode        string
		Interaction []struct{ Code string }
		Resource    []capability
	}
}

// capability is what the statement says about one type.
type capability struct {
	Type              string
	Interaction       []struct{ Code string }
	ConditionalCreate bool
	SearchParam       []struct{ Name, Type string }
	SearchInclude     []string
	Operation         []struct{ Name, Definition string }
}

func (n *testNode) statement() (s statement) {
	n.t.Helper()
	body := n.as("system", "HOPERAT").get("/metadata").want(http.StatusOK).body
	if err := json.Unmarshal(body, &s); err != nil {
		n.t.Fatal(err)
	}
	if len(s.Rest) != 1 {
		n.t.Fatalf("%d rest", len(s.Rest))
	}
	return s
}

// The statement is a valid resource and says which software this is, which FHIR it
// speaks, and every type of R4.
func TestMetadata(t *testing.T) {
	n := startNode(t, t.TempDir())
	body := n.as("system", "HOPERAT").get("/metadata").want(http.StatusOK).body
	if r, err := fhir.Parse(body); err != nil || r.Type() != "CapabilityStatement" {
		t.Fatalf("no valid CapabilityStatement: %v", err)
	}
	s := n.statement()
	if s.FHIRVersion != "4.0.1" || s.Kind != "instance" || s.Status != "active" || s.Rest[0].Mode != "server" {
		t.Errorf("version %s, kind %s, status %s, mode %s", s.FHIRVersion, s.Kind, s.Status, s.Rest[0].Mode)
	}
	if s.Software.Name != "Aceso" || s.Software.Version != version() || s.Implementation.URL != n.node.BaseURL {
		t.Errorf("software %+v, implementation %+v", s.Software, s.Implementation)
	}
	var types []string
	for _, r := range s.Rest[0].Resource {
		types = append(types, r.Type)
	}
	if len(types) < 140 || !slices.Equal(types, fhir.ResourceTypes()) {
		t.Errorf("%d types, of R4's %d", len(types), len(fhir.ResourceTypes()))
	}
	for _, format := range s.Format {
		for _, ask := range [][]string{{"/Patient?_format=" + url.QueryEscape(format)}, {"/Patient", "Accept", format}} {
			if len(ask) > 1 && !strings.Contains(format, "/") {
				continue // a word for _format only
			}
			if r := n.as("system", "HOPERAT").do("GET", ask[0], "", ask[1:]...); r.status != http.StatusOK {
				t.Errorf("format %s is listed, and refused: %d", format, r.status)
			}
		}
	}
}

// examples are values that a parameter of each type can have.
var examples = map[string]string{
	"string": "a", "token": "a", "reference": "Patient/p1", "date": "2024", "number": "1", "quantity": "1",
	"uri": "urn:a",
}

// composites are values of pairs and triples; which kinds their parts are, the statement does not say.
var composites = []string{"a$1", "a$1$1", "a$a", "a$2024", "a$Patient/p1", "Patient/p1$a", "1$1", "urn:a$a"}

// tryParam searches with a value that a parameter of the type can have.
func (u user) tryParam(typ, name, kind string) (a response) {
	values := []string{examples[kind]}
	switch {
	case typ == "AuditEvent" && name == "action":
		values = []string{"R"}
	case typ == "AuditEvent" && name == "outcome":
		values = []string{"0"}
	case kind == "composite":
		values = composites
	}
	for _, value := range values {
		a = u.peek("/" + typ + "?_count=1&" + name + "=" + url.QueryEscape(value))
		if a.status == http.StatusOK {
			return a
		}
	}
	return a
}

// peek is get for many goroutines, which share the waiting for their records.
func (u user) peek(path string) response {
	a, err := u.try(http.MethodGet, path, "")
	if err != nil {
		u.n.t.Errorf("%s: %v", path, err)
	}
	return a
}

// Every search parameter that is listed is accepted, and every reference among them
// can be included, as listed.
func TestMetadataSearchParameters(t *testing.T) {
	n := startNode(t, t.TempDir())
	system, officer, types := n.as("system", "HOPERAT"), n.as("privacy-officer", "HOPERAT"), n.statement().Rest[0].Resource
	tried := 0
	for params, times := range parallel(len(types), func(i int) int {
		r, caller := types[i], system
		if r.Type == "AuditEvent" {
			caller = officer
		}
		for _, p := range r.SearchParam {
			if a := caller.tryParam(r.Type, p.Name, p.Type); a.status != http.StatusOK {
				t.Errorf("%s (%s) is listed, and refused: %d %s", a.what, p.Type, a.status, a.body)
			}
		}
		for _, include := range r.SearchInclude {
			if a := caller.peek("/" + r.Type + "?_count=1&_include=" + include); a.status != http.StatusOK {
				t.Errorf("_include=%s is listed, and refused: %d %s", include, a.status, a.body)
			}
		}
		return len(r.SearchParam)
	}) {
		tried += params * times
	}
	if tried < 2000 {
		t.Errorf("only %d parameters are listed", tried)
	}
}

// What is accepted is listed, on a sample of names.
func TestMetadataListsAll(t *testing.T) {
	n := startNode(t, t.TempDir())
	system, types := n.as("system", "HOPERAT"), n.statement().Rest[0].Resource
	names := strings.Fields("patient code identifier date status subject family url _id _lastUpdated _tag _text _content _filter _query _list")
	parallel(len(types), func(i int) int {
		r, listed := types[i], map[string]bool{}
		if r.Type == "AuditEvent" {
			return 0
		}
		for _, p := range r.SearchParam {
			listed[p.Name] = true
		}
		for _, name := range names {
			a := system.peek("/" + r.Type + "?_count=1&" + name + "=2024")
			if accepted := a.status == http.StatusOK; accepted != listed[name] {
				t.Errorf("%s?%s: listed %v, status %d\n%s", r.Type, name, listed[name], a.status, a.body)
			}
		}
		return 0
	})
}

// Every interaction that is listed for a type works, on a sample of types.
func TestMetadataInteractions(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	s := n.statement()
	system, officer := n.as("system", "HOPERAT"), n.as("privacy-officer", "HOPERAT")
	read := system.get("/Patient/p1").want(http.StatusOK)
	system.put("/Basic/b", `{"resourceType":"Basic","id":"b","code":{"text":"x"}}`).want(http.StatusCreated)
	sample := map[string]map[string]response{
		"Basic": {
			"read": system.get("/Basic/b"), "vread": system.get("/Basic/b/_history/1"), "search-type": system.get("/Basic?code:text=x"),
			"history-instance": system.get("/Basic/b/_history"), "history-type": system.get("/Basic/_history"),
			"create": system.post("/Basic", `{"resourceType":"Basic","code":{"text":"y"}}`),
			"update": system.put("/Basic/b", `{"resourceType":"Basic","id":"b","code":{"text":"z"}}`), "verify": system.get("/Basic/b/_history/1/$verify"),
			"delete": system.do("DELETE", "/Basic/b", ""),
		},
		"Patient":    {"access-report": n.as("patient", "PATRQT", func(g *grant) { g.patient = "p1" }).get("/Patient/p1/$access-report")},
		"AuditEvent": {"read": officer.get("/AuditEvent/" + read.event()), "search-type": officer.get("/AuditEvent"), "proof": officer.get("/AuditEvent/" + read.event() + "/$proof")},
		"": {
			"batch":       system.post("/", bundleJSON("batch", entryJSON("GET", "Patient/p1", "", ""))),
			"transaction": system.post("/", bundleJSON("transaction", entryJSON("GET", "Patient/p1", "", ""))), "history-system": system.get("/_history"),
		},
	}
	listed := map[string][]string{}
	for _, i := range s.Rest[0].Interaction {
		listed[""] = append(listed[""], i.Code)
	}
	for _, r := range s.Rest[0].Resource {
		for _, i := range r.Interaction {
			listed[r.Type] = append(listed[r.Type], i.Code)
		}
		for _, o := range r.Operation {
			listed[r.Type] = append(listed[r.Type], o.Name)
			if !strings.HasSuffix(o.Definition, "/OperationDefinition/"+o.Name) {
				t.Errorf("%s $%s is defined by %q", r.Type, o.Name, o.Definition)
			}
		}
	}
	for typ, answers := range sample {
		for code, a := range answers {
			if a.status >= 300 || !slices.Contains(listed[typ], code) {
				t.Errorf("%s %s: status %d, listed %v\n%s", typ, code, a.status, listed[typ], a.body)
			}
		}
		for _, code := range listed[typ] {
			if _, known := answers[code]; !known && typ != "Patient" {
				t.Errorf("%s %s is listed and not tried", typ, code)
			}
		}
	}
}
