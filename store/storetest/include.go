package storetest

import (
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// included lists what the includes add to matches.
func (v view) included(matches []fhir.Ref, incs []search.Include) map[fhir.Ref]bool {
	added := map[fhir.Ref]bool{}
	frontier := matches
	for round := 0; len(frontier) > 0; round++ {
		var next []fhir.Ref
		for _, ref := range frontier {
			for _, inc := range incs {
				if round > 0 && !inc.Iterate {
					continue
				}
				for _, r := range v.step(v.rows[ref], inc) {
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
func (v view) step(from stored, inc search.Include) (found []fhir.Ref) {
	for _, other := range v.holders {
		a, b := search.Holder{Ref: from.Ref, Index: from.index}, other
		if inc.Reverse {
			a, b = b, a
		}
		if (inc.Source == "*" || a.Ref.Type == inc.Source) && (inc.Target == "" || inc.Target == b.Ref.Type) && refers(a, inc.Param, b) {
			found = append(found, other.Ref)
		}
	}
	return found
}

// refers says whether a reference parameter, or with "*" any, has the target.
func refers(from search.Holder, param string, to search.Holder) bool {
	return slices.ContainsFunc(search.CapabilityParams(from.Ref.Type), func(p fhir.CapabilityParam) bool {
		return p.Type == "reference" && (param == "*" || p.Name == param) && search.LeadsOut(from.Ref.Type, p.Name) && from.Refers(p.Name, to)
	})
}

func (w *world) includes(q *search.Query, visible store.Visible) {
	w.Helper()
	s := store.Search{Query: q, Visible: visible, Limit: 5}
	for {
		page, err := w.store.Search(w.Context(), s)
		w.check(err)
		w.included(q, &page, w.model.seenBy(visible))
		if page.Next == nil {
			return
		}
		s.After = page.Next
	}
}

// included compares what a page includes, in any order, with a view.
func (w *world) included(q *search.Query, page *store.Page, v view) {
	w.Helper()
	want := v.included(refs(page.Matches), q.Include)
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
}

func testInclude(w *world) {
	g := newGenerator(500, 15)
	w.fill(g)
	for _, inc := range [][]search.Include{
		{{Source: "Observation", Param: "subject"}},
		{{Source: "Observation", Param: "subject", Target: "Encounter"}},
		{{Source: "Observation", Param: "*"}},
		{{Source: "Encounter", Param: "subject"}},
		{{Source: "Observation", Param: "has-member"}},
		{{Reverse: true, Source: "Observation", Param: "has-member"}},
		{{Reverse: true, Source: "Observation", Param: "*"}, {Source: "Observation", Param: "encounter"}},
		{{Reverse: true, Source: "Observation", Param: "*", Target: "Patient"}},
		{{Reverse: true, Source: "*", Param: "*"}},
		{{Source: "*", Param: "*", Iterate: true}},
	} {
		for _, visible := range callers {
			w.includes(&search.Query{Type: "Observation", Where: search.All{g.condition("Observation", 1)}, Include: inc}, visible)
		}
	}
	for _, visible := range callers {
		w.includes(&search.Query{Type: "Patient", Where: search.All{}, Include: []search.Include{
			{Reverse: true, Source: "Encounter", Param: "subject"}, {Reverse: true, Source: "Observation", Param: "subject"},
		}}, visible)
	}
}

func testIterate(w *world) {
	g := newGenerator(501, 6)
	w.fill(g)
	for _, visible := range callers {
		w.includes(&search.Query{Type: "Observation", Where: search.All{}, Include: []search.Include{
			{Source: "Observation", Param: "encounter"}, {Source: "Encounter", Param: "subject", Iterate: true},
		}}, visible)
		w.includes(&search.Query{Type: "Patient", Where: search.All{}, Include: []search.Include{
			{Reverse: true, Source: "Encounter", Param: "subject"}, {Reverse: true, Source: "Observation", Param: "encounter", Iterate: true},
		}}, visible)
	}
}
