package sqlite

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// Of what is passed over because it is not within, everybody is named whom it is about, also
// one with whom a resource is shared by somebody whose data are shown.
func TestWhatIsNotWithinIsNamedForEverybody(t *testing.T) {
	s := open(t, t.TempDir(), options())
	a := newAuthor(t, s)
	var writes []store.Write
	for i := range 80 {
		document := observation(1, i)
		if i%2 == 1 {
			document = strings.Replace(document, `"final"`, `"amended"`, 1)
		}
		if i == 41 {
			document = strings.Replace(document, `"subject"`, `"performer":[{"reference":"Patient/2"}],"subject"`, 1)
		}
		writes = append(writes, a.version(fmt.Sprint("o", i), 0, document))
	}
	_, err := a.Commit(t.Context(), store.Change{Writes: writes, Entry: a.entry()})
	a.must(err)
	q, err := search.ParseQuery("Observation", []fhir.Param{}, search.QueryOptions{})
	a.must(err)
	page, err := s.Search(t.Context(), store.Search{
		Query: q, Limit: 30, Visible: func(r store.Row) (bool, error) { return r.Within, nil },
		Within: func(string) search.Condition { return search.HasKey{Key: "status=final"} },
	})
	a.must(err)
	if len(page.Matches) != 30 || !slices.Contains(page.Selected.Hidden, "Patient/2") {
		t.Errorf("%d are shown, hidden are of %v", len(page.Matches), page.Selected.Hidden)
	}
}
