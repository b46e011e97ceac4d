package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// Whoever is counted, led through or singled out by a question is concerned, whatever
// the answer is.
func TestQuestionsConcernThoseTheySingleOut(t *testing.T) {
	h := ward(t)
	h.put(`{"resourceType":"Condition","id":"inside","subject":{"reference":"Patient/hidden"},"asserter":{"reference":"#p"},"contained":[{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:x","value":"1"}]}]}`)
	h.put(`{"resourceType":"Encounter","id":"e-hidden","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/hidden"}}`,
		`{"resourceType":"List","id":"l-hidden","status":"current","mode":"working","subject":{"reference":"Patient/hidden"}}`)
	told := h.told()
	for _, c := range []struct{ name, typ, query, patients string }{
		{"a count", "Observation", "code=http://loinc.org|8867-4&_summary=count", "[hidden seen]"},
		{"a count behind an identifier", "Observation", "patient.identifier=urn:mrn|seen&_summary=count", "[seen]"},
		{"a chain to the hidden", "Observation", "patient.identifier=urn:mrn|hidden", "[hidden]"},
		{"a chain with no match", "Condition", "patient.identifier=urn:mrn|hidden", "[hidden]"},
		{"a longer chain", "Observation", "encounter:Encounter.subject:Patient.identifier=urn:mrn|hidden", "[hidden]"},
		{"a longer reverse chain", "Practitioner", "_has:Encounter:practitioner:_has:Observation:encounter:_id=h1", "[hidden]"},
		{"a chain into a contained resource", "Condition", "asserter:Patient.identifier=urn:x|1", "[hidden]"},
		{"a chain into a contained resource, and a guess", "Condition", "asserter:Patient.identifier=urn:x|1&code=x", "[hidden]"},
		{"a negated chain", "Condition", "patient:Patient.identifier=urn:mrn|seen&patient.identifier:not=urn:mrn|hidden", "[hidden seen]"},
		{"a reverse chain", "Patient", "_has:Observation:patient:_id=h1", "[hidden]"},
		{"a reverse chain with no match", "Practitioner", "_has:Observation:performer:_id=h1", "[hidden]"},
		{"an id", "Observation", "_id=h1", "[hidden]"},
		{"an identifier", "Patient", "identifier=urn:mrn|hidden&_summary=count", "[hidden]"},
		{"a name with no match", "Condition", "patient=hidden", "[hidden]"},
		{"nobody", "Patient", "identifier=urn:mrn|nobody", "[]"},
		{"an id, and a guess", "Observation", "_id=h1&value-quantity=gt4.0", "[hidden]"},
		{"one of two ids, and a guess", "Observation", "_id=h1,none&value-quantity=gt4.0", "[hidden]"},
		{"a name, and another's id that it excludes", "Observation", "patient=seen&_id:not=h1", "[hidden seen]"},
		{"whom it excludes", "Observation", "code:not=http://loinc.org|8867-4", "[hidden seen]"},
		{"a resource by reference", "Observation", "has-member=Observation/h1", "[hidden]"},
		{"an identifier, and a guess about one of two", "Patient", "identifier=urn:mrn|seen,urn:mrn|hidden&_id=seen", "[hidden seen]"},
		{"a rare value, and a guess", "Observation", "code=http://loinc.org|8867-4&value-quantity=gt4.0", "[hidden seen]"},
		{"two values of few, and a guess", "Observation", "code=http://loinc.org|8867-4&status=final&value-quantity=gt4.0", "[hidden seen]"},
		{"a name, and whom it excludes", "Observation", "patient=seen&status:not=final", "[seen]"},
		{"a filter, and a guess", "Observation", "_filter=code eq http://loinc.org|8867-4 and value-quantity gt 4.0", "[hidden seen]"},
		{"a filter in brackets, and a guess", "Observation", "_filter=_id ne x and (code eq http://loinc.org|8867-4 and value-quantity gt 4.0)", "[hidden seen]"},
		{"a filter with an alternative, and a guess", "Observation", "_filter=(code eq http://loinc.org|8867-4 and value-quantity gt 4.0) or _id eq none", "[hidden seen]"},
		{"a filter with a negation, and a guess", "Observation", "_filter=not (not (code eq http://loinc.org|8867-4 and value-quantity gt 4.0)) and _id eq none", "[hidden seen]"},
		{"a filter of a chain, and a guess", "Encounter", "_filter=patient[identifier eq urn:mrn|hidden].birthdate gt 2999", "[hidden]"},
		{"a filter over several types, and a guess", "", "_type=Observation,DiagnosticReport&_filter=code eq http://loinc.org|8867-4 and date gt 2999", "[hidden seen]"},
		{"a filter of a chain, and a guess about few", "Condition", "_filter=encounter[class eq AMB].date gt 2999", "[hidden]"},
		{"a list", "Observation", "_list=l-hidden", "[hidden]"},
	} {
		if err := searchFor(c.typ, c.query)(h, h.as("practitioner", "TREAT")); err != nil {
			t.Errorf("%s: %v", c.name, err)
			told()
			continue
		}
		if got := told(); len(got) != 1 || !strings.Contains(got[0], " "+c.patients+" [") {
			t.Errorf("%s:\n got %q\nwant %s", c.name, got, c.patients)
		}
	}
}

// A transaction that fails concerns the patients of every condition that it evaluated,
// in whatever order.
func TestFailingTransactionsConcernThoseOfTheirConditions(t *testing.T) {
	h := ward(t)
	told := h.told()
	guess := func(criteria string) Operation {
		return Operation{Method: "DELETE", Ref: fhir.Ref{Type: "Observation"}, Conditional: true, Criteria: params(criteria), Expression: "Bundle.entry[0]"}
	}
	fails := Operation{Method: "GET", Ref: ref("Observation/none"), Expression: "Bundle.entry[1]"}
	linked := Operation{Method: "POST", Ref: fhir.Ref{Type: "Observation"}, Expression: "Bundle.entry[0]",
		Resource: h.parse(strings.Replace(strings.Replace(observationDoc("", "seen"), `"id":"",`, "", 1), "Patient/seen", "Patient?identifier=urn:mrn|hidden", 1))}
	for name, c := range map[string]struct {
		ops  []Operation
		want string
	}{
		"no match":              {[]Operation{guess("patient.identifier=urn:mrn|seen&value-quantity=gt4.0"), fails}, "[seen] []"},
		"a value of few":        {[]Operation{guess("code=http://loinc.org|8867-4&value-quantity=gt4.0"), fails}, "[hidden seen] []"},
		"conditional reference": {[]Operation{linked, fails}, "[hidden] []"},
	} {
		if _, err := h.Apply(t.Context(), h.as("practitioner", "TREAT"), c.ops); err == nil {
			t.Errorf("%s: it did not fail", name)
		}
		if got := told(); len(got) != 1 || !strings.HasSuffix(got[0], c.want) || !strings.Contains(got[0], "=urn:mrn") && !strings.Contains(got[0], "=http://loinc.org") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A refused search singles out, too.
func TestRefusedSearchesConcernThoseTheySingleOut(t *testing.T) {
	h := ward(t)
	told := h.told()
	for _, query := range []string{"identifier=urn:mrn|hidden", "_has:Observation:patient:_id=h1"} {
		c := h.as("practitioner", "TREAT")
		c.Agent.Scopes = nil
		if err := searchFor("Patient", query)(h, c); kindOf(err) != fhir.Forbidden {
			t.Fatal(err)
		}
		if got := told(); len(got) != 1 || !strings.HasSuffix(got[0], "[hidden] []") {
			t.Errorf("%q", got)
		}
	}
}

// A change that is refused names those of its conditions.
func TestRefusedConditionsConcernThoseTheySingleOut(t *testing.T) {
	h := ward(t)
	told := h.told()
	c := h.as("practitioner", "TREAT")
	c.Agent.Scopes = nil
	op := Operation{Method: "DELETE", Ref: fhir.Ref{Type: "Observation"}, Conditional: true, Criteria: params("patient.identifier=urn:mrn|hidden")}
	if err := apply(op)(h, c); kindOf(err) != fhir.Forbidden {
		t.Fatal(err)
	}
	if got := told(); len(got) != 1 || !strings.HasSuffix(got[0], "patient.identifier=urn:mrn%7Chidden [hidden] []") {
		t.Errorf("%q", got)
	}
}

// Beyond a hundred, a record names those alone whose data are disclosed; a broad question
// is about nobody in particular who is hidden.
func TestBroadQuestions(t *testing.T) {
	h := ward(t)
	var crowd []string
	for i := range 2 * mostConcerned {
		crowd = append(crowd, patientDoc(fmt.Sprintf("crowd-%d", i)))
	}
	for i := range store.SingledOut + 1 {
		crowd = append(crowd, observationDoc(fmt.Sprintf("other-%d", i), fmt.Sprintf("crowd-%d", i)))
	}
	h.put(crowd...)
	told := h.told()
	for query, want := range map[string]int{"_summary=count": mostConcerned, "_count=150": 150} {
		if err := searchFor("Patient", query)(h, h.as("practitioner", "TREAT")); err != nil {
			t.Fatal(err)
		}
		got := told()
		if n := strings.Count(got[0], "crowd-"); len(got) != 1 || n < want-1 {
			t.Errorf("%s names %d of a crowd", query, n)
		}
	}
	if err := searchFor("Observation", "code=8867-4")(h, h.as("practitioner", "TREAT")); err != nil {
		t.Fatal(err)
	}
	if got := told(); len(got) != 1 || strings.Contains(got[0], "hidden") {
		t.Errorf("%q", got)
	}
}

// A question with more chains than are followed is a broad one: none goes without a
// trace.
func TestChainsBeyondTheLimitAreBroad(t *testing.T) {
	h := ward(t)
	told := h.told()
	dummies := strings.Repeat("subject.identifier=urn:mrn|seen&", 60) // each may lead to four types
	if err := searchFor("Observation", dummies+"patient.identifier=urn:mrn|hidden")(h, h.as("practitioner", "TREAT")); err != nil {
		t.Fatal(err)
	}
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "* ") {
		t.Errorf("%q", got)
	}
}

// A question that names more than are looked up is a broad one.
func TestNamesThatAreLookedUpAreBounded(t *testing.T) {
	h := ward(t)
	told := h.told()
	var query []string
	for param := range 3 {
		var ids []string
		for i := range mostNamed/2 - 1 {
			ids = append(ids, fmt.Sprintf("n%d-%d", param, i))
		}
		query = append(query, "_id="+strings.Join(ids, ","))
	}
	if err := searchFor("Observation", strings.Join(query, "&"))(h, h.as("practitioner", "TREAT")); err != nil {
		t.Fatal(err)
	}
	if got := told(); len(got) != 1 || !strings.HasSuffix(got[0], " [*] []") {
		t.Errorf("%.200q", got)
	}
}

// A broad question stands in every patient's report, marked, and says nothing of others.
func TestBroadQuestionsStandInEveryReport(t *testing.T) {
	h := ward(t)
	var crowd []string
	for i := range store.SingledOut + 1 {
		id := fmt.Sprintf("crowd-%d", i)
		crowd = append(crowd, patientDoc(id), denialDoc("c-"+id, id))
	}
	h.put(crowd...)
	const question = "name:contains=zzz,yyy"
	if err := searchFor("Observation", "patient."+question)(h, h.as("practitioner", "TREAT")); err != nil {
		t.Fatal(err)
	}
	if err := searchFor("Patient", "identifier=urn:mrn|")(h, h.as("practitioner", "TREAT")); err != nil {
		t.Fatal(err)
	}
	if err := searchFor("Patient", "")(h, h.as("practitioner", "TREAT")); err != nil {
		t.Fatal(err)
	}
	h.wantBroadPartsBare()
	for patient, want := range map[string]int{"Patient/seen": 0, "Patient/crowd-3": 2} { // the identifier's system, and everybody; of these, one is named
		for _, second := range []bool{false, true} {
			res, err := h.AccessReport(t.Context(), h.as("privacy-officer", "HOPERAT"), ref(patient), SearchRequest{Params: params(map[bool]string{true: "broad=true&_count=100", false: ""}[second])})
			if err != nil {
				t.Fatal(err)
			}
			broad := 0
			for _, v := range res.Matches {
				text := string(v.Body)
				if strings.Contains(text, `"url":"https://aceso.health/fhir/StructureDefinition/broad","valueBoolean":true`) {
					broad++
				}
				if strings.Contains(text, "contains") || strings.Contains(text, "*") || strings.Contains(text, "crowd-4") {
					t.Errorf("%s: %s", patient, text)
				}
			}
			if second && (broad != want || broad != len(res.Matches)) || !second && broad != 0 {
				t.Errorf("%s, second list %v: %d broad questions of %d", patient, second, broad, len(res.Matches))
			}
		}
	}
}

// wantBroadPartsBare checks that the part of everyone, which no erasure reaches, does not
// say what was asked.
func (h *house) wantBroadPartsBare() {
	h.Helper()
	_, accesses := h.Store.Logs()
	size, err := accesses.Size(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	found := 0
	err = accesses.Rows(h.Context(), 0, size, func(row ledgerbridge.Row) error {
		parts, err := h.Sealer.OpenParts(h.Context(), row.Parts, nil)
		if err != nil {
			return err
		}
		for _, clear := range parts {
			if p := clear.Patient; p != nil && p.Patient == ledgerbridge.Everyone {
				if found++; p.Query != "" || p.Target != "" {
					h.Errorf("everyone's part says %q of %q", p.Query, p.Target)
				}
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		h.Errorf("%d parts of everyone: %v", found, err)
	}
}

// A patient who is named is recorded by name, however many others the question finds.
func TestNamesComeBeforeThoseFound(t *testing.T) {
	h := newHouse(t)
	var crowd []string
	for i := range mostConcerned + 1 {
		crowd = append(crowd, patientDoc(fmt.Sprintf("crowd-%d", i)))
	}
	h.put(append(crowd, patientDoc("hidden"))...)
	told := h.told()
	_, err := answer(t.Context(), h.Gate, h.as("practitioner", "TREAT"), func(r *review) (*Result, error) {
		r.mention([]string{"Patient/hidden"})
		if _, err := r.ask(t.Context(), question{"search-type", "s", "Patient"}); err != nil {
			return nil, err
		}
		page, err := h.Store.Search(t.Context(), store.Search{Query: &search.Query{Type: "Patient", Where: search.All{}}, Limit: 2 * mostConcerned})
		r.concernSelected(page.Selected)
		return nil, err
	})
	if got := told(); err != nil || len(got) != 1 || !strings.HasSuffix(got[0], " hidden] []") || !strings.Contains(got[0], "[* crowd-0 ") {
		t.Errorf("%v, %q", err, got)
	}
}
