package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// about is a resource of terminology that is data of a patient, "" for nobody.
func about(typ, id, patient, rest string) string {
	extension := ""
	if patient != "" {
		extension = `"extension":[{"url":"urn:about","valueReference":{"reference":"Patient/` + patient + `"}}],`
	}
	return fmt.Sprintf(`{"resourceType":"%s","id":"%s",%s"url":"urn:%s","status":"active",%s}`, typ, id, extension, id, rest)
}

// shelves is a ward with terminology: some of it is data of the hidden patient.
func shelves(t *testing.T) *house {
	h := ward(t)
	const concepts = `"content":"complete","concept":[{"code":"a","concept":[{"code":"b"}]},{"code":"c"}]`
	of := func(system string) string { return `"compose":{"include":[{"system":"urn:` + system + `"}]}` }
	h.put(
		about("CodeSystem", "letters", "", concepts), about("CodeSystem", "secret", "hidden", concepts),
		about("ValueSet", "all", "", of("letters")), about("ValueSet", "closed", "hidden", of("letters")), about("ValueSet", "through", "", of("secret")),
		about("ValueSet", "gone", "", of("none")), about("ValueSet", "imports", "", `"compose":{"include":[{"valueSet":["urn:closed"]}]}`),
		about("ConceptMap", "map", "", `"group":[{"source":"urn:letters","target":"urn:x","element":[{"code":"a","target":[{"code":"1","equivalence":"equal"}]}]}]`),
		about("ConceptMap", "private", "hidden", `"group":[{"element":[{"code":"a"}]}]`),
	)
	for _, code := range []string{"a", "b", "c"} {
		h.put(strings.Replace(strings.Replace(observationDoc("o"+code, "seen"), "8867-4", code, 1), "http://loinc.org", "urn:letters", 1))
	}
	return h
}

func terms(operation, typ, id, query string) func(*house, *Call) (string, error) {
	return func(h *house, c *Call) (string, error) {
		body, err := h.Terminology(h.Context(), c, TermsRequest{Operation: operation, Type: typ, ID: id, Params: params(query)})
		return string(body), err
	}
}

func TestTerminologyIsRecorded(t *testing.T) {
	h := shelves(t)
	told := h.told()
	for _, c := range []struct {
		do   func(*house, *Call) (string, error)
		want string
	}{
		{terms("expand", "ValueSet", "", "url=urn:all"), "permit 200 expand  url=urn%3Aall [] [] used [ValueSet/all CodeSystem/letters]"},
		{terms("expand", "ValueSet", "all", ""), "permit 200 expand ValueSet/all  [] [] used [ValueSet/all CodeSystem/letters]"},
		{terms("lookup", "CodeSystem", "", "system=urn:letters&code=a"), "permit 200 lookup  code=a&system=urn%3Aletters [] [] used [CodeSystem/letters]"},
		{terms("lookup", "CodeSystem", "", "system=urn:letters&code=z"), "permit 404 lookup  code=z&system=urn%3Aletters [] [] used []"},
		{terms("translate", "ConceptMap", "map", "system=urn:letters&code=a"), "permit 200 translate ConceptMap/map code=a&system=urn%3Aletters [] [] used [ConceptMap/map]"},
		{terms("subsumes", "CodeSystem", "letters", "codeA=a&codeB=b"), "permit 200 subsumes CodeSystem/letters codeA=a&codeB=b [] [] used [CodeSystem/letters]"},
		{terms("validate-code", "ValueSet", "", "url=http://hl7.org/fhir/ValueSet/administrative-gender&system=http://hl7.org/fhir/administrative-gender&code=male"),
			"permit 200 validate-code  code=male&system=http%3A%2F%2Fhl7.org%2Ffhir%2Fadministrative-gender&url=http%3A%2F%2Fhl7.org%2Ffhir%2FValueSet%2Fadministrative-gender [] [] used []"},
		{terms("expand", "ValueSet", "", "nonsense=1"), "permit 400 expand  nonsense=1 [] [] used []"},
		{terms("expand", "ValueSet", "closed", ""), "permit 404 expand ValueSet/closed  [hidden] [] used []"},
		{terms("expand", "ValueSet", "", "url=urn:closed"), "permit 404 expand  url=urn%3Aclosed [hidden] [] used []"},
	} {
		_, err := c.do(h, h.as(agent.Practitioner, "TREAT"))
		got := told()
		if used := h.used(); len(got) != 1 || fmt.Sprint(got[0], " used ", used) != c.want {
			t.Errorf("%v\n got %q used %v\nwant %q", err, got, used, c.want)
		}
	}
	c := h.as("administrator", "HOPERAT")
	if _, err := terms("expand", "ValueSet", "", "url=urn:all")(h, c); kindOf(err) != fhir.Forbidden {
		t.Errorf("an administrator: %v", err)
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "deny 403 expand  url=urn%3Aall") {
		t.Errorf("%q", got)
	}
}

// What the caller may not see is like what there is not: the same answer, whatever leads to it.
func TestHiddenTerminologyIsAbsent(t *testing.T) {
	h := shelves(t)
	c := func() *Call { return h.as(agent.Practitioner, "TREAT") }
	search := func(query string) func(*house, *Call) (string, error) {
		return func(h *house, c *Call) (string, error) {
			res, err := h.Search(h.Context(), c, SearchRequest{Type: "Observation", Params: params(query)})
			return fmt.Sprint(res), err
		}
	}
	for _, pair := range [][2]func(*house, *Call) (string, error){
		{terms("expand", "ValueSet", "closed", ""), terms("expand", "ValueSet", "absent", "")},
		{terms("expand", "ValueSet", "", "url=urn:closed"), terms("expand", "ValueSet", "", "url=urn:absent")},
		{terms("expand", "ValueSet", "", "url=urn:through"), terms("expand", "ValueSet", "", "url=urn:gone")},
		{terms("expand", "ValueSet", "", "url=urn:imports"), terms("expand", "ValueSet", "", "url=urn:absent")},
		{terms("lookup", "CodeSystem", "", "system=urn:secret&code=a"), terms("lookup", "CodeSystem", "", "system=urn:absent&code=a")},
		{terms("subsumes", "CodeSystem", "secret", "codeA=a&codeB=b"), terms("subsumes", "CodeSystem", "absent", "codeA=a&codeB=b")},
		{terms("translate", "ConceptMap", "private", "system=urn:letters&code=a"), terms("translate", "ConceptMap", "absent", "system=urn:letters&code=a")},
		{search("code:in=urn:closed"), search("code:in=urn:absent")},
		{search("code:in=ValueSet/closed"), search("code:in=ValueSet/absent")},
		{search("code:not-in=urn:through"), search("code:not-in=urn:gone")},
		{search("code:below=urn:secret|a"), search("code:below=urn:absent|a")},
	} {
		a, errA := pair[0](h, c())
		b, errB := pair[1](h, c())
		if errA == nil || errB == nil || a != b || errA.Error() != errB.Error() {
			t.Errorf("hidden %q %v, absent %q %v", a, errA, b, errB)
		}
	}
	narrow := c()
	narrow.Agent.Scopes[0].Type = "Observation"
	_, err := search("code:in=urn:all")(h, narrow)
	_, absent := search("code:in=urn:absent")(h, c())
	if err == nil || err.Error() != absent.Error() {
		t.Errorf("a value set outside of the scopes: %v", err)
	}
	if _, err := terms("expand", "ValueSet", "", "url=urn:all")(h, narrow); kindOf(err) != fhir.Forbidden {
		t.Errorf("an operation outside of the scopes: %v", err)
	}
}

// Who may not ask the question has nothing looked up for it.
func TestRefusedSearchesLookNothingUp(t *testing.T) {
	h := shelves(t)
	searched := map[string]int{}
	reader := h.as(agent.Practitioner, "TREAT")
	reader.Agent.Scopes[0].Actions = "r"
	for _, query := range []string{"code=x", "code:in=urn:all", "code:below=urn:letters|a"} {
		h.faulty.searched = 0
		if err := searchFor("Observation", query)(h, reader); kindOf(err) != fhir.Forbidden {
			t.Error(err)
		}
		searched[query] = h.faulty.searched
	}
	if searched["code:in=urn:all"] > searched["code=x"] || searched["code:below=urn:letters|a"] > searched["code=x"] {
		t.Errorf("%v", searched)
	}
}

func TestCodesInSearchesStandForWhatTheyMean(t *testing.T) {
	h := shelves(t)
	for query, want := range map[string]string{
		"code:in=urn:all": "oa ob oc", "code:in=ValueSet/all": "oa ob oc", "code:in=" + base + "/ValueSet/all": "oa ob oc",
		"code:not-in=urn:all": "s1", "code:below=urn:letters|a": "oa ob", "code:above=urn:letters|b": "oa ob", "code:above=urn:letters|c": "oc",
		"code:below=urn:letters|c,urn:letters|b":                               "ob oc",
		"status:in=http://hl7.org/fhir/ValueSet/observation-status":            "oa ob oc s1",
		"status:below=http://hl7.org/fhir/observation-status|amended":          "",
		"status:in=http://hl7.org/fhir/ValueSet/administrative-gender":         "",
		"combo-code:in=urn:all":                                                "oa ob oc",
		"subject:Patient._id=seen&code:in=urn:all&_sort=_id":                   "oa ob oc",
		"code:in=urn:all&code:below=urn:letters|a&status:not=amended&_count=5": "oa ob",
	} {
		c := h.as(agent.Practitioner, "TREAT")
		res, err := h.Search(t.Context(), c, SearchRequest{Type: "Observation", Params: params(query)})
		var ids []string
		if err == nil {
			for _, v := range res.Matches {
				ids = append(ids, v.Ref.ID)
			}
		}
		slices.Sort(ids)
		if err != nil || strings.Join(ids, " ") != want {
			t.Errorf("%s: %v, want %s: %v", query, ids, want, err)
		}
	}
	for query, want := range map[string]fhir.Kind{
		"code:in=nonsense": fhir.Invalid, "code:below=a": fhir.Invalid, "code:below=urn:letters|z": fhir.Invalid, "code:in=urn:absent": fhir.Invalid,
		"value-quantity:in=urn:all": fhir.Invalid, "code:of-type=a|b|c": fhir.Invalid, "identifier:in=urn:all": fhir.Invalid, "subject:in=urn:all": fhir.Invalid,
	} {
		err := searchFor("Observation", query)(h, h.as(agent.Practitioner, "TREAT"))
		name, _, _ := strings.Cut(query, "=")
		if e, ok := err.(*fhir.Error); kindOf(err) != want || ok && e.Expression != name {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestConditionsMayAskForMeanings(t *testing.T) {
	h := shelves(t)
	effects, err := h.Apply(t.Context(), h.system(), []Operation{conditionalRemoval("Observation", "code:below=urn:letters|c")})
	if err != nil || effects[0].Status != 204 || kindOf(read("Observation/oc")(h, h.system())) != fhir.Gone {
		t.Errorf("%v %v", effects, err)
	}
}

// used are the resources in no compartment that the last access record says were used.
func (h *house) used() (items []string) {
	h.Helper()
	logs, err := store.AllLogs(h.Context(), h.Store)
	for _, log := range logs {
		size, failed := log.Size(h.Context())
		if err = errors.Join(err, failed); ledgerbridge.IsChanges(log.Source()) {
			continue
		}
		err = errors.Join(err, log.Rows(h.Context(), size-1, size, func(row ledgerbridge.Row) error {
			parts, err := h.Sealer.OpenParts(h.Context(), row.Parts, nil)
			for _, clear := range parts {
				if clear.Request != nil {
					for _, i := range clear.Request.Items {
						items = append(items, i.Ref)
					}
				}
			}
			return err
		}))
	}
	if err != nil {
		h.Fatal(err)
	}
	return items
}

// A store that asks nobody what may be seen leaks no terminology.
func TestForgetfulStoresShowNoTerminology(t *testing.T) {
	h := shelves(t)
	h.faulty.careless = true
	body, err := terms("expand", "ValueSet", "closed", "")(h, h.as(agent.Practitioner, "TREAT"))
	if kindOf(err) != fhir.Unavailable {
		t.Errorf("%s %v", body, err)
	}
}

// Whose terminology it is that was looked up is known then, and not looked for again.
func TestTerminologyIsLookedUpOnce(t *testing.T) {
	h := shelves(t)
	h.faulty.searched = 0
	if _, err := terms("expand", "ValueSet", "", "url=urn:all")(h, h.as(agent.Practitioner, "TREAT")); err != nil || h.faulty.searched != 2 {
		t.Errorf("%d searches: %v", h.faulty.searched, err)
	}
}

// What could not be looked up for a caller who hung up is followed for the record.
func TestTerminologyThatFailsConcernsWhoseItIs(t *testing.T) {
	h := shelves(t)
	told := h.told()
	ctx, cancel := context.WithCancel(t.Context())
	h.faulty.hangUp = cancel
	if _, err := h.Terminology(ctx, h.as(agent.Practitioner, "TREAT"), TermsRequest{Operation: "expand", Type: "ValueSet", Params: params("url=urn:closed")}); err == nil {
		t.Error("an answer for nobody")
	}
	if got := told(); len(got) != 1 || got[0] != "permit 503 expand  url=urn%3Aclosed [hidden] []" {
		t.Errorf("%q", got)
	}
}

// A filter is judged and recorded like the criteria of which it consists.
func TestFiltersSeeWhatTheirCallerSees(t *testing.T) {
	h := ward(t)
	told := h.told()
	for filter, want := range map[string]string{
		"code eq 8867-4": "s1", "patient[_id eq hidden]._id eq hidden": "", "patient.identifier eq urn:mrn|hidden": "", "not(patient.identifier eq urn:mrn|hidden)": "s1", "subject re Patient/hidden": "",
	} {
		res, err := h.Search(t.Context(), h.as(agent.Practitioner, "TREAT"), SearchRequest{Type: "Observation", Params: []fhir.Param{{Name: "_filter", Value: filter}, {Name: "_total", Value: "accurate"}}})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, v := range res.Matches {
			ids = append(ids, v.Ref.ID)
		}
		got := told()
		if strings.Join(ids, " ") != want || int(res.Total) != len(ids) || len(got) != 1 || !strings.Contains(got[0], "_filter=") || strings.Contains(filter, "hidden") && !strings.Contains(got[0], "[hidden") {
			t.Errorf("%s: %v of %d, %q", filter, ids, res.Total, got)
		}
	}
}
