package agent_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/agent"
)

// published is the tree of the code system: each code with what subsumes it.
func published(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("testdata/v3-ActReason.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Parents map[string]string }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Parents
}

// above are a code and all that subsume it.
func above(parents map[string]string, code string) (all []string) {
	for ; code != ""; code = parents[code] {
		all = append(all, code)
	}
	return all
}

func TestPurposesAreThoseOfTheCodeSystem(t *testing.T) {
	parents := published(t)
	codes := slices.Sorted(maps.Keys(parents))
	if len(codes) != 59 || !slices.Equal(agent.Purposes(), codes) {
		t.Errorf("%d codes: %v, published %v", len(codes), agent.Purposes(), codes)
	}
	for _, code := range codes {
		if code == "CLINTRL" { // the one that is elsewhere here
			continue
		}
		if got := agent.PurposesAbove(code); !slices.Equal(got, above(parents, code)) {
			t.Errorf("above %s: %v, published %v", code, got, above(parents, code))
		}
		for _, general := range append(codes, "PurposeOfUse", "_ActReason", "") {
			if got, want := agent.PurposeCovers(general, code), slices.Contains(above(parents, code), general); got != want {
				t.Errorf("%s covers %s: %v, published %v", general, code, got, want)
			}
		}
	}
}

func TestClinicalTrialIsResearch(t *testing.T) {
	if above(published(t), "CLINTRL")[1] != "TREAT" {
		t.Error("the code system has CLINTRL elsewhere: is an exception still needed?")
	}
	if !agent.PurposeCovers("HRESCH", "CLINTRL") || agent.PurposeCovers("TREAT", "CLINTRL") || agent.PurposeFamily("CLINTRL") != agent.Research {
		t.Error("CLINTRL is not research")
	}
}

func TestPurposeFamilies(t *testing.T) {
	families := map[string]bool{}
	for _, code := range agent.Purposes() {
		families[agent.PurposeFamily(code)] = true
		if !agent.IsPurpose(code) {
			t.Errorf("%s is no purpose", code)
		}
	}
	want := []string{"break-glass", "marketing", "operations", "patient-request", "payment", "public-health", "research", "treatment"}
	if got := slices.Sorted(maps.Keys(families)); !slices.Equal(got, want) {
		t.Errorf("families %q, want %q", got, want)
	}
	for code, family := range map[string]string{
		"BTG": "break-glass", "ETREAT": "treatment", "ELIGVER": "payment", "HTEST": "operations", "CLINTRCHPC": "research",
		"": "", "PurposeOfUse": "", "treat": "", "MEDNEC": "",
	} {
		if got := agent.PurposeFamily(code); got != family {
			t.Errorf("the family of %q is %q, want %q", code, got, family)
		}
	}
	if agent.IsPurpose("") || agent.IsPurpose("MEDNEC") || !agent.IsPurpose("PurposeOfUse") {
		t.Error("IsPurpose")
	}
}
