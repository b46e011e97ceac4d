package policy

import (
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"testing"
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

// The reasons that policies know and those that the engine accepts are one list.
func TestReasonsAreOneList(t *testing.T) {
	text, err := fs.ReadFile(Base(), "data.json")
	if err != nil {
		t.Fatal(err)
	}
	var data struct {
		Aceso struct{ Reasons map[string]string }
	}
	if err := json.Unmarshal(text, &data); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(data.Aceso.Reasons, Reasons()) {
		t.Errorf("data.json has %v, the engine %v", slices.Sorted(maps.Keys(data.Aceso.Reasons)), slices.Sorted(maps.Keys(Reasons())))
	}
}
