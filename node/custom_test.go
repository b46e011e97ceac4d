package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/node/nodetest"
)

// customParameter is an active SearchParameter of this server's own.
func customParameter(id, code, typ, base, expression, more string) string {
	return fmt.Sprintf(`{"resourceType":"SearchParameter","id":%q,"url":"http://hospital.example/SearchParameter/%s","name":%q,"status":"active","description":"x","code":%q,"base":[%q],"type":%q,"expression":%q%s}`,
		id, id, code, code, base, typ, expression, more)
}

const birthplace = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"

func bornIn(id, city string, more string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"extension":[{"url":%q,"valueAddress":{"city":%q}}],"name":[{"family":"F%s"}]%s}`, id, birthplace, city, id, more)
}

// ready waits until a search by a custom parameter is answered.
func ready(t *testing.T, u user, query string) {
	t.Helper()
	nodetest.Until(t, "the parameter of "+query+" is used", func() bool { return u.Get(query).Status == 200 })
}

// A custom search parameter finds what was written before it and after it, in searches,
// orders, chains, _has and filters; it is not used before it is complete, and not after its
// SearchParameter was retired.
func TestCustomParametersFindWhatTheySay(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	system.Put("/Patient/a", bornIn("a", "Basel", "")).Want(201)
	system.Put("/Patient/b", bornIn("b", "Zürich", "")).Want(201)
	system.Put("/Patient/none", patientJSON("none", "none")).Want(201)
	system.Put("/Observation/o", observationJSON("o", "b", 1)).Want(201)
	system.Get("/Patient?birthplace=Basel").Want(400)
	expression := "Patient.extension('" + birthplace + "').value.city"
	system.Put("/SearchParameter/birthplace", customParameter("birthplace", "birthplace", "string", "Patient", expression, "")).Want(201)
	system.Put("/Patient/c", bornIn("c", "Basel", "")).Want(201)
	ready(t, system, "/Patient?birthplace=Basel")
	for query, want := range map[string]string{
		"/Patient?birthplace=basel":                            "a c",
		"/Patient?birthplace:exact=Zürich":                     "b",
		"/Patient?birthplace=zurich":                           "b",
		"/Patient?birthplace:contains=asel":                    "a c",
		"/Patient?birthplace:missing=true":                     "none",
		"/Patient?_sort=-birthplace":                           "b a c none",
		"/Observation?subject:Patient.birthplace=Zürich":       "o",
		"/Observation?patient.birthplace=Basel":                "",
		`/Patient?_filter=birthplace eq "basel" or _id eq none`: "a c none",
		"/Patient?birthplace=basel&_id=c":                      "c",
	} {
		wantIDs(t, system.Get(strings.ReplaceAll(query, " ", "%20")).Want(200), -1, of(query, want)...)
	}
	if !system.Get("/metadata").Has("http://hospital.example/SearchParameter/birthplace") {
		t.Error("the CapabilityStatement does not name it")
	}
	system.Put("/Patient/a", bornIn("a", "Bern", "")).Want(200)
	wantIDs(t, system.Get("/Patient?birthplace=basel").Want(200), -1, "Patient/c")
	system.Do("POST", "/Patient", bornIn("d", "Basel", ""), "If-None-Exist", "birthplace=basel").Want(200)
	n.stop()
	wantWhole(t, n.data, Database{})
	n = startNode(t, string(n.data))
	system = n.as("system", "HOPERAT")
	wantIDs(t, system.Get("/Patient?birthplace=basel").Want(200), -1, "Patient/c")
	system.Do("DELETE", "/SearchParameter/birthplace", "").Want(204)
	system.Get("/Patient?birthplace=basel").Want(400)
	if system.Get("/metadata").Has("birthplace") {
		t.Error("the CapabilityStatement still names it")
	}
}

// of are the references of some ids of what a query is for.
func of(query, ids string) (refs []string) {
	typ, _, _ := strings.Cut(strings.TrimPrefix(query, "/"), "?")
	for _, id := range strings.Fields(ids) {
		refs = append(refs, typ+"/"+id)
	}
	return refs
}
