package consent

import (
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// named is a Consent with criteria that the shorthand lacks.
func named(root string) string {
	return privacy(strings.NewReplacer(
		"<BTG>", `'purpose':[{'system':'http://terminology.hl7.org/CodeSystem/v3-ActReason','code':'BTG'}]`,
		"<CLINTRL>", `'purpose':[{'system':'http://terminology.hl7.org/CodeSystem/v3-ActReason','code':'CLINTRL'}]`,
		"<collect>", action("collect"), "<correct>", action("correct"), "<use>", action("use"), "<disclose>", action("disclose"),
		"<N>", `'securityLabel':[{<secret>:'N'}]`, "<R>", `'securityLabel':[{<secret>:'R'}]`,
	).Replace(root))
}

func action(code string) string {
	return `'action':[{'coding':[{'system':'http://terminology.hl7.org/CodeSystem/consentaction','code':'` + code + `'}]}]`
}

// visitor is the guest as requests describe one.
func visitor(purpose string) Subject {
	s := asker(purpose, "Practitioner/9", "Organization/guest")
	s.Guest = true
	return s
}

func doing(action string, s Subject) Subject {
	s.Action = action
	return s
}

func TestCustodianOfTheRoot(t *testing.T) {
	kept := func(typ, by string) []string {
		return []string{privacy(typ + `'actor':[{'role':{'coding':[{'code':'CST'}]},'reference':{'reference':'` + by + `'}}]`)}
	}
	const deny, permit = `'type':'deny',`, `'type':'permit',`
	run(t, []judged{
		{"ours", kept(deny, "Organization/own"), clinician, observation(), Deny},
		{"above ours", kept(deny, "Organization/top"), clinician, observation(), Deny},
		{"below ours", kept(deny, "Organization/below"), clinician, observation(), Deny},
		{"another's", kept(deny, "Organization/other"), clinician, observation(), Silent},
		{"not to be resolved: deny", kept(deny, "Organization/unknown"), clinician, observation(), Deny},
		{"ours: permit", kept(permit, "Organization/own"), clinician, observation(), Permit},
		{"another's: permit", kept(permit, "Organization/other"), clinician, observation(), Silent},
		{"not to be resolved: no permit", kept(permit, "Organization/unknown"), clinician, observation(), Silent},
		{"untyped, ours", kept("", "Organization/own"), clinician, observation(), ImplicitDeny},
		{"untyped, another's", kept("", "Organization/other"), clinician, observation(), Silent},
	})
}

func TestNestedPermitAdds(t *testing.T) {
	focused := named(`'type':'permit',<TREAT>,<N>,'provision':[{'type':'permit',<R>,<doctor>}]`)
	colleague := asker("TREAT", "Practitioner/2", "Organization/own")
	restricted := observation(secret("R"), tag("HIV"))
	run(t, []judged{
		{"what the parent gives", []string{focused}, colleague, observation(), Permit},
		{"what is added", []string{focused}, clinician, restricted, Permit},
		{"for whom it is added", []string{focused}, colleague, restricted, ImplicitDeny},
		{"for what the parent is", []string{focused}, researcher, restricted, Silent},
		{"another purpose", []string{privacy(`'type':'permit',<TREAT>,'provision':[{'type':'permit',<HRESCH>,<observations>}]`)}, researcher, observation(), Permit},
		{"the time of the parent", []string{privacy(`'type':'permit','period':{'end':'2020'},'provision':[{'type':'permit','period':{'end':'2030'}}]`)}, clinician, observation(), Silent},
		{"a deny beside it carves out of both", []string{named(`'type':'permit',<TREAT>,<N>,'provision':[{'type':'permit',<R>},{'type':'deny',<observations>}]`)}, clinician, restricted, Deny},
	})
}

func TestWhatAPermitDoesNotReach(t *testing.T) {
	with := func(profile, root string) []string {
		return []string{`'meta':{'profile':['` + profile + `']},` + named(root)}
	}
	const ihe, local = "https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consentBasic", "http://example.org/profile"
	run(t, []judged{
		{"no actor", []string{named(`'type':'permit',<TREAT>,<N>`)}, clinician, observation(secret("R")), ImplicitDeny},
		{"you", []string{named(`'type':'permit',<TREAT>,<own>,<N>`)}, clinician, observation(secret("R")), ImplicitDeny},
		{"others", []string{named(`'type':'permit',<TREAT>,<guest>,<N>`)}, clinician, observation(secret("R")), Silent},
		{"another purpose", []string{named(`'type':'permit',<HRESCH>,<N>`)}, clinician, observation(secret("R")), Silent},
		{"no purpose", []string{named(`'type':'permit',<N>`)}, clinician, observation(secret("R")), Silent},
		{"others, by IHE's profile", with(ihe, `'type':'permit',<TREAT>,<guest>`), clinician, observation(), ImplicitDeny},
		{"others, by another profile", with(local, `'type':'permit',<TREAT>,<guest>`), clinician, observation(), Silent},
		{"another purpose, by IHE's profile", with(ihe, `'type':'permit',<HRESCH>`), clinician, observation(), Silent},
		{"no purpose, by IHE's profile", with(ihe, `'type':'permit',<N>`), clinician, observation(secret("R")), ImplicitDeny},
	})
}

// A deny of access holds for every read; one of use for researchers, one of disclosure
// for guests.
func TestReadingIsAccessUseOrDisclosure(t *testing.T) {
	deny := func(action string) []string { return []string{named(`'type':'deny',<` + action + `>`)} }
	run(t, []judged{
		{"access: staff", deny("access"), clinician, observation(), Deny},
		{"access: research", deny("access"), researcher, observation(), Deny},
		{"access: guest", deny("access"), visitor("TREAT"), observation(), Deny},
		{"use: staff", deny("use"), clinician, observation(), Silent},
		{"use: research", deny("use"), researcher, observation(), Deny},
		{"use: guest", deny("use"), visitor("TREAT"), observation(), Silent},
		{"use: researching guest", deny("use"), visitor("HRESCH"), observation(), Deny},
		{"disclose: staff", deny("disclose"), clinician, observation(), Silent},
		{"disclose: research", deny("disclose"), researcher, observation(), Silent},
		{"disclose: guest", deny("disclose"), visitor("TREAT"), observation(), Deny},
		{"disclose: researching guest", deny("disclose"), visitor("HRESCH"), observation(), Deny},
		{"permit of disclosure: guest", []string{named(`'type':'permit',<disclose>`)}, visitor("TREAT"), observation(), Permit},
		{"collect: nobody who reads", deny("collect"), visitor("HRESCH"), observation(), Silent},
	})
}

// Only what names recording binds it, and nothing binds what own systems record.
func TestRecordingIsNotReading(t *testing.T) {
	laboratory := doing("collect", asker("HOPERAT", "Organization/own"))
	laboratory.System = true
	optOut := []string{`'status':'active','scope':<privacy>,'policyRule':{'coding':[{<tag>:'OPTOUT'}]}`}
	broken := privacy(`'type':'deny',` + action("collect"))
	run(t, []judged{
		{"opt-out: create", optOut, doing("collect", clinician), observation(), Silent},
		{"opt-out: update", optOut, doing("correct", clinician), observation(), Silent},
		{"a deny without action", []string{privacy(`'type':'deny'`)}, doing("collect", clinician), observation(), Silent},
		{"a deny of access", []string{privacy(`'type':'deny',<access>`)}, doing("correct", clinician), observation(), Silent},
		{"a deny of an unknown action", []string{privacy(`'type':'deny','action':[{'text':'gossip'}]`)}, doing("collect", clinician), observation(), Silent},
		{"a deny of collect: create", []string{named(`'type':'deny',<collect>`)}, doing("collect", clinician), observation(), Deny},
		{"a deny of collect: update", []string{named(`'type':'deny',<collect>`)}, doing("correct", clinician), observation(), Silent},
		{"a deny of correct: update", []string{named(`'type':'deny',<correct>`)}, doing("correct", clinician), observation(), Deny},
		{"a deny of correct: guest", []string{named(`'type':'deny',<correct>`)}, doing("correct", visitor("TREAT")), observation(), Deny},
		{"what it carves out", []string{named(`'type':'deny',<collect>,'provision':[{'type':'permit',<own>}]`)}, doing("collect", clinician), observation(), Permit},
		{"own systems", []string{broken}, laboratory, observation(), Silent},
		{"own systems read like others", []string{privacy(`'type':'deny'`)}, func() Subject { s := laboratory; s.Action = "access"; return s }(), observation(), Deny},
		{"a permit without action: guest", []string{privacy(`'type':'permit'`)}, doing("collect", visitor("TREAT")), observation(), Silent},
		{"a permit of collect: guest", []string{named(`'type':'permit',<collect>`)}, doing("collect", visitor("TREAT")), observation(), Permit},
		{"implicit denies", []string{named(`'type':'permit',<TREAT>,<N>`), `'status':'active','scope':<privacy>,'provision':{<TREAT>}`}, doing("collect", clinician), observation(secret("R")), Silent},
	})
	r, _ := Compile(anyRef, 1, body(privacy(`'type':'permit','modifierExtension':[{'url':'u'}]`)))
	if v, _, _ := Evaluate([]*Rules{r}, doing("collect", clinician), observation()); v != Silent {
		t.Errorf("a Consent that is not understood: %v", v)
	}
}

func TestPolicyRuleThatIsNotUnderstood(t *testing.T) {
	rule := func(rule, provision string) []string {
		return []string{`'status':'active','scope':<privacy>,'policyRule':` + rule + `,'provision':{` + provision + `}`}
	}
	const text = `{'text':'as agreed'}`
	const code = `{'coding':[{'system':'http://terminology.hl7.org/CodeSystem/consentpolicycodes','code':'cric'}]}`
	run(t, []judged{
		{"research", rule(text, `'type':'permit'`), researcher, observation(), ImplicitDeny},
		{"guest", rule(code, `'type':'permit'`), visitor("TREAT"), observation(), ImplicitDeny},
		{"own treatment: permit", rule(text, `'type':'permit'`), clinician, observation(), Permit},
		{"own treatment: silent", rule(code, ``), clinician, observation(), Silent},
		{"own treatment: deny", rule(code, `'type':'deny'`), clinician, observation(), Deny},
		{"guest: deny", rule(code, `'type':'deny'`), visitor("TREAT"), observation(), Deny},
		{"opt-in with restrictions is understood", rule(`{'coding':[{<tag>:'OPTINR'}]}`, `'type':'permit'`), researcher, observation(), Permit},
	})
	for _, c := range []struct{ body, says string }{
		{rule(text, ``)[0], "policyRule"},
		{privacy(`<TREAT>`), "no type"},
		{rule(`{'coding':[{<tag>:'OPTOUT'}]}`, `<TREAT>`)[0], "opt-out"},
	} {
		r := mustCompile(t, c.body)[0]
		if !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, c.says) }) {
			t.Errorf("warnings %q of %s", r.Warnings, c.body)
		}
	}
	if r := mustCompile(t, privacy(`'type':'permit',<TREAT>`))[0]; len(r.Warnings) > 0 {
		t.Errorf("warnings %q of a plain Consent", r.Warnings)
	}
}

// In a declared emergency only an explicit deny of BTG hides.
func TestBreakGlass(t *testing.T) {
	medic := emergency
	medic.BreakGlass = true
	claims := emergency
	optOut := []string{`'status':'active','scope':<privacy>,'policyRule':{'coding':[{<tag>:'OPTOUT'}]}`}
	run(t, []judged{
		{"opt-out", optOut, medic, observation(), Silent},
		{"opt-out, of who only claims the purpose", optOut, claims, observation(), Deny},
		{"deny", []string{privacy(`'type':'deny'`)}, medic, observation(), Silent},
		{"deny of treatment", []string{privacy(`'type':'deny',<TREAT>`)}, medic, observation(), Silent},
		{"deny of BTG", []string{named(`'type':'deny',<BTG>`)}, medic, observation(), Deny},
		{"deny of BTG to somebody else", []string{named(`'type':'deny',<BTG>,<guest>`)}, medic, observation(), Silent},
		{"deny of BTG within a deny", []string{named(`'type':'deny','provision':[{'type':'deny',<BTG>}]`)}, medic, observation(), Deny},
		{"implicit deny", []string{named(`'type':'permit',<TREAT>,<N>`)}, medic, observation(secret("R")), Silent},
		{"an opt-out about BTG, which may be the exception", []string{`'status':'active','scope':<privacy>,'policyRule':{'coding':[{<tag>:'OPTOUT'}]},` +
			`'provision':{'purpose':[{'system':'http://terminology.hl7.org/CodeSystem/v3-ActReason','code':'BTG'}]}`}, medic, observation(), Silent},
	})
	r, _ := Compile(anyRef, 1, body(privacy(`'type':'permit','modifierExtension':[{'url':'u'}]`)))
	if v, _, _ := Evaluate([]*Rules{r}, medic, observation()); v != Silent {
		t.Errorf("a Consent that is not understood: %v", v)
	}
}

func TestClinicalTrialIsResearch(t *testing.T) {
	trial := asker("CLINTRL", "Practitioner/1", "Organization/own")
	run(t, []judged{
		{"permit of treatment", []string{privacy(`'type':'permit',<TREAT>`)}, trial, observation(), Silent},
		{"deny of research", []string{privacy(`'type':'permit',<TREAT>`), privacy(`'type':'deny',<HRESCH>`)}, trial, observation(), Deny},
		{"permit of research", []string{privacy(`'type':'permit',<HRESCH>`)}, trial, observation(), Permit},
		{"deny of use", []string{named(`'type':'deny',<use>`)}, trial, observation(), Deny},
	})
}

// A container is what it holds and refers to, too.
func TestContainers(t *testing.T) {
	binary := &fhir.Facts{Type: "Binary", ID: "b", References: []string{"Observation/1", "Patient/1"}, Start: 1}
	bundle := &fhir.Facts{Type: "Bundle", ID: "b", Inside: []fhir.Facts{{Type: "Observation", ID: "1", Start: 1}}, Start: 1}
	lost := &fhir.Facts{Type: "List", ID: "l", References: []string{"Observation/lost"}, Start: 1}
	plain := &fhir.Facts{Type: "Binary", ID: "p", References: []string{"Patient/1"}, Start: 1}
	partly := []string{privacy(`'type':'permit',<HRESCH>,'provision':[{'type':'deny',<observations>}]`)}
	run(t, []judged{
		{"what a Binary belongs to", partly, researcher, binary, Deny},
		{"what is in a Bundle", partly, researcher, bundle, Deny},
		{"what a List refers to", partly, researcher, lost, Deny},
		{"nothing of the kind", partly, researcher, plain, Permit},
		{"a permit of the container alone", []string{privacy(`'type':'permit',<HRESCH>,'class':[{'system':'http://hl7.org/fhir/resource-types','code':'Binary'}]`)}, researcher, binary, ImplicitDeny},
		{"a deny of a code within", []string{privacy(`'type':'deny','code':[{'coding':[{'system':'http://loinc.org','code':'1'}]}]`)}, clinician, lost, Deny},
	})
}

// What is another patient's than its container may be anything, like what is not there.
func TestPartsOfOthersAreUnknown(t *testing.T) {
	coded := func(id, patient string) *fhir.Facts {
		return &fhir.Facts{Type: "Observation", ID: id, Patients: []string{patient}, Codes: []fhir.Coding{{System: "s", Code: "x"}}}
	}
	s := clinician
	s.Directory = entries{"Observation/own": {Facts: coded("own", "Patient/1")}, "Observation/other": {Facts: coded("other", "Patient/2")}}
	list := func(ref string) *fhir.Facts {
		return &fhir.Facts{Type: "List", ID: "l", Patients: []string{"Patient/1"}, References: []string{ref}, Codes: []fhir.Coding{{System: "s", Code: "x"}}}
	}
	denied := []string{privacy(`'type':'deny','code':[{'coding':[{'system':'http://loinc.org','code':'1'}]}]`)}
	run(t, []judged{
		{"a part of the same patient", denied, s, list("Observation/own"), Silent},
		{"a part of another", denied, s, list("Observation/other"), Deny},
		{"a part that is not there", denied, s, list("Observation/none"), Deny},
	})
}
