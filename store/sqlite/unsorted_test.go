package sqlite

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// A page without an order passes over what is certainly hidden, finds what is not, and names
// whom it has left out: all of few, and as many as a record singles out of many.
func TestUnsortedPagesPassOverWhatIsHidden(t *testing.T) {
	for patients, named := range map[int]int{3: 2, 300: store.SingledOut} {
		s := open(t, t.TempDir(), options())
		s.patience = plan.Patience{Few: 4, Many: 8}
		a := newAuthor(t, s)
		var writes []store.Write
		for i := range 900 {
			patient := i % 300
			if patients == 3 && patient != 2 {
				patient %= 2
			}
			writes = append(writes, a.version(fmt.Sprint("o", i), 0, observation(patient, i)))
		}
		_, err := a.Commit(t.Context(), store.Change{Writes: writes, Entry: a.entry()})
		a.must(err)
		q, err := search.ParseQuery("Observation", []fhir.Param{{Name: "status", Value: "final"}}, search.QueryOptions{})
		a.must(err)
		sight := &store.Sight{Rest: store.Hidden, Groups: []store.Group{{Name: "one", Is: store.Shown, Patients: []string{"Patient/2"}}}}
		judged, hidden, found, pages := 0, map[string]bool{}, []string{}, 0
		ask := store.Search{
			Query: q, Limit: 2,
			Visible: func(r store.Row) (bool, error) { judged++; return r.Facts.Patients[0] == "Patient/2", nil },
			Sight:   func(string, int64) (*store.Sight, error) { return sight, nil },
		}
		for {
			page, err := s.Search(t.Context(), ask)
			a.must(err)
			for _, m := range page.Matches {
				found = append(found, m.Ref.ID)
			}
			for _, p := range page.Selected.Hidden {
				hidden[p] = true
			}
			if pages++; pages == 1 && (page.Selected.Broad() != (patients == 300) || len(hidden) < named) {
				t.Errorf("%d patients: the first page names %d, broad: %t", patients, len(hidden), page.Selected.Broad())
			}
			if ask.After = page.Next; page.Next == nil {
				break
			}
		}
		if strings.Join(found, " ") != "o2 o302 o602" || judged > 40 || len(hidden) < named {
			t.Errorf("%d patients: found %v, judged %d, %d are named as hidden", patients, found, judged, len(hidden))
		}
	}
}
