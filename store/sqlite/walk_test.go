package sqlite

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// found is what a search that walks finds, without types.
func (a *author) found(typ, text string) string {
	a.Helper()
	params, err := fhir.ParseParams(text)
	a.must(err)
	q, err := search.ParseQuery(typ, params, search.QueryOptions{})
	a.must(err)
	page, err := a.Search(a.Context(), store.Search{Query: q, Limit: 10})
	a.must(err)
	var ids []string
	for _, m := range page.Matches {
		ids = append(ids, m.Ref.ID)
	}
	return strings.Join(ids, " ")
}

// Ranges that begin alike are in the order of creation, however they end and however many.
func TestWalksOrderRangesThatBeginAlike(t *testing.T) {
	for _, short := range []int{chunk - 4, 2 * chunk} {
		s := open(t, t.TempDir(), options())
		s.choice = plan.WalkOrders
		a := newAuthor(t, s)
		put := func(id, end string) {
			a.put(id, 0, fmt.Sprintf(`{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"period":{"start":"2020-01-01T10:00:00Z","end":"2020-01-01T%sZ"}}`, end))
		}
		put("a", "11:40:00")
		put("b", "11:40:00")
		for i := range short {
			put(fmt.Sprint(i), "11:10:00")
		}
		if got := a.found("Encounter", "_sort=date"); !strings.HasPrefix(got, "a b 0 1 2") {
			t.Errorf("of %d: %s", short, got)
		}
	}
}

// A walk leaves out dates for which a condition on them does not hold, unless a resource has
// several: it may match by another than that by which it is sorted.
func TestWalksKeepThoseWithSeveralDates(t *testing.T) {
	s := open(t, t.TempDir(), options())
	s.choice = plan.WalkOrders
	a := newAuthor(t, s)
	goal := func(id string, due ...string) {
		targets := ""
		for i := range due {
			due[i] = fmt.Sprintf(`{"dueDate":"%s"}`, due[i])
			targets = `,"target":[` + strings.Join(due[:i+1], ",") + "]"
		}
		a.put(id, 0, fmt.Sprintf(`{"resourceType":"Goal","lifecycleStatus":"active","description":{"text":"x"},"subject":{"reference":"Patient/1"}%s}`, targets))
	}
	goal("late", "2022-01-01")
	goal("early", "2010-01-01")
	goal("none")
	for text, want := range map[string]string{"target-date=ge2020&_sort=target-date": "late", "target-date=lt2020&_sort=-target-date": "early"} {
		if got := a.found("Goal", text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	goal("both", "2010-02-01", "2021-01-01")
	for text, want := range map[string]string{
		"target-date=ge2020&_sort=target-date": "both late", "target-date=lt2020&_sort=-target-date": "both early", "_sort=-target-date": "late both early none",
	} {
		if got := a.found("Goal", text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// Every lane reads an index in its order: what is sorted is of one value.
func TestLanesNeedNoSorting(t *testing.T) {
	s := open(t, t.TempDir(), options())
	newAuthor(t, s).put("o", 0, observation(1, 1))
	err := s.read.read(t.Context(), func(c conn) error {
		x, err := newReader(c, &s.names)
		if err != nil {
			return err
		}
		for _, param := range []string{"_id", "_lastUpdated", "date", "code", "value-quantity", "patient"} {
			for _, desc := range []bool{false, true} {
				if err := x.checkLanes(t, plan.Order{SortBy: search.SortBy{Param: param, Desc: desc}}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (x *reader) checkLanes(t *testing.T, o plan.Order) error {
	lanes, err := x.lanes("Observation", o)
	if err == nil && len(lanes) == 0 {
		t.Errorf("no lanes for %v", o)
	}
	for _, l := range lanes {
		more, args := l.others(o.Desc)
		all := append(append([]any{}, l.args...), append(args, 10)...)
		err = x.each("EXPLAIN QUERY PLAN "+l.from+more, func(st *sqlite.Stmt) error {
			step := st.ColumnText(3)
			if strings.HasPrefix(step, "SCAN") || strings.Contains(step, "B-TREE FOR ORDER BY") {
				t.Errorf("%s: %s", l.from+more, step)
			}
			return nil
		}, all...)
		if err != nil {
			return err
		}
	}
	return err
}

// A sorted page that leaves out what is certainly hidden, on a walk or because it reads the
// rest, names whom that is about.
func TestWalksNameWhatTheyPassOver(t *testing.T) {
	s := open(t, t.TempDir(), options())
	a := newAuthor(t, s)
	var writes []store.Write
	for i := range 300 { // in December something is seen, in November is who is named late
		patient := 0
		switch {
		case i%12 == 11 && i < 72:
			patient = 1
		case i%12 == 10:
			patient = 2
		}
		writes = append(writes, a.version(fmt.Sprint("o", i), 0, observation(patient, i)))
	}
	_, err := a.Commit(t.Context(), store.Change{Writes: writes, Entry: a.entry()})
	a.must(err)
	params, err := fhir.ParseParams("_sort=date&status=final")
	a.must(err)
	q, err := search.ParseQuery("Observation", params, search.QueryOptions{})
	a.must(err)
	for how, choice := range map[string]plan.Choice{"walk": plan.WalkOrders, "cheapest": plan.Cheapest} {
		s.choice, s.patience = choice, plan.Patience{Many: 200}
		judged := 0
		page, err := s.Search(t.Context(), store.Search{
			Query: q, Limit: 5,
			Visible: func(r store.Row) (bool, error) { judged++; return r.Facts.Patients[0] == "Patient/1", nil },
			Sight: func(string, int64) (*store.Sight, error) {
				return &store.Sight{Rest: store.Hidden, Groups: []store.Group{{Name: "one", Is: store.Shown, Patients: []string{"Patient/1"}}}}, nil
			},
		})
		a.must(err)
		if got := page.Selected; strings.Join(got.Visible, " ") != "Patient/1" || len(got.Hidden) != 2 || len(page.Matches) != 5 || judged > 60 {
			t.Errorf("%s: %d were judged, %d are shown; selected are %v", how, judged, len(page.Matches), got)
		}
	}
}

// A walk that is narrowed by dates goes on where it was, and not from its beginning.
func TestWalksGoOnWhereTheyWere(t *testing.T) {
	s := open(t, t.TempDir(), options())
	a := newAuthor(t, s)
	a.put("o", 0, observation(1, 1))
	for _, desc := range []bool{false, true} {
		within := search.InDates{Param: "date", Prefix: search.Ge, Lo: 0, Hi: 1}
		a.must(s.snapshot(t.Context(), s.read, "walk", func(x *reader) error {
			lanes, err := x.lanes("Observation", plan.Order{SortBy: search.SortBy{Param: "date", Desc: desc}, Within: &within})
			for _, l := range lanes {
				l.after = &plan.Entry{Value: search.AppendTime(nil, 77), Place: 1}
				more, args := l.others(desc)
				if strings.Count(l.from+more, "lo >")+strings.Count(l.from+more, "lo <") > 2 || !slices.Contains(args, any(int64(77))) {
					t.Errorf("down %v: %s %v", desc, l.from+more, args)
				}
			}
			return err
		}))
	}
}
