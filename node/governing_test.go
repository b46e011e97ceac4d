package node

import (
	"encoding/json"
	"io/fs"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// The types that policies guard because they give access are those whose writes bind the
// next request.
func TestGoverningTypesAreOneList(t *testing.T) {
	text, err := fs.ReadFile(policy.Base(), "data.json")
	if err != nil {
		t.Fatal(err)
	}
	var data struct {
		Aceso struct{ Types struct{ Governing []string } }
	}
	if err := json.Unmarshal(text, &data); err != nil {
		t.Fatal(err)
	}
	if guarded := data.Aceso.Types.Governing; !slices.Equal(guarded, store.Governing()) {
		t.Errorf("policies guard %v, the epoch counts writes of %v", guarded, store.Governing())
	}
}
