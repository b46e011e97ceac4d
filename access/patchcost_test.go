package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/patch"
	"github.com/aceso-health/aceso/store"
)

// A few bytes can make a document much longer: what a patch makes counts as held, and the
// next one of a Bundle is not made if an answer could not carry it.
func TestWhatPatchesMakeIsHeld(t *testing.T) {
	h := newHouse(t)
	long := strings.Repeat("x", 100_000)
	copies := strings.TrimSuffix(strings.Repeat(`{'op':'copy','from':'/name/0/given/0','path':'/name/0/given/-'},`, 10), ",")
	var ops []Operation
	for i := range 3 {
		h.put(fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","name":[{"given":[%q]}]}`, i, long))
		ops = append(ops, h.patchOf(fmt.Sprintf("Patient/p%d", i), copies))
	}
	c := h.as(agent.Practitioner, "TREAT")
	most, full := int64(0), errors.New("full")
	c.Hold = func(bytes int64) error {
		if most = max(most, bytes); bytes > 2_000_000 {
			return full
		}
		return nil
	}
	if _, err := h.Apply(t.Context(), c, ops[:1]); err != nil || most < 1_100_000 {
		t.Errorf("%d bytes held: %v", most, err)
	}
	if _, err := h.Apply(t.Context(), c, transaction(ops[1:]...)); !errors.Is(err, full) {
		t.Errorf("a Bundle: %v", err)
	}
	c.Hold, c.Room = nil, 1_000_000
	if _, err := h.Apply(t.Context(), c, transaction(ops[1:]...)); kindOf(err) != fhir.TooLarge {
		t.Errorf("a Bundle without room: %v", err)
	}
}

// The patches of a request, entries of a batch and of a transaction, spend from one budget:
// what they read and compare, and the steps of their paths.
func TestPatchesSpendFromOneBudget(t *testing.T) {
	h := ward(t)
	path, err := patch.ParsePath([]byte(`{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"Observation.descendants().select(%resource.descendants()).where(false)"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Patch{"JSON Patch": h.patchOf("Observation/s1", strings.Repeat(isFinal+",", 99)+isFinal).Patch, "FHIRPath Patch": path} {
		c := h.as(agent.Practitioner, "TREAT")
		c.work = &store.Work{Left: 100}
		done := 0
		for ; done < 1000 && err == nil; done++ {
			_, err = h.Apply(t.Context(), c.Entry(), []Operation{{Method: "PATCH", Ref: ref("Observation/s1"), Patch: p}})
		}
		if !says(err, 400, "The patches of this request would have to read, copy and compare more than 2 GB together, with what its searches cost. Send them in several Bundles.") || done > 11 {
			t.Errorf("%s: %d done, %v", name, done, err)
		}
		err = nil
	}
}

// A patch that could be made has told that it could: the record of a later failure says so.
func TestLaterFailuresAreRecordedWithWhatPatchesTold(t *testing.T) {
	h := ward(t)
	told := h.told()
	for name, ops := range map[string][]Operation{
		"another entry fails":      transaction(h.patchOf("Observation/s1", isFinal), Operation{Method: "GET", Ref: ref("Patient/nobody")}),
		"what it makes is refused": {h.patchOf("Observation/s1", isFinal+`,{'op':'replace','path':'/subject/reference','value':'Patient/hidden'}`)},
	} {
		if _, err := h.Apply(t.Context(), h.as(agent.Practitioner, "TREAT"), ops); err == nil {
			t.Errorf("%s: done", name)
		}
		if got := told(); len(got) != 1 || !strings.HasSuffix(got[0], "[GET Observation/s1]") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A conditional patch by who may not read is refused before its criteria are looked for:
// they stand in the record, which names whom they mean.
func TestCriteriaOfRefusedPatchesAreRecorded(t *testing.T) {
	h := ward(t)
	told := h.told()
	c := h.as(agent.Practitioner, "TREAT")
	scopes, err := agent.ParseScopes("user/Observation.u")
	if err != nil {
		t.Fatal(err)
	}
	c.Agent.Scopes = scopes
	op := h.patchOf("Observation/none", isFinal)
	op.Conditional, op.Criteria, op.Ref.ID = true, params("patient=seen&status=final"), ""
	if _, err := h.Apply(t.Context(), c, []Operation{op}); kindOf(err) != fhir.Forbidden {
		t.Error(err)
	}
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "patient=seen&status=final&_patch=") || !strings.HasSuffix(got[0], "[seen] []") {
		t.Errorf("%q", got)
	}
}

// Who may not read what is there learns nothing from an update: a right guess makes a
// version like a wrong one.
func TestGuessesAreNotConfirmed(t *testing.T) {
	for _, scope := range []string{"system/*.cruds", "system/Observation.u"} {
		for _, consent := range []string{actionDoc("deny", "access"), actionDoc("permit", "access")} {
			h := newHouse(t)
			h.put(patientDoc("p"), observationDoc("o", "p"), consent)
			c := h.system()
			scopes, err := agent.ParseScopes(scope)
			if err != nil {
				t.Fatal(err)
			}
			c.Agent.Scopes = scopes
			effects, err := h.Apply(t.Context(), c, []Operation{h.update(observationDoc("o", "p"))})
			if err != nil {
				t.Fatal(err)
			}
			want := int64(2)
			if strings.HasSuffix(scope, "cruds") && strings.Contains(consent, "permit") {
				want = 1
			}
			if v := effects[0].Version.Version; v != want {
				t.Errorf("%s, %.20s: version %d, want %d", scope, consent, v, want)
			}
		}
	}
}

// What a patch makes is read as what is sent is read.
func TestWhatPatchesMakeIsReadAsWhatIsSent(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"))
	unknown := h.patchOf("Patient/p", `{'op':'add','path':'/nickname','value':'x'}`)
	if got := h.outcomes(h.system(), unknown); got != "422" {
		t.Errorf("strictly: %s", got)
	}
	h.Parse = fhir.ParseLoosely
	if got := h.outcomes(h.system(), unknown); got != "200 body" {
		t.Errorf("loosely: %s", got)
	}
}

// Each conditional reference looks at all that its Bundle writes of the type: that is
// bounded like what it examines in the store.
func TestLooksAtWhatIsWrittenAreBounded(t *testing.T) {
	h := newHouse(t)
	var ops []Operation
	for i := range 60 {
		patient := patientDoc(fmt.Sprint("p", i))
		observation := strings.Replace(observationDoc(fmt.Sprint("o", i), "p"), "Patient/p", fmt.Sprintf("Patient?identifier=urn:mrn|p%d", i), 1)
		ops = append(ops, h.update(patient), h.update(observation))
	}
	const sentence = "The searches and conditional references of this Bundle would have to look at too much of what it writes: 400,000 times, and 200 for each entry. Send it in parts, or refer to its entries by their fullUrl."
	for left, refused := range map[int64]bool{6000: false, 3000: true} {
		c := h.system()
		c.work = &store.Work{Left: left}
		_, err := h.Apply(t.Context(), c, transaction(ops...))
		if (err != nil) != refused || refused && !says(err, 400, sentence) {
			t.Errorf("%d steps: %v", left, err)
		}
		h = newHouse(t)
	}
}
