package node

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
		Mode     string
		Security struct {
			Service []struct {
				Coding []struct{ System, Code string }
			}
		}
		Interaction []struct{ Code string }
		Resource    []capability
	}
}

// capability is what the statement says about one type.
type capability struct {
	Type                            string
	Interaction                     []struct{ Code string }
	Versioning                      string
	ReadHistory, UpdateCreate       bool
	ConditionalCreate               bool
	ConditionalUpdate               bool
	ConditionalRead                 string
	ConditionalDelete               string
	SearchParam                     []struct{ Name, Type string }
	SearchInclude, SearchRevInclude []string
	Operation                       []struct{ Name, Definition string }
}

func (n *testNode) statement() (s statement) {
	n.T.Helper()
	body := n.as("system", "HOPERAT").Get("/metadata").Want(http.StatusOK).Body
	if err := json.Unmarshal(body, &s); err != nil {
		n.T.Fatal(err)
	}
	if len(s.Rest) != 1 {
		n.T.Fatalf("%d rest", len(s.Rest))
	}
	return s
}

// The statement is a valid resource and says which software this is, which FHIR it
// speaks, and every type of R4.
func TestMetadata(t *testing.T) {
	n := startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.Version = "v1.2.3" })
	body := n.as("system", "HOPERAT").Get("/metadata").Want(http.StatusOK).Body
	if r, err := fhir.Parse(body); err != nil || r.Type() != "CapabilityStatement" {
		t.Fatalf("no valid CapabilityStatement: %v", err)
	}
	s := n.statement()
	if s.FHIRVersion != "4.0.1" || s.Kind != "instance" || s.Status != "active" || s.Rest[0].Mode != "server" {
		t.Errorf("version %s, kind %s, status %s, mode %s", s.FHIRVersion, s.Kind, s.Status, s.Rest[0].Mode)
	}
	if s.Software.Name != "Aceso" || s.Software.Version != "v1.2.3" || s.Implementation.URL != n.node.identity.BaseURL {
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
			if r := n.as("system", "HOPERAT").Do("GET", ask[0], "", ask[1:]...); r.Status != http.StatusOK {
				t.Errorf("format %s is listed, and refused: %d", format, r.Status)
			}
		}
	}
}

// examples are values that a parameter of each type can have.
var examples = map[string]string{
	"string": "a", "token": "a", "reference": "Patient/p1", "date": "2024", "number": "1", "quantity": "1",
	"uri": "urn:a", "special": "a",
}

// composites are values of pairs and triples; which kinds their parts are, the statement does not say.
var composites = []string{"a$1", "a$1$1", "a$a", "a$2024", "a$Patient/p1", "Patient/p1$a", "1$1", "urn:a$a"}

// tryParam searches with a value that a parameter of the type can have.
func tryParam(u user, typ, name, kind string) (a response) {
	values := []string{examples[kind]}
	switch {
	case typ == "AuditEvent" && name == "action":
		values = []string{"R"}
	case typ == "AuditEvent" && name == "outcome":
		values = []string{"0"}
	case name == "_filter":
		values = []string{"_id eq a"}
	case name == "near":
		values = []string{"47.4|8.5|10|km"}
	case kind == "special":
		values = []string{"a"}
	case kind == "composite":
		values = composites
	}
	for _, value := range values {
		a = peek(u, "/"+typ+"?_count=1&"+name+"="+url.QueryEscape(value))
		if a.Status == http.StatusOK {
			return a
		}
	}
	return a
}

// peek is get for many goroutines, which share the waiting for their records.
func peek(u user, path string) response {
	a, err := u.Try(http.MethodGet, path, "")
	if err != nil {
		u.Node.T.Errorf("%s: %v", path, err)
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
			if a := tryParam(caller, r.Type, p.Name, p.Type); a.Status != http.StatusOK {
				t.Errorf("%s (%s) is listed, and refused: %d %s", a.What, p.Type, a.Status, a.Body)
			}
		}
		for _, include := range r.SearchInclude {
			if a := peek(caller, "/"+r.Type+"?_count=1&_include="+include); a.Status != http.StatusOK {
				t.Errorf("_include=%s is listed, and refused: %d %s", include, a.Status, a.Body)
			}
		}
		for some := range slices.Chunk(r.SearchRevInclude, 20) {
			if a := peek(caller, "/"+r.Type+"?_count=1&_revinclude="+strings.Join(some, "&_revinclude=")); a.Status != http.StatusOK {
				t.Errorf("_revinclude of %s is listed, and refused: %d %s", r.Type, a.Status, a.Body)
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
			value := "2024"
			if name == "_filter" {
				value = url.QueryEscape("_id eq a")
			}
			a := peek(system, "/"+r.Type+"?_count=1&"+name+"="+value)
			if accepted := a.Status == http.StatusOK; accepted != listed[name] {
				t.Errorf("%s?%s: listed %v, status %d\n%s", r.Type, name, listed[name], a.Status, a.Body)
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
	read := system.Get("/Patient/p1").Want(http.StatusOK)
	system.Put("/Basic/b", `{"resourceType":"Basic","id":"b","code":{"text":"x"}}`).Want(http.StatusCreated)
	const tagged = `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"system":"urn:t","code":"a"}]}}]}`
	sample := map[string]map[string]response{
		"Basic": {
			"read": system.Get("/Basic/b"), "vread": system.Get("/Basic/b/_history/1"), "search-type": system.Get("/Basic?code:text=x"),
			"history-instance": system.Get("/Basic/b/_history"), "history-type": system.Get("/Basic/_history"),
			"create": system.Post("/Basic", `{"resourceType":"Basic","code":{"text":"y"}}`),
			"update": system.Put("/Basic/b", `{"resourceType":"Basic","id":"b","code":{"text":"z"}}`), "verify": system.Get("/Basic/b/_history/1/$verify"),
			"validate": system.Get("/Basic/b/$validate"), "explain-query": n.as("administrator", "HSYSADMIN").Get("/Basic/$explain-query?code=x"), "meta": system.Get("/Basic/b/$meta"),
			"meta-add": system.Post("/Basic/b/$meta-add", tagged), "meta-delete": system.Post("/Basic/b/$meta-delete", tagged),
			"patch":  system.Do("PATCH", "/Basic/b", `[{"op":"replace","path":"/code/text","value":"zz"}]`, "Content-Type", "application/json-patch+json"),
			"delete": system.Do("DELETE", "/Basic/b", ""),
		},
		"Patient": {"access-report": n.as("patient", "PATRQT", func(g *Grant) { g.Patient = "p1" }).Get("/Patient/p1/$access-report")},
		"AuditEvent": {"read": officer.Get("/AuditEvent/" + read.Event()), "search-type": officer.Get("/AuditEvent"), "proof": officer.Get("/AuditEvent/" + read.Event() + "/$proof"),
			"recordDisclosure": system.Post("/AuditEvent/$recordDisclosure", fastParameters(resourcePart("disclosure", disclosureJSON)))},
		"": {
			"batch":       system.Post("/", bundleJSON("batch", entryJSON("GET", "Patient/p1", "", ""))),
			"transaction": system.Post("/", bundleJSON("transaction", entryJSON("GET", "Patient/p1", "", ""))), "history-system": system.Get("/_history"),
			"search-system": system.Get("?_type=Patient,Observation"),
		},
	}
	plain := func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "-", "")) } // $fileConsent is defined by file-consent
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
			if !strings.Contains(o.Definition, "/OperationDefinition/") || !strings.HasSuffix(plain(o.Definition), plain(o.Name)) {
				t.Errorf("%s $%s is defined by %q", r.Type, o.Name, o.Definition)
			}
		}
	}
	for typ, answers := range sample {
		for code, a := range answers {
			if a.Status >= 300 || !slices.Contains(listed[typ], code) {
				t.Errorf("%s %s: status %d, listed %v\n%s", typ, code, a.Status, listed[typ], a.Body)
			}
		}
		for _, code := range listed[typ] {
			if _, known := answers[code]; !known && typ != "Patient" {
				t.Errorf("%s %s is listed and not tried", typ, code)
			}
		}
	}
}
