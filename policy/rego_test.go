package policy

import (
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/agent"
)

// The base policy comes with tests of its own, in Rego; a rule that none of them
// evaluates is a rule nobody has thought through.
func TestBasePolicyPassesItsTests(t *testing.T) {
	report, err := Test(context.Background(), Base())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Tests {
		if !r.Passed {
			t.Errorf("%s %s: %v", r.Place, r.Name, r.Err)
		}
	}
	if report.Coverage < 100 || len(report.Tests) < 40 {
		t.Errorf("%d tests cover %.1f %% of the base policy, want 100; not evaluated: %v",
			len(report.Tests), report.Coverage, report.Missed)
	}
}

func TestBasePolicyIsCheckedAndFormatted(t *testing.T) {
	if err := Check(context.Background(), Base()); err != nil {
		t.Error(err)
	}
	changed, err := Format(Base())
	if err != nil {
		t.Fatal(err)
	}
	for name := range changed {
		t.Errorf("%s is not formatted", name)
	}
}

// baseData reads data.json of the base policy into data.
func baseData(t *testing.T, data any) {
	t.Helper()
	text, err := fs.ReadFile(Base(), "data.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, data); err != nil {
		t.Fatal(err)
	}
}

// The purposes that policies know are those that Consents are read with.
func TestPurposesAreOneTable(t *testing.T) {
	var data struct {
		Aceso struct{ Purposes map[string]string }
	}
	baseData(t, &data)
	want := map[string]string{}
	for _, code := range agent.Purposes() {
		want[code] = agent.PurposeFamily(code)
	}
	if !maps.Equal(data.Aceso.Purposes, want) {
		t.Errorf("data.json has %v, package agent %v", data.Aceso.Purposes, want)
	}
}

// The reasons that policies know and those that the engine accepts are one list.
func TestReasonsAreOneList(t *testing.T) {
	var data struct {
		Aceso struct{ Reasons map[string]string }
	}
	baseData(t, &data)
	if !maps.Equal(data.Aceso.Reasons, Reasons()) {
		t.Errorf("data.json has %v, the engine %v", slices.Sorted(maps.Keys(data.Aceso.Reasons)), slices.Sorted(maps.Keys(Reasons())))
	}
}
