package revision

import (
	"context"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
)

// noImpact finds a patient who is seen by somebody else.
func noImpact(context.Context, By, []byte, []byte, string) (*policy.Impact, error) {
	return &policy.Impact{Proof: policy.Proof{Verdict: "wider"}, People: &policy.People{Staff: 1, Changes: []policy.PeopleChange{{What: policy.Newly, Staff: 1, Patients: 2, Whom: []string{"Patient/quagmire"}}}}}, nil
}

// The hash of the impact goes from the report over the submission and the approval into the
// record of the activation; what is kept of the report names no patient.
func TestTheImpactIsNamedUntilTheActivation(t *testing.T) {
	o := newOffice(t)
	o.Weigh = noImpact
	base := o.active("before")
	if e := o.lastEvent(); !strings.Contains(e.Detail, "impact=none") {
		t.Errorf("without an impact: %+v", e)
	}
	a, b := officer("Practitioner/a"), officer("Practitioner/b")
	hash := o.draft(a, "change")
	if _, err := o.Impact(t.Context(), a, hash); kindOf(err) != fhir.Conflict {
		t.Errorf("before the tests: %v", err)
	}
	o.must(o.Test(t.Context(), a, hash))
	report, err := o.Impact(t.Context(), a, hash)
	if err != nil || report.Before != base || report.After != hash || report.People.Changes[0].Whom[0] != "Patient/quagmire" {
		t.Fatalf("%+v %v", report, err)
	}
	for key, row := range o.rows.Rows {
		if strings.Contains(string(row.Value), "quagmire") {
			t.Errorf("%s names her: %s", key, row.Value)
		}
	}
	want, _, err := report.Kept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Submit(t.Context(), a, hash, 0, strings.Repeat("0", 64)); kindOf(err) != fhir.Conflict {
		t.Errorf("another impact: %v", err)
	}
	for _, step := range []func() error{
		func() error { _, err := o.Submit(t.Context(), a, hash, 0, want); return err },
		func() error { _, err := o.Approve(t.Context(), b, hash, 0); return err },
		func() error { _, err := o.Activate(t.Context(), b, hash); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		if e := o.lastEvent(); !strings.Contains(e.Detail, "impact="+want) {
			t.Errorf("%+v does not name %s", e, want)
		}
	}
	if r, kept, err := o.ReadImpact(t.Context(), b, hash); err != nil || r.Impact != want || kept.Proof.Verdict != "wider" {
		t.Errorf("%+v %+v %v", r, kept, err)
	}
}

// A draft that changes has no impact; one that was worked out of a change of other policies is
// not submitted; who looks at the impact of what was submitted changes nothing.
func TestAnImpactIsOfOneChange(t *testing.T) {
	o := newOffice(t)
	o.Weigh = noImpact
	o.active("before")
	a, b := officer("Practitioner/a"), officer("Practitioner/b")
	hash := o.draft(a, "change")
	o.must(o.Test(t.Context(), a, hash))
	if _, err := o.Impact(t.Context(), a, hash); err != nil {
		t.Fatal(err)
	}
	if other := o.draft(a, "another change"); other == hash || o.must(o.load(t.Context(), other)).Impact != "" {
		t.Error("another text has an impact")
	}
	o.active("meanwhile")
	if _, err := o.Submit(t.Context(), a, hash, 0, ""); kindOf(err) != fhir.Conflict || !strings.Contains(err.Error(), "Work it out again.") {
		t.Errorf("of other policies: %v", err)
	}
	if _, err := o.Impact(t.Context(), a, hash); err != nil {
		t.Fatal(err)
	}
	o.must(o.Submit(t.Context(), a, hash, 0, ""))
	before := o.must(o.load(t.Context(), hash))
	o.Weigh = func(ctx context.Context, by By, x, y []byte, d string) (*policy.Impact, error) {
		return &policy.Impact{NoPeople: "otherwise"}, nil
	}
	if _, err := o.Impact(t.Context(), b, hash); err != nil {
		t.Fatal(err)
	}
	if after := o.must(o.load(t.Context(), hash)); after.Impact != before.Impact || after.Version != before.Version {
		t.Errorf("%+v became %+v", before, after)
	}
	for key, row := range o.rows.Rows {
		if strings.HasPrefix(key, spaceImpact) {
			row.Value = []byte(strings.Replace(string(row.Value), "wider", "equal", 1))
			o.rows.Rows[key] = row
		}
	}
	if _, _, err := o.ReadImpact(t.Context(), b, hash); err == nil || !strings.Contains(err.Error(), "it was changed") {
		t.Errorf("a report that was changed in the store: %v", err)
	}
	guest := officer("Practitioner/g")
	guest.Agent.Organization = "elsewhere"
	if _, err := o.Impact(t.Context(), guest, hash); kindOf(err) != fhir.Forbidden || o.lastEvent().Refused == "" {
		t.Errorf("a guest: %v", err)
	}
	if _, _, err := o.ReadImpact(t.Context(), guest, hash); kindOf(err) != fhir.Forbidden {
		t.Errorf("a guest reads: %v", err)
	}
}
