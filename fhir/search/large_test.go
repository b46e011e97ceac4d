package search

import (
	"fmt"
	"slices"
	"testing"
)

// Ordinary documents with 20,000 members, targets or concepts are found by the last of
// them.
func TestLongListsAreFoundByTheirLast(t *testing.T) {
	for key, doc := range map[string]string{
		"member>Patient/19999": `{"resourceType":"Group","type":"person","actual":true,"member":[` + list(20_000, `{"entity":{"reference":"Patient/%d"}}`) + `]}`,
		"target>Basic/19999":   `{"resourceType":"Provenance","target":[` + list(20_000, `{"reference":"Basic/%d"}`) + `]}`,
		"code=19999":           `{"resourceType":"CodeSystem","status":"active","content":"complete","concept":[` + list(20_000, `{"code":"%d"}`) + `]}`,
		"item>Patient/19999":   `{"resourceType":"List","status":"current","mode":"working","entry":[` + list(20_000, `{"item":{"reference":"Patient/%d"}}`) + `]}`,
	} {
		x, err := indexed(doc)
		if err != nil || !slices.Contains(x.Keys, key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// The limits of a document depend on its size, and no document has others than a shorter
// one and its bytes allow.
func TestLimitsGrowWithTheDocument(t *testing.T) {
	for bytes, want := range map[int]limits{
		0: {2000, 20_000}, 4: {2001, 20_002}, 40_000: {12_000, 40_000}, 392_000: {100_000, 216_000}, 20 << 20: {100_000, 1_000_000},
	} {
		if got := limitsOf(bytes); got != want {
			t.Errorf("%d bytes: %s", bytes, fmt.Sprint(got))
		}
	}
}
