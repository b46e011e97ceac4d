package policy

import (
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/aceso-health/aceso/agent"
)

// The families of the base policy follow the hierarchy that Consents follow, but
// for breaking the glass and clinical trials.
func TestFamiliesFollowTheHierarchy(t *testing.T) {
	data, err := fs.ReadFile(Base(), "data.json")
	if err != nil {
		t.Fatal(err)
	}
	var base struct {
		Aceso struct{ Purposes map[string]string }
	}
	if err := json.Unmarshal(data, &base); err != nil {
		t.Fatal(err)
	}
	families := base.Aceso.Purposes
	for code, family := range families {
		parent := agent.PurposeParent(code)
		switch {
		case !agent.IsPurpose(code):
			t.Errorf("%s is no purpose of use", code)
		case parent == "PurposeOfUse", code == "BTG", code == "CLINTRL":
		case families[parent] != family:
			t.Errorf("%s is %s, its parent %s is %s", code, family, parent, families[parent])
		}
	}
	if len(families) < 50 {
		t.Errorf("only %d purposes", len(families))
	}
}
