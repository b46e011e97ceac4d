package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/labels"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/sqlite"

	plan "github.com/aceso-health/aceso/store/search"
)

// relabel puts rules of labels in force; the index does not follow yet.
func (h *house) relabel(choice string) {
	h.Helper()
	var version int64
	if row, err := h.Store.Kept(h.Context(), labels.Space, labels.Key); err == nil {
		version = row.Version
	}
	err := h.Gate.Authorize(h.Context(), h.as(agent.PrivacyOfficer, "HOPERAT"), Authorization{
		Interaction: "label-write", Detail: "sets=x", Keep: []store.Kept{{Space: labels.Space, Key: labels.Key, Value: []byte(choice), Version: version}},
	})
	if err == nil {
		err = h.Gate.Relabel(h.Context())
	}
	if err != nil {
		h.Fatal(err)
	}
}

// rekey lets the index follow, up to so many portions.
func (h *house) rekey(portions int) {
	h.Helper()
	for range portions {
		more, err := h.Gate.Rekey(h.Context())
		if err != nil {
			h.Fatal(err)
		}
		if !more {
			return
		}
	}
}

// eager is a house whose searches use sets of whatever there is.
func eager(t *testing.T) *house {
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Organization: "hospital", Node: "n1", Base: base, Tune: func(o *plan.Options) { o.Patience = plan.Patience{Many: 1} }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h := houseOver(t, s)
	h.Gate.Store = indexing{h.faulty, s}
	return h
}

// without hides a sensitivity from practitioners.
type without struct {
	Decider
	word string
}

func (p without) Decide(ctx context.Context, in policy.Input) (policy.Decision, error) {
	d, err := p.Decider.Decide(ctx, in)
	if in.Agent.Role == agent.Practitioner {
		label, _ := labels.Sensitivity(p.word)
		d.Constraints.Labels = []string{label}
	}
	return d, err
}

func coded(typ, id, system, code string) string {
	return fmt.Sprintf(`{"resourceType":"%s","id":"%s","status":"final","code":{"coding":[{"system":"%s","code":"%s"}]},"subject":{"reference":"Patient/p1"}}`, typ, id, system, code)
}

// shows says whether a reader sees Observation/x: in a read, a version, a search, a total, by
// _has, as an include, in both histories. All must agree.
func (h *house) shows() bool {
	h.Helper()
	reader := func() *Call { return h.as(agent.Practitioner, "TREAT") }
	x := ref("Observation/x")
	_, err := h.Read(h.Context(), reader(), x)
	first := err == nil
	agree := func(how string, shown bool) {
		h.Helper()
		if shown != first {
			h.Errorf("%s: shown %v, a read %v", how, shown, first)
		}
	}
	_, err = h.VRead(h.Context(), reader(), x, 1)
	agree("a version", err == nil)
	search := func(typ, query string) *Result {
		res, err := h.Search(h.Context(), reader(), SearchRequest{Type: typ, Params: params(query)})
		if err != nil {
			h.Fatal(err)
		}
		return res
	}
	found := search("Observation", "patient=p1&_sort=date&_total=accurate")
	agree("a search", slices.Contains(names(found.Matches, "Observation"), x.String()))
	agree("a total", found.Total == 2)
	agree("a count", search("Observation", "_summary=count").Total == 2)
	agree("a chain", len(search("Patient", "_has:Observation:patient:_id=x").Matches) == 1)
	agree("an include", slices.Contains(names(search("Patient", "_id=p1&_revinclude=Observation:patient").Included, "Observation"), x.String()))
	_, err = h.History(h.Context(), reader(), HistoryRequest{Type: "Observation", ID: "x"})
	agree("its history", err == nil)
	all, err := h.History(h.Context(), reader(), HistoryRequest{Type: "Observation", Count: 100})
	agree("the history of the type", err == nil && slices.Contains(names(all.Matches, "Observation"), x.String()))
	return first
}

// A code of each built-in kind hides what has it from who may not see the label: from the
// moment at which the set is switched on, before the index follows and afterwards; and what
// is written later. Switched off, it is shown.
func TestSetsOfCodesHide(t *testing.T) {
	for _, c := range [][5]string{
		{"mental-health", "PSY", "http://hl7.org/fhir/sid/icd-10-cm", "F32.1", "F10.2"},
		{"hiv", "HIV", "http://snomed.info/sct", "86406008", "86406009"},
		{"substance-use", "ETH", "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "F10.2", "F17.1"},
		{"sexual-and-reproductive-health", "SEX", "http://hl7.org/fhir/sid/icd-10", "A53.9", "A49.9"},
		{"genetics", "GDIS", "http://loinc.org", "81247-9", "8867-4"},
	} {
		t.Run(c[0], func(t *testing.T) {
			h := eager(t)
			h.Gate.Policy = without{h.policy, c[1]}
			h.put(patientDoc("p1"), coded("Observation", "x", c[2], c[3]), coded("Observation", "other", c[2], c[4]))
			want := func(when string, shown bool) {
				t.Helper()
				if h.shows() != shown {
					t.Errorf("%s: shown is %v", when, !shown)
				}
			}
			want("without rules", true)
			h.relabel(`{"sets":["` + c[0] + `"]}`)
			want("before the index follows", false)
			h.rekey(40)
			want("while it follows", false)
			h.rekey(1000)
			if p, err := h.Labelled(t.Context()); err != nil || p.State != "ready" {
				t.Fatal(p, err)
			}
			want("after it has", false)
			h.put(coded("Observation", "x", c[2], c[4]))
			h.put(coded("Observation", "x", c[2], c[3]))
			want("written later", false)
			h.relabel(`{}`)
			want("switched off", true)
		})
	}
}

// A code that was added later hides the versions before, like a label does.
func TestLaterCodesProtectThePast(t *testing.T) {
	h := eager(t)
	h.Gate.Policy = without{h.policy, "HIV"}
	const sct = "http://snomed.info/sct"
	h.put(patientDoc("p1"), coded("Observation", "x", sct, "1"), coded("Observation", "x", sct, "86406008"), coded("Observation", "other", sct, "1"))
	h.relabel(`{"sets":["hiv"]}`)
	if h.shows() {
		t.Error("shown")
	}
}

// A Consent that hides a sensitivity hides what has it by rules, too.
func TestConsentsKnowLabelsByRules(t *testing.T) {
	h := eager(t)
	normal := `"meta":{"security":[{"system":"` + strings.TrimSuffix(confidentiality, "|") + `","code":"N"}]},"status"`
	h.put(patientDoc("p1"), strings.Replace(coded("Observation", "x", "http://snomed.info/sct", "86406008"), `"status"`, normal, 1))
	h.put(`{"resourceType":"Consent","id":"c","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"text":"x"}],"patient":{"reference":"Patient/p1"},"dateTime":"2020-01-01",
		"policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},
		"provision":{"type":"permit","provision":[{"type":"deny","securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}]}]}}`)
	if _, err := h.Read(t.Context(), h.as(agent.Practitioner, "TREAT"), ref("Observation/x")); err != nil {
		t.Fatal(err)
	}
	h.relabel(`{"sets":["hiv"]}`)
	_, err := h.Read(t.Context(), h.as(agent.Practitioner, "TREAT"), ref("Observation/x"))
	if kindOf(err) != fhir.NotFound {
		t.Error(err)
	}
}

// A document stays as it is: the labels are beside it.
func TestLabelsByRulesAreInNoDocument(t *testing.T) {
	h := eager(t)
	h.relabel(`{"own":[{"name":"ward","rules":[{"labels":["urn:own|ward"],"codes":[{"systems":["urn:s"],"within":["a"]}]}]}]}`)
	h.put(patientDoc("p1"), coded("Observation", "x", "urn:s", "a.1"))
	v, err := h.Store.Get(t.Context(), ref("Observation/x"))
	if err != nil || len(v.Facts.Labels) > 0 || len(v.Facts.Ruled) > 0 {
		t.Fatalf("%+v, %v", v.Facts, err)
	}
	findings := 0
	if err := h.faulty.Store.(*sqlite.Store).Check(t.Context(), func(f store.Finding) error { findings++; t.Error(f); return nil }); err != nil || findings > 0 {
		t.Error(err)
	}
}
