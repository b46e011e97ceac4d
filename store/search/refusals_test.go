package search

import (
	"errors"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// Links that are damaged are refused by the gate, who seals them; others are refused here.
func TestRefusalsOfSearches(t *testing.T) {
	b := budget(10, nil, "The search is too broad.")
	for sentence, err := range map[string]error{
		"The paging link is not valid. …": BadLink("Search again."),
		"… It may examine ….":             b.spend(t.Context(), 11*store.RowSteps),
	} {
		var refusal *fhir.Error
		if !errors.As(err, &refusal) || refusal.Kind.Status() != 400 || !strings.Contains(refusal.Detail, strings.Trim(strings.Split(sentence, "…")[0]+strings.Split(sentence, "…")[1], " ")) {
			t.Errorf("%v; want %s", err, sentence)
		}
	}
}
