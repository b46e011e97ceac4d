package storetest

import (
	"bytes"
	"cmp"
	"reflect"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// model is what a store should hold: every version in the order of writing, and
// the resources in the order of creation.
type model struct {
	versions  []stored
	resources []fhir.Ref
	last      map[fhir.Ref]stored // the newest version of each resource
	now       []stored            // see current; nil after a change
	epoch     int64
}

// stored is one version with the index it was written with.
type stored struct {
	store.Version
	index *search.Index
}

func (m *model) apply(writes []store.Write, r ledgerbridge.Receipt) {
	if m.last == nil {
		m.last = map[fhir.Ref]stored{}
	}
	m.now = nil
	consent := false
	for _, w := range writes {
		if w.Expect == 0 {
			m.resources = append(m.resources, w.Ref)
		}
		v := stored{store.Version{
			Ref: w.Ref, Version: w.Expect + 1, LastUpdated: w.LastUpdated, Deleted: w.Deleted, Method: w.Method,
			Owner: w.Owner, Body: w.Body, Hash: w.Hash, Facts: w.Facts, Source: r.Source, Seq: r.Seq,
		}, w.Index}
		m.versions, m.last[w.Ref] = append(m.versions, v), v
		consent = consent || store.Governs(w.Ref.Type)
	}
	if consent {
		m.epoch++
	}
}

// of gives the versions of one resource, oldest first.
func (m *model) of(ref fhir.Ref) []stored {
	var all []stored
	for _, v := range m.versions {
		if v.Ref == ref {
			all = append(all, v)
		}
	}
	return all
}

// current gives the undeleted resources in the order of creation.
func (m *model) current() []stored {
	if m.now != nil {
		return m.now
	}
	for _, ref := range m.resources {
		if v := m.last[ref]; !v.Deleted {
			m.now = append(m.now, v)
		}
	}
	return m.now
}

// search is what a query should find, in order.
func (m *model) search(q *search.Query, visible store.Visible) []fhir.Ref {
	return m.seenBy(visible).search(q)
}

// view is what one caller may see of the current resources, in the order of
// creation: the brute-force evaluator. It knows no index and no plan.
type view struct {
	holders []search.Holder
	rows    map[fhir.Ref]stored
}

func (m *model) seenBy(visible store.Visible) view {
	v := view{rows: map[fhir.Ref]stored{}}
	for _, s := range m.current() {
		if sees(visible, s) {
			v.holders = append(v.holders, search.Holder{Ref: s.Ref, Index: s.index})
			v.rows[s.Ref] = s
		}
	}
	return v
}

// search judges every resource.
func (v view) search(q *search.Query) []fhir.Ref {
	var found []fhir.Ref
	for _, h := range v.holders {
		if v.matches(q, h) {
			found = append(found, h.Ref)
		}
	}
	if n := len(q.Sort); n > 0 && q.Sort[n-1].Desc { // alike ones come in this direction, too
		slices.Reverse(found)
	}
	slices.SortStableFunc(found, func(a, b fhir.Ref) int {
		for _, s := range q.Sort {
			if n := compareBy(v.rows[a], v.rows[b], s); n != 0 {
				return n
			}
		}
		return 0
	})
	return found
}

func (v view) matches(q *search.Query, h search.Holder) bool {
	return slices.ContainsFunc(q.Parts(), func(p search.Part) bool { return h.Ref.Type == p.Type && search.Match(p.Where, h, v.holders) })
}

// compareBy orders by one criterion, resources without a value last in both directions.
func compareBy(a, b stored, s search.SortBy) int {
	x, hasX := sortValue(a, s)
	y, hasY := sortValue(b, s)
	switch {
	case !hasX || !hasY:
		return cmp.Compare(boolInt(hasY), boolInt(hasX))
	case s.Desc:
		return strings.Compare(y, x)
	}
	return strings.Compare(x, y)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sortValue(v stored, s search.SortBy) (string, bool) {
	switch s.Param {
	case "_id":
		return v.Ref.ID, true
	case "_lastUpdated":
		return v.LastUpdated.UTC().Format("2006-01-02T15:04:05.000"), true
	}
	for _, x := range v.index.Sorts {
		if x.Param == s.Param {
			if s.Desc {
				return x.Hi, true
			}
			return x.Lo, true
		}
	}
	return "", false
}

func sees(visible store.Visible, v stored) bool {
	if visible == nil {
		return true
	}
	ok, err := visible(store.Row{Ref: v.Ref, Version: v.Version.Version, Owner: v.Owner, Deleted: v.Deleted, Facts: &v.Facts})
	return ok && err == nil
}

func refs(versions []store.Version) []fhir.Ref {
	all := make([]fhir.Ref, len(versions))
	for i, v := range versions {
		all[i] = v.Ref
	}
	return all
}

// same compares a version with what was written, all but the epoch.
func (w *world) same(got store.Version, want stored) {
	w.Helper()
	if !got.LastUpdated.Equal(want.LastUpdated) {
		w.Errorf("%s version %d: last updated %v, want %v", want.Ref, want.Version.Version, got.LastUpdated, want.LastUpdated)
	}
	if !bytes.Equal(got.Body, want.Body) || (got.Body == nil) != (want.Body == nil) {
		w.Errorf("%s version %d: body %q, want %q", want.Ref, want.Version.Version, got.Body, want.Body)
	}
	a, b := got, want.Version
	a.Epoch, a.LastUpdated = b.Epoch, b.LastUpdated
	a.Body, b.Body, a.Content = nil, nil, nil
	if !reflect.DeepEqual(normal(a), normal(b)) {
		w.Errorf("%s version %d:\n got %+v\nwant %+v", want.Ref, want.Version.Version, a, b)
	}
}

// normal replaces empty lists by nil.
func normal(v store.Version) store.Version {
	f := &v.Facts
	for _, list := range []*[]string{&f.Patients, &f.Profiles, &f.References, &f.Authors} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	for _, list := range []*[]fhir.Coding{&f.Labels, &f.Codes} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	f.LaterCodes = slices.Clone(f.LaterCodes) // which came first means nothing
	slices.SortFunc(f.LaterCodes, func(a, b fhir.Coding) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Code, b.Code))
	})
	return v
}
