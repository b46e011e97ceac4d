package consent

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// shorthand for criteria, expanded before a Consent is compiled
var shorthand = strings.NewReplacer(
	"'", `"`,
	"<privacy>", `{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]}`,
	"<research>", `{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"research"}]}`,
	"<HRESCH>", `"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HRESCH"}]`,
	"<TREAT>", `"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"TREAT"}]`,
	"<ETREAT>", `"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"ETREAT"}]`,
	"<localpurpose>", `"purpose":[{"system":"http://example.org","code":"x"}]`,
	"<own>", `"actor":[{"role":{"coding":[{"code":"PRCP"}]},"reference":{"reference":"Organization/own"}}]`,
	"<guest>", `"actor":[{"role":{"coding":[{"code":"PRCP"}]},"reference":{"reference":"Organization/guest"}}]`,
	"<doctor>", `"actor":[{"role":{"coding":[{"code":"PRCP"}]},"reference":{"reference":"Practitioner/1"}}]`,
	"<nobody>", `"actor":[{"role":{"coding":[{"code":"PRCP"}]},"reference":{"display":"my uncle"}}]`,
	"<author>", `"actor":[{"role":{"coding":[{"code":"AUT"}]},"reference":{"reference":"Practitioner/1"}}]`,
	"<observations>", `"class":[{"system":"http://hl7.org/fhir/resource-types","code":"Observation"}]`,
	"<secret>", `"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code"`,
	"<tag>", `"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code"`,
	"<access>", `"action":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentaction","code":"access"}]}]`,
)

// privacy is an active Consent with this content of its root provision.
func privacy(root string) string {
	return `'status':'active','scope':<privacy>,'provision':{` + root + `}`
}

func body(consent string) []byte {
	return []byte(shorthand.Replace(`{'resourceType':'Consent','category':[{'text':'c'}],` + consent + `}`))
}

func mustCompile(t testing.TB, consents ...string) []*Rules {
	t.Helper()
	var rules []*Rules
	for i, c := range consents {
		r, err := Compile(fhir.Ref{Type: "Consent", ID: string(rune('a' + i))}, 2, body(c))
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		rules = append(rules, r)
	}
	return rules
}

func asker(purpose string, actors ...string) Subject {
	return Subject{Actors: append(actors, "Device/client"), Purpose: purpose, Action: "access", Now: noon}
}

var (
	clinician  = asker("TREAT", "Practitioner/1", "Organization/own")
	emergency  = asker("BTG", "Practitioner/1", "Organization/own")
	researcher = asker("CLINTRCH", "Practitioner/7", "Organization/own")
	guest      = asker("TREAT", "Practitioner/9", "Organization/guest")
)

func observation(labels ...fhir.Coding) *fhir.Facts {
	return &fhir.Facts{Type: "Observation", ID: "1", Patients: []string{"Patient/1"}, Labels: labels,
		Codes: []fhir.Coding{{System: "http://loinc.org", Code: "1234-5"}}, Authors: []string{"Practitioner/1"},
		References: []string{"Encounter/1", "Patient/1"}, Start: day("2026-01-10"), End: day("2026-01-11") - 1}
}

func condition() *fhir.Facts {
	f := observation()
	f.Type = "Condition"
	return f
}

func secret(code string) fhir.Coding { return fhir.Coding{System: secrecySystems[0], Code: code} }
func tag(code string) fhir.Coding    { return fhir.Coding{System: actCodeSystems[0], Code: code} }

type judged struct {
	name     string
	consents []string
	subject  Subject
	facts    *fhir.Facts
	want     Verdict
}

func run(t *testing.T, cases []judged) {
	t.Helper()
	for _, c := range cases {
		if got, _, _ := Evaluate(mustCompile(t, c.consents...), c.subject, c.facts); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestWhatConsentsLeaveAlone(t *testing.T) {
	research := privacy(`'type':'permit',<HRESCH>`)
	run(t, []judged{
		{"no consent", nil, clinician, observation(), Silent},
		{"a research permit reaches research", []string{research}, researcher, observation(), Permit},
		{"a research permit leaves treatment", []string{research}, clinician, observation(), Silent},
		{"a research deny leaves treatment", []string{privacy(`'type':'deny',<HRESCH>`)}, clinician, observation(), Silent},
		{"a research deny reaches research", []string{privacy(`'type':'deny',<HRESCH>`)}, researcher, observation(), Deny},
		{"a research scope leaves treatment", []string{`'status':'active','scope':<research>,'provision':{'type':'deny'}`}, clinician, observation(), Silent},
		{"a research scope reaches research", []string{`'status':'active','scope':<research>,'provision':{'type':'deny'}`}, researcher, observation(), Deny},
		{"a permit to another hospital leaves one's own", []string{privacy(`'type':'permit',<guest>,<TREAT>`)}, clinician, observation(), Silent},
		{"and reaches the other", []string{privacy(`'type':'permit',<guest>,<TREAT>`)}, guest, observation(), Permit},
		{"a narrow permit to nobody by name leaves the rest", []string{privacy(`'type':'permit',<TREAT>,<observations>`)}, clinician, condition(), Silent},
		{"a narrow permit by name without purpose leaves the rest", []string{privacy(`'type':'permit',<own>,<observations>`)}, clinician, condition(), Silent},
		{"a narrow permit by name and purpose holds back the rest", []string{privacy(`'type':'permit',<own>,<TREAT>,<observations>`)}, clinician, condition(), ImplicitDeny},
		{"and gives its part", []string{privacy(`'type':'permit',<own>,<TREAT>,<observations>`)}, clinician, observation(), Permit},
		{"name above, purpose and part below", []string{privacy(`<own>,'provision':[{'type':'permit',<TREAT>,<observations>}]`)}, clinician, condition(), ImplicitDeny},
		{"a purpose that is not understood speaks to nobody", []string{privacy(`'type':'permit',<own>,<localpurpose>,<observations>`)}, clinician, condition(), Silent},
		{"another consent permits over an implicit deny", []string{privacy(`'type':'permit',<own>,<TREAT>,<observations>`), privacy(`'type':'permit',<TREAT>`)}, clinician, condition(), Permit},
		{"a deny without criteria denies all", []string{privacy(`'type':'deny'`)}, clinician, observation(), Deny},
		{"but what it carves out", []string{privacy(`'type':'deny','provision':[{'type':'permit',<own>,<TREAT>}]`)}, clinician, observation(), Permit},
		{"and only that", []string{privacy(`'type':'deny','provision':[{'type':'permit',<own>,<TREAT>}]`)}, guest, observation(), Deny},
		{"deny beats permit across consents", []string{privacy(`'type':'deny',<HRESCH>`), research}, researcher, observation(), Deny},
		{"in either order", []string{research, privacy(`'type':'deny',<HRESCH>`)}, researcher, observation(), Deny},
	})
}

func TestStatusScopeDate(t *testing.T) {
	with := func(status, rest string) []string {
		return []string{`'status':'` + status + `',` + rest + `,'provision':{'type':'permit'}`}
	}
	twoScopes := func(typ string) string {
		const system = `'system':'http://terminology.hl7.org/CodeSystem/consentscope','code'`
		return `'status':'active','scope':{'coding':[{` + system + `:'treatment'},{` + system + `:'patient-privacy'}]},'provision':{'type':'` + typ + `'}`
	}
	cases := []judged{
		{"not yet", with("active", `'scope':<privacy>,'dateTime':'2026-03-11'`), clinician, observation(), Silent},
		{"today", with("active", `'scope':<privacy>,'dateTime':'2026-03-10'`), clinician, observation(), Permit},
		{"just signed", with("active", `'scope':<privacy>,'dateTime':'2026-03-10T13:00:00+01:00'`), clinician, observation(), Permit},
		{"signed in a second", with("active", `'scope':<privacy>,'dateTime':'2026-03-10T13:00:01+01:00'`), clinician, observation(), Silent},
		{"however old", with("active", `'scope':<privacy>,'dateTime':'1999'`), clinician, observation(), Permit},
		{"unknown scope does not permit", with("active", `'scope':{'text':'all'}`), clinician, observation(), Silent},
		{"unknown scope denies", []string{`'status':'active','scope':{'text':'all'},'provision':{'type':'deny'}`}, clinician, observation(), Deny},
		{"two scopes do not permit", []string{twoScopes("permit")}, clinician, observation(), Silent},
		{"two scopes deny", []string{twoScopes("deny")}, clinician, observation(), Deny},
		{"a research scope, no purpose: deny", []string{`'status':'active','scope':<research>,'provision':{'type':'deny'}`}, asker(""), observation(), Deny},
		{"a research scope, no purpose: no permit", []string{`'status':'active','scope':<research>,'provision':{'type':'permit'}`}, asker(""), observation(), Silent},
		{"consent to treatment is not about privacy", []string{strings.Replace(privacy(`'type':'deny'`), "<privacy>",
			`{'coding':[{'system':'http://terminology.hl7.org/CodeSystem/consentscope','code':'treatment'}]}`, 1)}, clinician, observation(), Silent},
	}
	for _, s := range []string{"draft", "proposed", "rejected", "inactive", "entered-in-error"} {
		cases = append(cases, judged{s + " permits nothing", with(s, `'scope':<privacy>`), clinician, observation(), Silent},
			judged{s + " denies nothing", []string{`'status':'` + s + `','scope':<privacy>,'provision':{'type':'deny'}`}, clinician, observation(), Silent})
	}
	run(t, cases)
}

func TestPolicyRuleOfARootWithoutType(t *testing.T) {
	rule := func(code, provision string) []string {
		return []string{`'status':'active','scope':<privacy>,'policyRule':{'coding':[{<tag>:'` + code + `'}]}` + provision}
	}
	run(t, []judged{
		{"opt-out without provision", rule("OPTOUT", ""), clinician, observation(), Deny},
		{"opt-in without provision grants nothing", rule("OPTIN", ""), clinician, observation(), Silent},
		{"opt-in with a frame grants nothing", rule("OPTIN", `,'provision':{<TREAT>}`), clinician, observation(), Silent},
		{"opt-out within its frame", rule("OPTOUT", `,'provision':{<HRESCH>}`), researcher, observation(), Deny},
		{"opt-out outside its frame", rule("OPTOUT", `,'provision':{<HRESCH>}`), clinician, observation(), Silent},
		{"opt-out with exceptions: the exception", rule("OPTOUTE", `,'provision':{'provision':[{'type':'permit',<TREAT>}]}`), clinician, observation(), Permit},
		{"opt-out with exceptions: the rest", rule("OPTOUTE", `,'provision':{'provision':[{'type':'permit',<TREAT>}]}`), researcher, observation(), Deny},
		{"opt-in: nested permit", rule("OPTIN", `,'provision':{'provision':[{'type':'permit',<HRESCH>}]}`), researcher, observation(), Permit},
		{"opt-in: nested deny", rule("OPTIN", `,'provision':{'provision':[{'type':'deny',<HRESCH>}]}`), researcher, observation(), Deny},
		{"opt-in: what nobody speaks of", rule("OPTIN", `,'provision':{'provision':[{'type':'permit',<HRESCH>}]}`), clinician, observation(), Silent},
		{"neither: children speak", rule("NOPP", `,'provision':{<HRESCH>,'provision':[{'type':'permit'}]}`), researcher, observation(), Permit},
		{"the type of the root goes before the rule", rule("OPTOUT", `,'provision':{'type':'permit',<TREAT>}`), clinician, observation(), Permit},
	})
}

func TestNesting(t *testing.T) {
	narrowed := privacy(`'type':'permit','provision':[{'type':'permit',<observations>},{'type':'permit',<HRESCH>}]`)
	siblings := privacy(`'type':'deny','provision':[{'type':'permit',<TREAT>},{'type':'deny',<observations>}]`)
	deep := privacy(`'type':'permit','provision':[{'type':'deny',<TREAT>,'provision':[{'type':'permit',<own>,'provision':[{'type':'deny',<observations>}]}]}]`)
	run(t, []judged{
		{"nested permits narrow: inside one", []string{narrowed}, clinician, observation(), Permit},
		{"inside the other", []string{narrowed}, researcher, condition(), Permit},
		{"outside both", []string{narrowed}, clinician, condition(), Silent},
		{"siblings: deny wins", []string{siblings}, clinician, observation(), Deny},
		{"siblings: only the permit", []string{siblings}, clinician, condition(), Permit},
		{"a nested deny does not narrow a deny", []string{privacy(`'type':'deny','provision':[{'type':'deny',<observations>}]`)}, clinician, condition(), Deny},
		{"exception", []string{deep}, guest, condition(), Deny},
		{"exception to the exception", []string{deep}, clinician, condition(), Permit},
		{"exception to that", []string{deep}, clinician, observation(), Deny},
		{"outside all exceptions", []string{deep}, researcher, observation(), Permit},
		{"a permit under a deny under a deny lifts only its parent",
			[]string{privacy(`'type':'deny','provision':[{'type':'deny',<TREAT>,'provision':[{'type':'permit',<own>}]}]`)}, clinician, observation(), Deny},
		{"a permit under a deny does not widen a narrowed permit",
			[]string{privacy(`'type':'permit','provision':[{'type':'permit',<observations>},{'type':'deny',<guest>,'provision':[{'type':'permit',<TREAT>}]}]`)}, guest, condition(), Silent},
		{"an exception does not reach beyond its parent", []string{privacy(`'type':'permit',<HRESCH>,'provision':[{'type':'deny'}]`)}, clinician, observation(), Silent},
	})
}

func TestPurposesAndActions(t *testing.T) {
	permit, deny := privacy(`'type':'permit',<TREAT>`), privacy(`'type':'deny',<ETREAT>`)
	nameless := clinician
	nameless.Purpose = ""
	collector := clinician
	collector.Action = "collect"
	run(t, []judged{
		{"a permit covers what is below", []string{permit}, emergency, observation(), Permit},
		{"a deny covers what is below", []string{deny}, emergency, observation(), Deny},
		{"a deny does not cover what is above", []string{deny}, clinician, observation(), Silent},
		{"no purpose: no permit", []string{permit}, nameless, observation(), Silent},
		{"no purpose: deny", []string{deny}, nameless, observation(), Deny},
		{"unknown purpose in a permit", []string{privacy(`'type':'permit',<localpurpose>`)}, clinician, observation(), Silent},
		{"unknown purpose in a deny", []string{privacy(`'type':'deny',<localpurpose>`)}, clinician, observation(), Deny},
		{"action", []string{privacy(`'type':'permit',<access>`)}, clinician, observation(), Permit},
		{"another action", []string{privacy(`'type':'permit',<access>`)}, collector, observation(), Silent},
		{"unknown action in a deny", []string{privacy(`'type':'deny','action':[{'text':'gossip'}]`)}, clinician, observation(), Deny},
	})
}

func TestActors(t *testing.T) {
	actor := func(typ, reference string) []string {
		return []string{privacy(`'type':'` + typ + `','actor':[{'role':{'coding':[{'code':'PRCP'}]},'reference':{` + reference + `}}]`)}
	}
	anonymous := asker("TREAT")
	anonymous.Actors = nil
	run(t, []judged{
		{"by reference", actor("permit", `'reference':'Practitioner/1'`), clinician, observation(), Permit},
		{"another", actor("permit", `'reference':'Practitioner/2'`), clinician, observation(), Silent},
		{"a version of the reference", actor("permit", `'reference':'Practitioner/1/_history/3'`), clinician, observation(), Permit},
		{"by organisation", actor("deny", `'reference':'Organization/guest'`), guest, observation(), Deny},
		{"another organisation", actor("deny", `'reference':'Organization/guest'`), clinician, observation(), Silent},
		{"by identifier", actor("permit", `'identifier':{'system':'http://npi','value':'7'}`), asker("TREAT", "http://npi|7"), observation(), Permit},
		{"by another identifier", actor("deny", `'identifier':{'system':'http://npi','value':'8'}`), asker("TREAT", "http://npi|7"), observation(), Silent},
		{"nobody known: no permit", []string{privacy(`'type':'permit',<nobody>`)}, clinician, observation(), Silent},
		{"nobody known: deny", []string{privacy(`'type':'deny',<nobody>`)}, clinician, observation(), Deny},
		{"contained: deny", actor("deny", `'reference':'#x'`), clinician, observation(), Deny},
		{"conditional: deny", actor("deny", `'reference':'Practitioner?identifier=1'`), clinician, observation(), Deny},
		{"absolute without a known base: no permit", actor("permit", `'reference':'https://h/fhir/Practitioner/1'`), clinician, observation(), Silent},
		{"absolute without a known base: deny", actor("deny", `'reference':'https://h/fhir/Practitioner/1'`), clinician, observation(), Deny},
		{"author of the data: no permit", []string{privacy(`'type':'permit',<author>`)}, clinician, observation(), Silent},
		{"author of the data: deny", []string{privacy(`'type':'deny',<author>`)}, guest, observation(), Deny},
		{"caller without references: no permit", actor("permit", `'reference':'Practitioner/1'`), anonymous, observation(), Silent},
		{"caller without references: deny", actor("deny", `'reference':'Practitioner/1'`), anonymous, observation(), Deny},
	})
}

func TestBase(t *testing.T) {
	b := body(privacy(`'type':'deny','actor':[{'reference':{'reference':'https://h/fhir/Practitioner/1'}}]`))
	for base, want := range map[string]Verdict{"https://h/fhir": Deny, "https://h/fhir/": Deny, "https://other/fhir": Silent} {
		r, err := Compiler{Base: base}.Compile(fhir.Ref{Type: "Consent", ID: "a"}, 1, b)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, _ := Evaluate([]*Rules{r}, clinician, observation()); got != want {
			t.Errorf("base %s: %v, want %v", base, got, want)
		}
	}
}

func TestSecurityLabels(t *testing.T) {
	label := func(typ string, labels ...string) []string {
		for i, l := range labels {
			system := "<tag>"
			if len(l) == 1 {
				system = "<secret>"
			}
			labels[i] = `{` + system + `:'` + l + `'}`
		}
		return []string{privacy(`'type':'` + typ + `','securityLabel':[` + strings.Join(labels, ",") + `]`)}
	}
	cases := []judged{
		{"unlabelled is normal", label("permit", "N"), clinician, observation(), Permit},
		{"unlabelled is not restricted", label("deny", "R"), clinician, observation(), Silent},
		{"unlabelled is not low", label("permit", "L"), clinician, observation(), Silent},
		{"unlabelled may be sensitive", label("deny", "PSY"), clinician, observation(), Deny},
		{"unlabelled need not be sensitive", label("permit", "PSY"), clinician, observation(), Silent},
		{"labelled normal is not sensitive", label("deny", "PSY"), clinician, observation(secret("N")), Silent},
		{"restricted may be sensitive", label("deny", "PSY"), clinician, observation(secret("R")), Deny},
		{"sensitive may be restricted", label("deny", "R"), clinician, observation(tag("PSY")), Deny},
		{"sensitive may be more than normal", label("permit", "N"), clinician, observation(tag("PSY")), Silent},
		{"sensitive is at most very restricted", label("permit", "V"), clinician, observation(tag("PSY")), Permit},
		{"the highest label counts", label("permit", "R"), clinician, observation(secret("N"), secret("V")), Silent},
		{"another sensitivity", label("deny", "HIV"), clinician, observation(tag("PSY")), Silent},
		{"below", label("deny", "SPI"), clinician, observation(tag("OPIOIDUD")), Deny},
		{"below, permit", label("permit", "SPI"), clinician, observation(tag("OPIOIDUD")), Permit},
		{"above may be meant", label("deny", "PSY"), clinician, observation(tag("SPI")), Deny},
		{"above need not be meant", label("permit", "PSY"), clinician, observation(tag("SPI")), Silent},
		{"both kinds, both match", label("permit", "R", "PSY"), clinician, observation(secret("R"), tag("PSY")), Permit},
		{"both kinds, one matches: no permit", label("permit", "N", "PSY"), clinician, observation(secret("R"), tag("PSY")), Silent},
		{"both kinds, one matches: deny", label("deny", "R", "HIV"), clinician, observation(secret("R"), tag("PSY")), Deny},
		{"a label without system is unclear: deny", label("deny", "HIV"), clinician, observation(fhir.Coding{Code: "HIV"}), Deny},
		{"a label without system is unclear: no permit", label("permit", "N"), clinician, observation(fhir.Coding{Code: "L"}), Silent},
	}
	for at, level := range levels {
		for other, have := range levels {
			permit, deny := Silent, Silent
			if other <= at {
				permit = Permit
			}
			if other >= at {
				deny = Deny
			}
			cases = append(cases, judged{"permit " + string(level) + " on " + string(have), label("permit", string(level)), clinician, observation(secret(string(have))), permit},
				judged{"deny " + string(level) + " on " + string(have), label("deny", string(level)), clinician, observation(secret(string(have))), deny})
		}
	}
	run(t, cases)
}

func TestClassAndCode(t *testing.T) {
	bare := observation()
	bare.Codes = nil
	code := func(typ, codings string) []string {
		return []string{privacy(`'type':'` + typ + `','code':[{'coding':[` + codings + `]}]`)}
	}
	class := func(typ, coding string) []string {
		return []string{privacy(`'type':'` + typ + `','class':[{` + coding + `}]`)}
	}
	const types, loinc = `'system':'http://hl7.org/fhir/resource-types','code'`, `'system':'http://loinc.org','code'`
	run(t, []judged{
		{"class", []string{privacy(`'type':'permit',<observations>`)}, clinician, observation(), Permit},
		{"another class", []string{privacy(`'type':'deny',<observations>`)}, clinician, condition(), Silent},
		{"every class", class("deny", types+`:'Resource'`), clinician, condition(), Deny},
		{"a class that is none: deny", class("deny", types+`:'observation'`), clinician, condition(), Deny},
		{"a class that is none: no permit", class("permit", types+`:'observation'`), clinician, observation(), Silent},
		{"a profile: no permit", class("permit", `'system':'http://hl7.org/fhir/StructureDefinition','code':'x'`), clinician, observation(), Silent},
		{"a document format: deny", class("deny", `'system':'urn:ietf:bcp:13','code':'application/hl7-cda+xml'`), clinician, observation(), Deny},
		{"code", code("permit", `{`+loinc+`:'1234-5'}`), clinician, observation(), Permit},
		{"another code", code("deny", `{`+loinc+`:'9999-9'}`), clinician, observation(), Silent},
		{"a translation", code("permit", `{`+loinc+`:'9999-9'},{`+loinc+`:'1234-5'}`), clinician, observation(), Permit},
		{"the code of another system", code("permit", `{'system':'http://snomed.info/sct','code':'1234-5'}`), clinician, observation(), Silent},
		{"code without system: no permit", code("permit", `{'code':'1234-5'}`), clinician, observation(), Silent},
		{"code without system: deny", code("deny", `{'code':'1234-5'}`), clinician, observation(), Deny},
		{"text: deny", []string{privacy(`'type':'deny','code':[{'text':'my illness'}]`)}, clinician, observation(), Deny},
		{"resource without code: deny", code("deny", `{`+loinc+`:'9999-9'}`), clinician, bare, Deny},
		{"resource without code: no permit", code("permit", `{`+loinc+`:'1234-5'}`), clinician, bare, Silent},
	})
}

func TestData(t *testing.T) {
	data := func(typ, meaning, ref string) []string {
		return []string{privacy(`'type':'` + typ + `','data':[{'meaning':'` + meaning + `','reference':{'reference':'` + ref + `'}}]`)}
	}
	unsigned := observation()
	unsigned.Authors = nil
	run(t, []judged{
		{"instance", data("permit", "instance", "Observation/1"), clinician, observation(), Permit},
		{"another instance", data("deny", "instance", "Observation/11"), clinician, observation(), Silent},
		{"another type", data("deny", "instance", "Condition/1"), clinician, observation(), Silent},
		{"dependents", data("permit", "dependents", "Encounter/1"), clinician, observation(), Permit},
		{"dependents: itself", data("deny", "dependents", "Observation/1"), clinician, observation(), Deny},
		{"not a dependent", data("deny", "dependents", "Encounter/2"), clinician, observation(), Silent},
		{"related: itself", data("permit", "related", "Observation/1"), clinician, observation(), Permit},
		{"related: perhaps: no permit", data("permit", "related", "Encounter/1"), clinician, observation(), Silent},
		{"related: perhaps: deny", data("deny", "related", "Encounter/9"), clinician, observation(), Deny},
		{"author", data("permit", "authoredby", "Practitioner/1"), clinician, observation(), Permit},
		{"another author", data("deny", "authoredby", "Practitioner/2"), clinician, observation(), Silent},
		{"no author: deny", data("deny", "authoredby", "Practitioner/2"), clinician, unsigned, Deny},
		{"no author: no permit", data("permit", "authoredby", "Practitioner/1"), clinician, unsigned, Silent},
		{"unnamed: deny", data("deny", "instance", "#x"), clinician, observation(), Deny},
	})
}

func TestDecided(t *testing.T) {
	rules := mustCompile(t, privacy(`'type':'permit'`), privacy(`'type':'deny'`), privacy(`'type':'permit',<HRESCH>`), privacy(`'type':'deny',<TREAT>`))
	v, decided, _ := Evaluate(rules, clinician, observation())
	if want := []string{"Consent/b/_history/2", "Consent/d/_history/2"}; v != Deny || !slices.Equal(decided, want) {
		t.Errorf("%v by %v, want deny by %v", v, decided, want)
	}
	again, one, _ := Evaluate(rules[:1], clinician, observation())
	if again != Permit || !slices.Equal(one, []string{"Consent/a/_history/2"}) {
		t.Errorf("%v by %v", again, one)
	}
	if _, none, _ := Evaluate(rules[2:3], clinician, observation()); none != nil {
		t.Errorf("silent, yet decided by %v", none)
	}
}

func TestCombine(t *testing.T) {
	cases := []struct {
		verdicts         []Verdict
		forbids, permits bool
	}{
		{nil, true, false},
		{[]Verdict{Silent}, true, false},
		{[]Verdict{ImplicitDeny}, false, false},
		{[]Verdict{Permit}, true, true},
		{[]Verdict{Deny}, false, false},
		{[]Verdict{Permit, Permit}, true, true},
		{[]Verdict{Permit, Silent}, true, false},
		{[]Verdict{Permit, ImplicitDeny}, false, false},
		{[]Verdict{Deny, Permit}, false, false},
	}
	for _, c := range cases {
		if Combine("forbids", c.verdicts) != c.forbids || Combine("permits", c.verdicts) != c.permits {
			t.Errorf("%v: forbids %v, permits %v", c.verdicts, !c.forbids, !c.permits)
		}
		if !Combine("none", c.verdicts) || Combine("", c.verdicts) || Combine("overrides", c.verdicts) {
			t.Errorf("%v: mode none shows all, unknown modes nothing", c.verdicts)
		}
	}
}
