package access

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
)

// reads counts by type which resources of a patient's compartment an agent reads.
func (c *population) reads(by Call, patient string) map[string]int {
	c.Helper()
	seen := map[string]int{}
	for _, typ := range []string{"Patient", "Observation", "Condition", "Consent", "DocumentReference"} {
		current, _ := c.versions(typ)
		for i := range current {
			if v := &current[i]; !v.Deleted && slices.Contains(v.Facts.Patients, patient) {
				if _, err := c.Read(c.Context(), &by, v.Ref); err == nil {
					seen[typ]++
				}
			}
		}
	}
	return seen
}

func counted(counts []TypeCount) map[string]int {
	all := map[string]int{}
	for _, n := range counts {
		all[n.Type] = n.N
	}
	return all
}

// What a simulation says is what comes to pass: for Consents of every kind, written or ended,
// and agents of every kind, their reads show before and afterwards what was said. Until then
// nothing is written.
func TestWhatIsSimulatedComesToPass(t *testing.T) {
	c := newPopulation(t, 7, 12)
	calls := c.calls()
	names := []string{"doctor", "researcher", "guest", "system"}
	changed, still, ended := 0, 0, 0
	for n := range 120 {
		call := *calls[names[n%len(names)]]
		id := fmt.Sprint("p", c.IntN(c.patients))
		asked := Simulation{Agents: []agent.Agent{call.Agent}, Detail: "agent=x"}
		var happens func()
		if list, _, err := c.Store.Consents(t.Context(), "Patient/"+id); err == nil && len(list) > 0 && n%3 == 0 {
			asked.Ends = list[0].Ref
			ended++
			happens = func() {
				body := strings.Replace(string(list[0].Body), `"status":"active"`, `"status":"inactive"`, 1)
				c.put(body)
			}
		} else {
			document := c.consent(id, c.IntN(3))
			asked.Consent = c.parse(document)
			happens = func() { c.put(document) }
		}
		result, err := c.Simulate(t.Context(), c.officer(), asked)
		if err != nil || result.Patient.ID != id {
			t.Fatal(result, err)
		}
		one := &result.Changes[len(result.Changes)-1]
		before := c.reads(call, "Patient/"+id)
		happens()
		after := c.reads(call, "Patient/"+id)
		gains, loses := counted(one.Gains), counted(one.Loses)
		for typ := range maps.Keys(before) {
			after[typ] += 0
		}
		for typ := range after {
			if typ != "Consent" && after[typ]-before[typ] != gains[typ]-loses[typ] { // a Consent that is written is itself one more
				t.Fatalf("%s of %s, %s: %d before, %d afterwards, but said were %v %v", names[n%len(names)], id, typ, before[typ], after[typ], gains, loses)
			}
		}
		if len(gains)+len(loses) > 0 {
			changed++
		} else {
			still++
		}
	}
	if t.Logf("%d changed, %d did not, %d ended", changed, still, ended); changed < 10 || still < 10 || ended < 5 {
		t.Error("hardly tried")
	}
}

// Who is not of the office learns nothing, and neither does an officer of patients and Consents
// that the policy hides from her: it is as if there were none. Each question is a record that
// names the patient.
func TestSimulationsAreDecidedAndRecorded(t *testing.T) {
	h := ward(t)
	told := h.told()
	ends := Simulation{Ends: ref("Consent/c1"), Detail: "agent=x"}
	for _, by := range []*Call{h.as(agent.Practitioner, "TREAT"), h.patient("Patient/hidden"), h.system(), h.as(agent.Administrator, "HOPERAT")} {
		if _, err := h.Simulate(t.Context(), by, ends); kindOf(err) != fhir.Forbidden {
			t.Errorf("%s: %v", by.Agent.Role, err)
		}
		if got := told(); len(got) != 1 || got[0] != "deny 403 simulate Consent/c1 agent=x [hidden] []" {
			t.Errorf("%s: recorded %q", by.Agent.Role, got)
		}
	}
	result, err := h.Simulate(t.Context(), h.officer(), ends)
	if err != nil || result.Judged != 3 || result.Changes[0].Before != 0 || result.Changes[0].After != 3 || fmt.Sprint(result.Changes[0].Gains) != "[{Consent 1} {Observation 1} {Patient 1}]" {
		t.Fatalf("%+v %v", result, err)
	}
	if got := told(); len(got) != 1 || got[0] != "permit 200 simulate Consent/c1 agent=x [hidden] []" {
		t.Errorf("recorded %q", got)
	}
	if _, err := h.Read(t.Context(), h.as(agent.Practitioner, "TREAT"), ref("Patient/hidden")); kindOf(err) != fhir.NotFound {
		t.Errorf("it was written: %v", err)
	}
	sent := func(patient string) *fhir.Resource {
		return h.parse(`{"resourceType":"Consent","status":"active","scope":{"text":"x"},"category":[{"text":"c"}],"patient":{"reference":"` + patient + `"}}`)
	}
	told()
	if _, err := h.Simulate(t.Context(), h.as(agent.Practitioner, "TREAT"), Simulation{Consent: sent("Patient/hidden")}); kindOf(err) != fhir.Forbidden {
		t.Errorf("a doctor simulates: %v", err)
	}
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "[hidden]") {
		t.Errorf("who was refused a Consent of a patient: recorded %q", got)
	}
	for name, asked := range map[string]Simulation{
		"nothing": {}, "none": {Consent: sent("Patient/none")}, "gone": {Consent: sent("Patient/gone")}, "no Consent": {Ends: ref("Consent/none")}, "no Consent but another": {Ends: ref("Observation/s1")},
		"one of another patient": {Ends: ref("Consent/c1"), Consent: sent("Patient/seen")},
	} {
		if _, err := h.Simulate(t.Context(), h.officer(), asked); kindOf(err) != fhir.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, asked := range map[string]Simulation{"nobody's": {Consent: sent("https://elsewhere.example/fhir/Patient/1")}, "an emergency": {Ends: ref("Consent/c1"), Agents: []agent.Agent{h.breaker().Agent}}} {
		if _, err := h.Simulate(t.Context(), h.officer(), asked); err == nil || kindOf(err) == fhir.NotFound || kindOf(err) == fhir.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	told()
	h.Gate.Policy = onlyOwned{h.Gate.Policy}
	for _, asked := range []Simulation{ends, {Consent: sent("Patient/hidden")}} {
		if _, err := h.Simulate(t.Context(), h.officer(), asked); kindOf(err) != fhir.NotFound {
			t.Errorf("hidden from the officer: %v", err)
		}
		if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "deny 404 simulate") || !strings.Contains(got[0], "[hidden]") {
			t.Errorf("recorded %q", got)
		}
	}
}

// The officer is told of patients whose Consents contradict each other or are not understood,
// page by page, and of none that the policy hides from her.
func TestConsentProblems(t *testing.T) {
	h := newHouse(t)
	put := func(patient, id, rest string) {
		h.put(`{"resourceType":"Consent","id":"` + id + `","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"text":"c"}],"patient":{"reference":"Patient/` + patient + `"}` + rest + `}`)
	}
	h.put(patientDoc("a"), patientDoc("b"), patientDoc("c"), patientDoc("d"))
	put("a", "a1", `,"provision":{"type":"permit"}`)
	put("a", "a2", `,"provision":{"type":"deny"}`)
	put("b", "b1", `,"provision":{"type":"permit"}`)
	put("c", "c1", `,"provision":{"type":"permit","provision":[{"period":{"start":"2020"}}]}`)
	put("d", "d1", `,"policyRule":{"text":"?"}`)
	told := h.told()
	all, err := h.Gate.ConsentProblems(t.Context(), h.officer(), "", 2)
	if err != nil || all.Consents != 5 || all.Contradicted != 1 || all.Unreadable != 1 || all.Doubtful != 1 || all.More || all.Next != "Patient/c" || len(all.Patients) != 2 {
		t.Fatalf("%+v %v", all, err)
	}
	if p := all.Patients[0]; p.Patient != "Patient/a" || len(p.Contradictions) != 1 || p.Contradictions[0].Permits != "Consent/a1/_history/1" || p.Contradictions[0].Denies != "Consent/a2/_history/1" {
		t.Errorf("%+v", p)
	}
	if p := all.Patients[1]; p.Patient != "Patient/c" || !slices.Equal(p.Unreadable, []string{"Consent/c1/_history/1"}) {
		t.Errorf("%+v", p)
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "permit 200 consent-problems") || !strings.Contains(got[0], "a") || !strings.Contains(got[0], "*") {
		t.Errorf("recorded %q", got)
	}
	if rest, err := h.Gate.ConsentProblems(t.Context(), h.officer(), all.Next, 2); err != nil || len(rest.Patients) != 1 || rest.Patients[0].Patient != "Patient/d" || rest.Next != "" || len(rest.Patients[0].Doubtful) != 1 {
		t.Errorf("%+v %v", rest, err)
	}
	told()
	if _, err := h.Gate.ConsentProblems(t.Context(), h.as(agent.Practitioner, "TREAT"), "", 2); kindOf(err) != fhir.Forbidden {
		t.Errorf("a doctor: %v", err)
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "deny 403 consent-problems") {
		t.Errorf("recorded %q", got)
	}
	h.Gate.Policy = onlyOwned{h.Gate.Policy}
	if none, err := h.Gate.ConsentProblems(t.Context(), h.officer(), "", 2); err != nil || none.Consents != 0 || len(none.Patients)+none.Contradicted+none.Unreadable+none.Doubtful > 0 {
		t.Errorf("hidden from the officer: %+v %v", none, err)
	}
}

// What is reported to have been disclosed is an entry of the change log that names the
// patient; there is none of one whom there is not, or by a Consent of another patient.
func TestDisclosuresAreReported(t *testing.T) {
	h := ward(t)
	told := h.told()
	d := Disclosure{Patient: ref("Patient/hidden"), Consent: ref("Consent/c1"), Recipient: "Organization/other", Detail: "observed=false&agent=x"}
	changes, _ := h.Store.Logs()
	before, _ := changes.Size(t.Context())
	for _, by := range []*Call{h.officer(), h.system()} {
		if err := h.RecordDisclosure(t.Context(), by, d); err != nil {
			t.Fatal(err)
		}
		if got := told(); len(got) != 1 || got[0] != "permit 200 disclosure-record Organization/other observed=false&agent=x [hidden] []" {
			t.Errorf("recorded %q", got)
		}
	}
	if after, _ := changes.Size(t.Context()); after != before+2 {
		t.Errorf("%d entries of the change log", after-before)
	}
	for _, by := range []*Call{h.as(agent.Practitioner, "TREAT"), h.patient("Patient/hidden"), h.as(agent.Administrator, "HOPERAT")} {
		if err := h.RecordDisclosure(t.Context(), by, d); kindOf(err) != fhir.Forbidden {
			t.Errorf("%s: %v", by.Agent.Role, err)
		}
	}
	told()
	for name, bad := range map[string]Disclosure{
		"no patient": {Patient: ref("Patient/none")}, "one who is gone": {Patient: ref("Patient/gone")}, "another patient's Consent": {Patient: ref("Patient/seen"), Consent: ref("Consent/c1")},
		"no Consent": {Patient: ref("Patient/seen"), Consent: ref("Consent/none")},
	} {
		for _, by := range []*Call{h.officer(), h.system()} {
			if err := h.RecordDisclosure(t.Context(), by, bad); kindOf(err) != fhir.NotFound {
				t.Errorf("%s: %v", name, err)
			}
			if got := told(); len(got) != 1 || !strings.Contains(got[0], "404 disclosure-record") || !strings.Contains(got[0], bad.Patient.ID) {
				t.Errorf("%s: recorded %q", name, got)
			}
		}
	}
	h.Gate.Policy = onlyOwned{h.Gate.Policy}
	if err := h.RecordDisclosure(t.Context(), h.officer(), d); kindOf(err) != fhir.NotFound {
		t.Errorf("hidden from the officer: %v", err)
	}
}

// For whom a simulation tells is bounded.
func TestSimulationsAreBounded(t *testing.T) {
	h := newHouse(t)
	var actors []string
	for i := range 2 * MostAgents {
		actors = append(actors, fmt.Sprintf(`{"role":{"coding":[{"code":"PRCP"}]},"reference":{"reference":"Practitioner/%d"}}`, i))
	}
	rules, err := consent.Compile(ref("Consent/1"), 1, []byte(`{"resourceType":"Consent","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"text":"c"}],"patient":{"reference":"Patient/1"},"provision":{"type":"permit","actor":[`+strings.Join(actors, ",")+`]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if all := h.Gate.simulated(make([]agent.Agent, 2*MostAgents), []*consent.Rules{rules}); len(all) != 6+2*MostAgents {
		t.Errorf("%d agents", len(all))
	}
}

// onlyOwned is a policy that shows what another organisation owns, and nothing else.
type onlyOwned struct{ Decider }

func (p onlyOwned) Decide(ctx context.Context, in policy.Input) (policy.Decision, error) {
	d, err := p.Decider.Decide(ctx, in)
	d.Constraints.Owner = "other"
	return d, err
}
