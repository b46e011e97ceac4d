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

// splitWard has 100 Observations of one patient with the codes a and b in turn, and a Split
// that shows those with a, hides those with b, and counts how often it is asked.
type splitWard struct {
	*author
	asked, judged int
	ask           store.Search
}

func newSplitWard(t *testing.T) *splitWard {
	t.Helper()
	w := &splitWard{author: eager(t)}
	w.sets.Least = 1000
	var writes []store.Write
	for i := range 100 {
		writes = append(writes, w.version(fmt.Sprintf("o%d", i), 0, coded("ab"[i%2:i%2+1])))
	}
	_, err := w.Commit(t.Context(), store.Change{Writes: writes, Entry: w.entry()})
	w.must(err)
	code := func(f *fhir.Facts) string { return f.Codes[0].Code }
	split := &store.Split{Name: "a is shown", Of: func(f *fhir.Facts) store.Sure {
		w.asked++
		return map[string]store.Sure{"a": store.Shown, "b": store.Hidden}[code(f)]
	}}
	group := store.Group{Name: "one", Patients: []string{"Patient/1"}, Split: split}
	sight := &store.Sight{Free: store.Hidden, Rest: store.Shown, Groups: []store.Group{group}}
	w.ask = store.Search{
		Query: &search.Query{Type: "Observation", Where: search.HasKey{Key: "status=final"}}, Count: true, NoBody: true,
		Sight:   func(string, int64) (*store.Sight, error) { return sight, nil },
		Visible: func(r store.Row) (bool, error) { w.judged++; return code(r.Facts) == "a", nil },
	}
	return w
}

func coded(code string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"x","code":"%s"}]},"subject":{"reference":"Patient/1"}}`, code)
}

// want searches, and compares the total, how many were asked, and how many were judged.
func (w *splitWard) want(total int64, asked, judged int) {
	w.Helper()
	w.asked, w.judged = 0, 0
	page, err := w.Search(w.Context(), w.ask)
	if err != nil || page.Total != total || w.asked != asked || w.judged != judged {
		w.Errorf("total %d, %d asked, %d judged, %v; want %d, %d, %d", page.Total, w.asked, w.judged, err, total, asked, judged)
	}
}

// What a Split says of a resource is asked once, however many searches want to know, and
// again when the resource has changed.
func TestSplitsAreAskedOnce(t *testing.T) {
	w := newSplitWard(t)
	w.want(50, 100, 0)
	w.want(50, 0, 0)
	w.put("o0", 1, coded("b"))
	w.want(49, 1, 0)
	w.put("o100", 0, coded("c"))
	w.want(49, 1, 1)
	w.want(49, 0, 1)
	w.remove(fhir.Ref{Type: "Observation", ID: "o2"})
	w.want(48, 0, 1)
}

// A search that is refused as too costly leaves to the next one what it was told.
func TestRefusedSearchesLeaveWhatSplitsSaid(t *testing.T) {
	w := newSplitWard(t)
	w.ask.Most = 60
	tried := 0
	for ; tried < 10; tried++ {
		if page, err := w.Search(t.Context(), w.ask); err == nil {
			if page.Total != 50 {
				t.Errorf("total %d", page.Total)
			}
			break
		}
	}
	if tried == 0 || tried == 10 {
		t.Errorf("answered after %d refusals", tried)
	}
}

// A Split shows nothing that is judged by itself, and nothing that does not certainly
// satisfy what is required of resources.
func TestSplitsShowNothingElse(t *testing.T) {
	w := newSplitWard(t)
	w.put("two", 0, strings.Replace(coded("a"), `"subject"`, `"performer":[{"reference":"Patient/2"}],"subject"`, 1)) // also another's
	w.want(51, 100, 1)
	w.put("o4", 1, strings.Replace(coded("a"), `"status"`, `"effectiveDateTime":"2020","status"`, 1))
	w.ask.Within = func(string) search.Condition { return search.HasKey{Key: "date?"} } // in no index
	w.ask.Visible = func(r store.Row) (bool, error) { return r.Ref.ID == "o4", nil }
	page, err := w.Search(t.Context(), w.ask)
	if err != nil || page.Total != 1 {
		t.Errorf("total %d, %v", page.Total, err)
	}
}

// A ranking is of what one Split hides, and no other's.
func TestRankingsAreOfOneSplit(t *testing.T) {
	w := newSplitWard(t)
	w.choice = plan.RankWhatIsSeen
	params, err := fhir.ParseParams("_sort=date")
	w.must(err)
	w.ask.Query, err = search.ParseQuery("Observation", params, search.QueryOptions{})
	w.must(err)
	w.ask.Count, w.ask.NoBody, w.ask.Limit = false, false, 200
	for _, shown := range []string{"a", "b", "a"} {
		split := &store.Split{Name: shown, Of: func(f *fhir.Facts) store.Sure {
			return map[bool]store.Sure{true: store.Shown, false: store.Hidden}[f.Codes[0].Code == shown]
		}}
		sight := &store.Sight{Free: store.Hidden, Rest: store.Hidden, Groups: []store.Group{{Name: "one", Patients: []string{"Patient/1"}, Split: split}}}
		w.ask.Sight = func(string, int64) (*store.Sight, error) { return sight, nil }
		w.ask.Visible = func(r store.Row) (bool, error) { return r.Facts.Codes[0].Code == shown, nil }
		for i := range 3 {
			w.put(fmt.Sprint(shown, i), w.version0(fmt.Sprint(shown, i)), coded("ab"[i%2:i%2+1])) // rankings catch up by what the Split says
			page, err := w.Search(t.Context(), w.ask)
			if err != nil || len(page.Matches) < 50 {
				t.Errorf("%s: %d shown, %v", shown, len(page.Matches), err)
			}
			for _, m := range page.Matches {
				if m.Facts.Codes[0].Code != shown {
					t.Errorf("%s shows %s", shown, m.Ref)
				}
			}
		}
	}
}

// version0 is the version of an Observation, 0 for one that there is not.
func (w *splitWard) version0(id string) int64 {
	v, err := w.Get(w.Context(), fhir.Ref{Type: "Observation", ID: id})
	if err != nil {
		return 0
	}
	return v.Version
}
