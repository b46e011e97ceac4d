package access

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

func (h *house) could(by *Call, asked CouldRead) *Could {
	h.Helper()
	c, err := h.CouldRead(h.Context(), by, asked)
	if err != nil {
		h.Fatal(err)
	}
	return c
}

func (h *house) officer() *Call { return h.as(agent.PrivacyOfficer, "HOPERAT") }

// For agents of every kind and resources of every type, the answer is yes exactly when a read
// by that agent shows the resource; and a no has a reason.
func TestWhoCouldReadIsWhoReads(t *testing.T) {
	c := newPopulation(t, 5, 40)
	var versions []Version
	for _, typ := range []string{"Observation", "Condition", "Patient", "Basic", "DocumentReference", "List", "Consent"} {
		current, _ := c.versions(typ)
		versions = append(versions, current...)
	}
	calls := c.calls()
	granular := *calls["doctor"]
	granular.Agent.Scopes = []agent.Scope{{Context: "user", Type: "Observation", Actions: "rs", Query: "status=final"}, {Context: "user", Type: "Condition", Actions: "rs", Query: "code=a"}}
	calls["granular"] = &granular
	names := slices.Sorted(maps.Keys(calls))
	yes, no, asked := 0, 0, 0
	for asked < 1000 {
		v, who := &versions[c.IntN(len(versions))], names[c.IntN(len(names))]
		facts := v.Facts
		r := c.Gate.review(calls[who])
		if _, err := r.trace(t.Context(), &facts); err != nil {
			t.Fatal(err)
		}
		patient := c.one(append(facts.Whose(), "")...)
		ref, err := fhir.ParseRef(patient)
		if err != nil {
			continue
		}
		asked++
		call := *calls[who]
		_, err = c.Read(t.Context(), &call, v.Ref)
		got := c.could(c.officer(), CouldRead{Agent: call.Agent, Patient: ref, Ref: v.Ref})
		if got.Read != (err == nil) || !got.Stored {
			t.Fatalf("%s, %s: %+v, but the read ends with %v", who, v.Ref, got, err)
		}
		hides := func(o Opinion) bool {
			return o.Verdict != "permit" && (o.Verdict != "silent" || got.Decision.Consent != "forbids")
		}
		if !got.Read && got.Decision.Allow && got.Refused == "" && len(got.Limits) == 0 && !slices.ContainsFunc(got.Opinions, hides) {
			t.Fatalf("%s, %s: no reason in %+v", who, v.Ref, got)
		}
		if yes++; !got.Read {
			yes, no = yes-1, no+1
		}
	}
	if t.Logf("%d yes, %d no", yes, no); yes < 100 || no < 100 {
		t.Error("hardly tried")
	}
}

// Nobody but the office asks, and each question is a record of whoever asks that names the
// patients and the resource, and shows nothing.
func TestQuestionsAboutOthersAreDecidedAndRecorded(t *testing.T) {
	h := ward(t)
	told := h.told()
	asked := CouldRead{Agent: h.as(agent.Practitioner, "TREAT").Agent, Patient: ref("Patient/hidden"), Ref: ref("Observation/h1"), Detail: "agent=Practitioner/x"}
	for _, by := range []*Call{h.as(agent.Practitioner, "TREAT"), h.patient("Patient/hidden"), h.system(), h.as(agent.Administrator, "HOPERAT")} {
		if _, err := h.CouldRead(t.Context(), by, asked); kindOf(err) != fhir.Forbidden {
			t.Errorf("%s: %v", by.Agent.Role, err)
		}
		if got := told(); len(got) != 1 || got[0] != "deny 403 explain Observation/h1 agent=Practitioner/x [hidden] []" {
			t.Errorf("%s: recorded %q", by.Agent.Role, got)
		}
	}
	got := h.could(h.officer(), asked)
	if got.Read || !got.Stored || len(got.Opinions) != 1 || got.Opinions[0].Verdict != "deny" || got.Opinions[0].Consents[0] != "Consent/c1/_history/1" {
		t.Errorf("%+v", got)
	}
	if got := told(); len(got) != 1 || got[0] != "permit 200 explain Observation/h1 agent=Practitioner/x [hidden] []" {
		t.Errorf("recorded %q", got)
	}
	asked.Patient = ref("Patient/seen")
	if _, err := h.CouldRead(t.Context(), h.officer(), asked); kindOf(err) != fhir.NotFound {
		t.Errorf("another patient's: %v", err)
	}
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "404") || !strings.Contains(got[0], "hidden") {
		t.Errorf("recorded %q", got)
	}
	asked.Ref = ref("Observation/none")
	if got := h.could(h.officer(), asked); got.Read || got.Stored || !got.Decision.Allow {
		t.Errorf("absent: %+v", got)
	}
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "[seen]") {
		t.Errorf("recorded %q", got)
	}
}

// An emergency counts as for the read itself: without one, and of another patient, nothing
// is shown, and the answer says so.
func TestQuestionsAboutEmergencies(t *testing.T) {
	h := ward(t)
	h.put(patientDoc("other"))
	asked := CouldRead{Agent: h.breaker().Agent, Patient: ref("Patient/hidden"), Ref: ref("Patient/hidden")}
	if got := h.could(h.officer(), asked); got.Read || got.Refused != undeclared {
		t.Errorf("none: %+v", got)
	}
	h.emergency(h.breaker(), "other")
	if got := h.could(h.officer(), asked); got.Read || !slices.Contains(got.Limits, "emergency") {
		t.Errorf("of another: %+v", got)
	}
	h.emergency(h.breaker(), "hidden")
	if got := h.could(h.officer(), asked); !got.Read || got.Decision.Reason != "break-glass" {
		t.Errorf("hers: %+v", got)
	}
}
