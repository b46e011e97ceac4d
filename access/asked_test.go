package access

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// listening is a policy that remembers what it was asked.
type listening struct {
	Decider
	asked []policy.Input
}

func (l *listening) Decide(ctx context.Context, in policy.Input) (policy.Decision, error) {
	l.asked = append(l.asked, in)
	return l.Decider.Decide(ctx, in)
}

// kept reads the inputs of all records since the last call.
func (h *house) kept() func() (all []*Asked, errs []error) {
	h.Helper()
	from := map[string]int64{}
	read := func() (all []*Asked, errs []error) {
		logs, err := store.AllLogs(h.Context(), h.Store)
		if err != nil {
			h.Fatal(err)
		}
		inputs := h.Sealer.Inputs(logs)
		for _, log := range logs {
			size, _ := log.Size(h.Context())
			err := readRecords(h.Context(), log, from[log.Source()], size, func(rec record) {
				a, err := askedBy(h.Context(), inputs, &rec)
				all, errs = append(all, a), append(errs, err)
			})
			if err != nil {
				h.Fatal(err)
			}
			from[log.Source()] = size
		}
		return all, errs
	}
	read()
	return read
}

// Whatever is asked, its record says with what the policy was asked, to the last scope and
// the second: a change of several resources each question.
func TestRecordsSayWhatThePolicyWasAsked(t *testing.T) {
	h := ward(t)
	heard := &listening{Decider: h.Policy}
	h.Policy = heard
	kept := h.kept()
	doctor := func(h *house) *Call { return h.as(agent.Practitioner, "TREAT") }
	patient := func(h *house) *Call { return h.patient("Patient/seen") }
	granular := func(h *house) *Call {
		return h.with(h.as(agent.Practitioner, "TREAT"), "user/Observation.rs?category=laboratory user/Patient.rs")
	}
	for _, c := range []struct {
		name string
		as   func(*house) *Call
		do   func(*house, *Call) error
		want int // questions
	}{
		{"read", doctor, read("Patient/seen"), 1},
		{"read again", doctor, read("Patient/seen"), 1},
		{"read by the patient", patient, read("Patient/seen"), 1},
		{"read of another by the patient", patient, read("Patient/hidden"), 1},
		{"read refused", doctor, read("AuditEvent/x"), 1},
		{"search", doctor, searchFor("Observation", "patient=seen"), 1},
		{"search with few rights", granular, searchFor("Observation", "patient=seen"), 1},
		{"malformed search", doctor, searchFor("Observation", "colour=red"), 1},
		{"history", doctor, history("Observation", "s1"), 1},
		{"metrics", granular, func(h *house, c *Call) error { return h.Operate(h.Context(), c, "metrics") }, 1},
		{"event", doctor, func(h *house, c *Call) error {
			return h.Authorize(h.Context(), c, Authorization{Interaction: "policy-write"})
		}, 1},
		{"create", doctor, apply(h.post(observationDoc("n", "seen"))), 1},
		{"delete", doctor, apply(removal("Observation/none")), 1},
		{"transaction", doctor, apply(transaction(h.post(observationDoc("m", "seen")), h.update(patientDoc("seen")),
			Operation{Method: "GET", Ref: ref("Patient/seen")})...), 3},
		{"failing transaction", doctor, apply(transaction(h.post(observationDoc("m", "seen")), Operation{Method: "GET", Ref: ref("Observation/none")})...), 2},
		{"unknown method", doctor, apply(Operation{Method: "TRACE", Ref: ref("Patient/seen")}), 1},
	} {
		heard.asked = nil
		_ = c.do(h, c.as(h))
		all, errs := kept()
		if len(all) != 1 || errs[0] != nil {
			t.Errorf("%s: %d records, %v", c.name, len(all), errs)
			continue
		}
		if len(all[0].Inputs) != c.want {
			t.Errorf("%s: %+v", c.name, all[0].Inputs)
		}
		for _, in := range all[0].Inputs {
			if !slices.ContainsFunc(heard.asked, func(o policy.Input) bool { return reflect.DeepEqual(in, o) }) {
				t.Errorf("%s: the record says\n%+v\nasked was\n%+v", c.name, in, heard.asked)
			}
		}
	}
}

// Of a refusal that a protocol makes the policy was not asked.
func TestRefusalsOfProtocolsHaveNoInput(t *testing.T) {
	h := ward(t)
	kept := h.kept()
	_ = h.Authorize(t.Context(), h.as(agent.Practitioner, "TREAT"), Authorization{Interaction: "token", Refused: "invalid_grant", Status: 400})
	if all, errs := kept(); len(all) != 1 || !errors.Is(errs[0], ledgerbridge.ErrUnknownInput) {
		t.Errorf("%v, %v", all, errs)
	}
}

// A record keeps the departments of who asked, as they are at that moment, refused or not.
func TestRecordsKeepDepartments(t *testing.T) {
	h := clinic(t)
	kept := h.kept()
	role := func(id, more string) string {
		return document(`{'resourceType':'PractitionerRole','id':'` + id + `','practitioner':{'reference':'Practitioner/7'},'organization':{'reference':'Organization/` + id + `'}` + more + `}`)
	}
	departments := func(typ string, actors ...string) string {
		t.Helper()
		c := h.doctor("hospital")
		c.Agent.Actors = actors
		_, _ = h.Read(t.Context(), c, fhir.Ref{Type: typ, ID: "o"})
		all, errs := kept()
		if len(all) == 0 || errs[len(errs)-1] != nil {
			t.Fatalf("%v, %v", all, errs)
		}
		var words []string
		for _, d := range all[len(all)-1].Departments {
			for _, name := range []string{"icu", "er", "past", "off"} {
				if d == h.Sealer.DepartmentPseudonym("Organization/"+name) {
					words = append(words, name)
				}
			}
		}
		return strings.Join(words, " ")
	}
	want := func(want, got string) {
		t.Helper()
		a, b := strings.Fields(want), strings.Fields(got)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("departments %q, want %q", got, want)
		}
	}
	want("", departments("Observation", "Practitioner/7"))
	h.put(role("icu", ""), role("past", `,'period':{'end':'2020'}`), role("off", `,'active':false`))
	kept()
	want("icu", departments("Observation", "Practitioner/7"))
	want("icu", departments("AuditEvent", "Practitioner/7"))
	h.put(role("er", ""))
	kept()
	want("er icu", departments("AuditEvent", "Practitioner/7"))
	want("er", departments("Observation", "Practitioner/7", "PractitionerRole/er"))
	h.faulty.fail = map[string]error{"Search": errors.New("no disk")}
	want("", departments("AuditEvent", "Practitioner/7", "Practitioner/8"))
}

// A staff of 40 and 60 patients with their apps make 10,000 requests: what the policy was
// asked with takes no more than 40 bytes of the logs for each.
func TestInputsTakeLittleOfTheLog(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: many requests")
	}
	h := newHouse(t)
	var people []string
	for i := range 60 {
		people = append(people, patientDoc(fmt.Sprintf("p%d", i)))
	}
	h.putAll(people)
	const requests = 10_000
	bytes := func(keep bool) int {
		return h.logged(func() error {
			for i := range requests {
				p := fmt.Sprintf("Patient/p%d", i%60)
				c := h.as(agent.Practitioner, "TREAT")
				c.Agent.Subject = fmt.Sprintf("Practitioner/%d", i%40)
				if i%5 == 0 {
					c = h.patient(p)
				}
				r := h.review(c)
				r.unasked = !keep
				_, err := r.read(t.Context(), question{"read", "r", "Patient"}, ref(p), 0)
				if err = errors.Join(err, r.record(t.Context(), err)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	without := bytes(false)
	if mean := float64(bytes(true)-without) / requests; mean > 40 {
		t.Errorf("%.1f bytes for each request", mean)
	} else {
		t.Logf("%.1f bytes for each request", mean)
	}
}
