package node

import (
	"slices"
	"testing"
)

// scopeLines are those of what scopes permit.
func scopeLines() []smartLine {
	return slices.Concat(letterLines(), syntaxLines(), granularLines())
}

// tried is a request with a token for a scope, and its status.
type tried struct {
	scope, method, path, body string
	status                    int
}

func (a *smartNode) tries(all ...tried) {
	a.T.Helper()
	for _, one := range all {
		who := a.backend
		if one.scope[0] != 's' {
			who = a.app
		}
		if r := who(one.scope).Do(one.method, one.path, one.body); r.Status != one.status {
			a.T.Errorf("%s: %s %s: %d, want %d: %s", one.scope, one.method, one.path, r.Status, one.status, r.Body)
		}
	}
}

const (
	bareObservation  = `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p1"}}`
	patchObservation = `[{"op":"replace","path":"/status","value":"amended"}]`
)

func letterLines() (lines []smartLine) {
	own := observationJSON("o-p1", "p1", 71)
	for _, one := range []struct {
		name  string
		tries []tried
	}{
		{"r permits read, vread and the history of a resource", []tried{{"system/Observation.r", "GET", "/Observation/o-p1", "", 200}, {"system/Observation.r", "GET", "/Observation/o-p1/_history/1", "", 200}, {"system/Observation.r", "GET", "/Observation/o-p1/_history", "", 200}}},
		{"r permits no search, and no history of the type", []tried{{"system/Observation.r", "GET", "/Observation?patient=p1", "", 403}, {"system/Observation.r", "GET", "/Observation/_history", "", 403}}},
		{"s permits search and the histories of the type and of all", []tried{{"system/Observation.s", "GET", "/Observation?patient=p1", "", 200}, {"system/Observation.s", "GET", "/Observation/_history", "", 200}, {"system/*.s", "GET", "/_history", "", 200}}},
		{"s permits no read", []tried{{"system/Observation.s", "GET", "/Observation/o-p1", "", 403}, {"system/Observation.s", "GET", "/Observation/o-p1/_history", "", 403}}},
		{"c permits create", []tried{{"system/Observation.c", "POST", "/Observation", bareObservation, 201}, {"system/Observation.ruds", "POST", "/Observation", bareObservation, 403}}},
		{"u permits update", []tried{{"system/Observation.u", "PUT", "/Observation/o-p1", own, 200}, {"system/Observation.crds", "PUT", "/Observation/o-p1", own, 403}}},
		{"d permits delete", []tried{{"system/Observation.crus", "DELETE", "/Observation/o-p1", "", 403}}},
		{"a scope is of its type", []tried{{"system/Patient.cruds", "GET", "/Observation/o-p1", "", 403}, {"system/*.r", "GET", "/Observation/o-p1", "", 200}}},
		{"patient is the one in context", []tried{{"launch/patient patient/*.rs", "GET", "/Observation/o-p1", "", 200}, {"launch/patient patient/*.rs", "GET", "/Observation/o-p2", "", 404}}},
		{"user is whom the user may see", []tried{{"user/*.rs", "GET", "/Observation/o-p1", "", 200}, {"user/*.rs", "GET", "/Observation/o-p2", "", 200}}},
		{"system is for backends", []tried{{"system/*.rs", "GET", "/Observation/o-p2", "", 200}}},
		{"read of version 1 is r and s", []tried{{"system/Observation.read", "GET", "/Observation/o-p1", "", 200}, {"system/Observation.read", "GET", "/Observation?patient=p1", "", 200}, {"system/Observation.read", "POST", "/Observation", bareObservation, 403}}},
		{"write of version 1 is c, u and d", []tried{{"system/Observation.write", "POST", "/Observation", bareObservation, 201}, {"system/Observation.write", "GET", "/Observation/o-p1", "", 403}, {"system/Observation.write", "GET", "/Observation?patient=p1", "", 403}}},
		{"* of version 1 is all", []tried{{"system/Observation.*", "POST", "/Observation", bareObservation, 201}, {"system/Observation.*", "GET", "/Observation?patient=p1", "", 200}}},
	} {
		lines = append(lines, smartLine{"2.2 Scopes, Scopes for requesting FHIR Resources: " + one.name, func(t *testing.T, a *smartNode) { a.tries(one.tries...) }})
	}
	return append(lines,
		smartLine{"2.2 Scopes, Scopes for requesting FHIR Resources: u permits patch of what r permits to read", func(t *testing.T, a *smartNode) {
			for scope, status := range map[string]int{"system/Observation.ru": 200, "system/Observation.u": 403, "system/Observation.crds": 403} {
				a.backend(scope).Do("PATCH", "/Observation/o-p1", patchObservation, "Content-Type", "application/json-patch+json").Want(status)
			}
		}},
		smartLine{"2.2 Scopes, Scopes for requesting FHIR Resources: d deletes what was created", func(t *testing.T, a *smartNode) {
			system := a.as("system", "HOPERAT")
			system.Put("/Observation/gone", observationJSON("gone", "p1", 1)).Want(201)
			a.backend("system/Observation.d").Do("DELETE", "/Observation/gone", "").Want(204)
		}},
		smartLine{"2.2 Scopes, Batches and Transactions: each entry is checked", func(t *testing.T, a *smartNode) {
			const bundle = `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/p1"}},{"request":{"method":"GET","url":"Observation/o-p1"}},{"request":{"method":"GET","url":"Observation?patient=p1"}}]}`
			a.app("launch/patient patient/Observation.r").Post("/", bundle).Want(200).WantStatuses("403", "200", "403")
		}},
	)
}

func syntaxLines() (lines []smartLine) {
	for _, scope := range []string{
		"patient/Observation.sr", "patient/Observation.dus", "patient/Observation.", "patient/Observation", "patient/Nothing.rs", "patient/observation.rs", "Patient/Observation.rs", "group/Observation.rs",
		"patient/Observation.rss", "patient/Observation.reads", "patient/Observation.RS", "patient/Observation.rs patient/Observation.x", "nonsense", "system/*.rs",
	} {
		lines = append(lines, smartLine{"2.2 Scopes, FHIR Resource Scope Syntax: " + scope + " is invalid_scope", func(t *testing.T, a *smartNode) {
			a.sentBack("invalid_scope", a.authorizationOf(scope))
		}})
	}
	return lines
}

func granularLines() (lines []smartLine) {
	const at = "2.2 Scopes, Finer-grained resource constraints: "
	for _, scope := range []string{
		"patient/Observation.rs?nonsense=1", "patient/Observation.rs?value-quantity=1", "patient/Observation.rs?patient.birthdate=1990", "patient/Observation.rs?code:in=http://x.example/vs",
		"patient/Observation.rs?_filter=x", "patient/Observation.rs?_has:Provenance:target:agent=x", "patient/*.rs?_id=x", "patient/Observation.read?status=final", "patient/Observation.rs?", "patient/Observation.rs?status",
	} {
		lines = append(lines, smartLine{at + scope + " is invalid_scope, never cut", func(t *testing.T, a *smartNode) {
			a.sentBack("invalid_scope", a.authorizationOf(scope))
		}})
	}
	const final, prelim = "system/Observation.cruds?status=final", "system/Observation.cruds?status=preliminary"
	return append(lines,
		smartLine{at + "a read, a search and a total show what matches", func(t *testing.T, a *smartNode) {
			a.graded(t)
			only := a.backend(final)
			only.Get("/Observation/g-final").Want(200)
			only.Get("/Observation/g-preliminary").Want(404)
			if got := only.Get("/Observation?patient=p2&_id=g-final,g-preliminary").Want(200); got.JSON()["total"] != 1.0 || slices.Contains(got.IDs(), "g-preliminary") {
				t.Errorf("%s", got.Body)
			}
		}},
		smartLine{at + "AND within a scope", func(t *testing.T, a *smartNode) {
			a.graded(t)
			both := a.backend("system/Observation.rs?status=final&patient=Patient/p1")
			both.Get("/Observation/g-final").Want(404) // final, of p2
			a.backend("system/Observation.rs?status=final&patient=Patient/p2").Get("/Observation/g-final").Want(200)
		}},
		smartLine{at + "OR between scopes", func(t *testing.T, a *smartNode) {
			a.graded(t)
			either := a.backend(final + " " + prelim)
			either.Get("/Observation/g-final").Want(200)
			either.Get("/Observation/g-preliminary").Want(200)
		}},
		smartLine{at + "a write that leaves the scope is 403", func(t *testing.T, a *smartNode) {
			a.graded(t)
			only := a.backend(final)
			only.Put("/Observation/g-final", observationOf("g-final", "preliminary")).Want(403)
			only.Post("/Observation", observationOf("", "preliminary")).Want(403)
			only.Post("/Observation", observationOf("", "final")).Want(201)
			only.Get("/Observation/g-final").Want(200)
		}},
	)
}

// observationOf is one of p2 with a status.
func observationOf(id, status string) string {
	if id != "" {
		id = `"id":"` + id + `",`
	}
	return `{"resourceType":"Observation",` + id + `"status":"` + status + `","code":{"text":"x"},"subject":{"reference":"Patient/p2"}}`
}

// graded makes sure that there is a final and a preliminary observation of p2.
func (a *smartNode) graded(t *testing.T) {
	t.Helper()
	system := a.as("system", "HOPERAT")
	for _, status := range []string{"final", "preliminary"} {
		if r := system.Put("/Observation/g-"+status, observationOf("g-"+status, status)); r.Status != 200 && r.Status != 201 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
}
