package storetest

import (
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// included is what the model would add to matches.
func (m *model) included(matches []fhir.Ref, incs []fhir.Include, visible store.Visible) map[fhir.Ref]bool {
	rows := map[fhir.Ref]stored{}
	for _, v := range m.current() {
		if sees(visible, v) {
			rows[v.Ref] = v
		}
	}
	added := map[fhir.Ref]bool{}
	frontier := matches
	for round := 0; len(frontier) > 0; round++ {
		var next []fhir.Ref
		for _, ref := range frontier {
			for _, inc := range incs {
				if round > 0 && !inc.Iterate {
					continue
				}
				for _, r := range step(rows, rows[ref], inc) {
					if !added[r] && !slices.Contains(matches, r) {
						added[r] = true
						next = append(next, r)
					}
				}
			}
		}
		frontier = next
	}
	return added
}

// step follows one include from one row.
func step(rows map[fhir.Ref]stored, from stored, inc fhir.Include) (found []fhir.Ref) {
	refers := func(a, b stored) bool {
		for _, param := range references[a.Ref.Type] {
			if (inc.Param == "*" || inc.Param == param) && slices.Contains(a.index.Targets(param), b.Ref) {
				return true
			}
		}
		return false
	}
	for _, other := range rows {
		a, b := from, other
		if inc.Reverse {
			a, b = other, from
		}
		if a.Ref.Type == inc.Source && (inc.Target == "" || inc.Target == b.Ref.Type) && refers(a, b) {
			found = append(found, other.Ref)
		}
	}
	return found
}

func (w *world) includes(q *fhir.Query, visible store.Visible) {
	w.Helper()
	s := store.Search{Query: q, Visible: visible, Limit: 5}
	for {
		page, err := w.store.Search(w.Context(), s)
		w.check(err)
		want := w.model.included(refs(page.Matches), q.Include, visible)
		got := map[fhir.Ref]bool{}
		for _, r := range refs(page.Included) {
			if got[r] {
				w.Errorf("%s was included twice", r)
			}
			if !want[r] {
				w.Errorf("include %+v of %v: %s does not belong here", q.Include, refs(page.Matches), r)
			}
			got[r] = true
		}
		if len(got) != len(want) {
			w.Errorf("include %+v of %v: got %d, want %d", q.Include, refs(page.Matches), len(got), len(want))
		}
		if page.Next == nil {
			return
		}
		s.After = page.Next
	}
}

func testInclude(w *world) {
	g := newGenerator(500, 15)
	w.fill(g)
	for _, inc := range [][]fhir.Include{
		{{Source: "Observation", Param: "subject"}},
		{{Source: "Observation", Param: "subject", Target: "Encounter"}},
		{{Source: "Observation", Param: "*"}},
		{{Source: "Encounter", Param: "subject"}},
		{{Source: "Observation", Param: "has-member"}},
		{{Reverse: true, Source: "Observation", Param: "has-member"}},
		{{Reverse: true, Source: "Observation", Param: "*"}, {Source: "Observation", Param: "encounter"}},
		{{Reverse: true, Source: "Observation", Param: "*", Target: "Patient"}},
	} {
		for _, visible := range callers {
			w.includes(&fhir.Query{Type: "Observation", Where: fhir.All{g.condition("Observation", 1)}, Include: inc}, visible)
		}
	}
	for _, visible := range callers {
		w.includes(&fhir.Query{Type: "Patient", Where: fhir.All{}, Include: []fhir.Include{
			{Reverse: true, Source: "Encounter", Param: "subject"}, {Reverse: true, Source: "Observation", Param: "subject"},
		}}, visible)
	}
}

func testIterate(w *world) {
	g := newGenerator(501, 6)
	w.fill(g)
	for _, visible := range callers {
		w.includes(&fhir.Query{Type: "Observation", Where: fhir.All{}, Include: []fhir.Include{
			{Source: "Observation", Param: "encounter"}, {Source: "Encounter", Param: "subject", Iterate: true},
		}}, visible)
		w.includes(&fhir.Query{Type: "Patient", Where: fhir.All{}, Include: []fhir.Include{
			{Reverse: true, Source: "Encounter", Param: "subject"}, {Reverse: true, Source: "Observation", Param: "encounter", Iterate: true},
		}}, visible)
	}
}
