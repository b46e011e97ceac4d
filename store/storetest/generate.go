package storetest

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// types are the types of generated resources; each may refer to the others.
var types = []string{"Patient", "Encounter", "Observation"}

// references are the reference parameters of a type.
var references = map[string][]string{
	"Patient":     {"link"},
	"Encounter":   {"subject", "part-of"},
	"Observation": {"subject", "encounter", "has-member"},
}

// generator makes resources and queries from a small alphabet, so that many match.
type generator struct {
	*rand.Rand
	ids int // ids per type
}

func newGenerator(seed uint64, ids int) *generator {
	return &generator{rand.New(rand.NewPCG(seed, 7)), ids}
}

func (g *generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *generator) ref(typ string) fhir.Ref {
	return fhir.Ref{Type: typ, ID: fmt.Sprintf("%c%d", typ[0]+'a'-'A', g.IntN(g.ids))}
}

// target is a reference for a parameter of a type; some point nowhere.
func (g *generator) target(typ, param string) fhir.Ref {
	switch param {
	case "subject", "link":
		return g.ref("Patient")
	case "part-of", "encounter":
		return g.ref("Encounter")
	}
	return g.ref(typ)
}

var words = []string{"anna", "annabel", "ben", "berta", "carl", "zoë"}

// index makes the index keys of a resource.
func (g *generator) index(ref fhir.Ref, facts *fhir.Facts) *search.Index {
	x := &search.Index{Keys: []string{"_id=" + ref.ID}}
	key := func(format string, a ...any) { x.Keys = append(x.Keys, fmt.Sprintf(format, a...)) }
	if g.IntN(4) > 0 {
		code := g.pick("a", "b", "c")
		key("code=s|%s", code)
		key("code=%s", code)
		key("code?")
		x.Sorts = append(x.Sorts, search.Sort{Param: "code", Lo: code, Hi: code})
	}
	if g.IntN(3) > 0 {
		first, second := g.pick(words...), g.pick(words...)
		key("name^%s", first)
		key("name^%s", second)
		key("name?")
		x.Sorts = append(x.Sorts, search.Sort{Param: "name", Lo: min(first, second), Hi: max(first, second)})
	}
	for _, param := range references[ref.Type] {
		if g.IntN(3) == 0 {
			continue
		}
		target := g.target(ref.Type, param)
		x.Keys = append(x.Keys, search.RefKey(param, target))
		facts.References = append(facts.References, target.String())
		if target.Type == "Patient" {
			facts.Patients = []string{target.String()}
			x.Keys = append(x.Keys, search.CompartmentKey(target.String()))
		}
	}
	for range g.IntN(3) {
		lo, hi := g.span()
		x.Dates = append(x.Dates, search.DateRange{Param: g.pick("date", "date", "code-date|a"), Lo: lo, Hi: hi})
	}
	for range g.IntN(3) {
		lo, hi := g.numbers()
		x.Numbers = append(x.Numbers, search.NumberRange{Param: g.pick("value|u", "value|v"), Lo: lo, Hi: hi})
	}
	slices.Sort(x.Keys)
	x.Keys = slices.Compact(x.Keys)
	return x
}

// span is an interval of any width, sometimes open at an end.
func (g *generator) span() (lo, hi int64) {
	lo = int64(g.IntN(100))
	hi = lo + int64(g.IntN(1<<g.IntN(7)))
	switch g.IntN(8) {
	case 0:
		hi = math.MaxInt64
	case 1:
		lo = math.MinInt64
	}
	return lo, hi
}

func (g *generator) numbers() (lo, hi string) {
	a, b := fmt.Sprintf("%02d", g.IntN(100)), fmt.Sprintf("%02d", g.IntN(100))
	return min(a, b), max(a, b)
}

// write makes the next version of a resource.
func (g *generator) write(ref fhir.Ref, expect int64, at time.Time) store.Write {
	w := store.Write{Ref: ref, Expect: expect, LastUpdated: at, Method: "PUT", Owner: g.pick(Organization, "other")}
	w.Facts = fhir.Facts{Type: ref.Type, ID: ref.ID, Start: 1, End: 0}
	if g.IntN(4) == 0 {
		w.Facts.Labels = []fhir.Coding{{System: "conf", Code: "R"}}
	}
	w.Index = g.index(ref, &w.Facts)
	w.Index.Dates = append(w.Index.Dates, search.DateRange{Param: "_lastUpdated", Lo: at.UnixMilli(), Hi: at.UnixMilli()})
	w.Body = fmt.Appendf(nil, `{"resourceType":%q,"id":%q,"meta":{"versionId":"%d"},"x":%q}`,
		ref.Type, ref.ID, expect+1, strings.Repeat("x", g.IntN(300)))
	w.Hash = sha256.Sum256(w.Body)
	return w
}

// tombstone deletes a version.
func tombstone(v store.Version, at time.Time) store.Write {
	return store.Write{
		Ref: v.Ref, Expect: v.Version, LastUpdated: at, Deleted: true, Method: "DELETE", Owner: v.Owner, Facts: v.Facts,
	}
}

// condition makes a condition for a type, nested up to depth.
func (g *generator) condition(typ string, depth int) search.Condition {
	n := 13
	if depth == 0 {
		n = 8
	}
	switch g.IntN(n) {
	case 0:
		return search.HasKey{Key: g.pick("code=s|a", "code=b", "code?", "name?", "code=none", "none=1")}
	case 1:
		param := g.pick(references[typ]...)
		return search.HasKey{Key: search.RefKey(param, g.target(typ, param))}
	case 2:
		from := "name^" + g.pick("a", "an", "anna", "b", "be", "z", "q")
		return search.KeyRange{From: from, To: from + "\U0010FFFF"}
	case 3:
		return search.Contains{Param: "name", Needle: g.pick("nn", "e", "ar", "x")}
	case 4, 5:
		lo, hi := g.span()
		return search.InDates{Param: g.pick("date", "code-date|a"), Prefix: g.prefix(), Lo: lo, Hi: hi}
	case 6:
		lo, hi := g.numbers()
		return search.InNumbers{Param: "value|u", Prefix: g.prefix(), Lo: lo, Hi: hi}
	case 7:
		return search.HasKey{Key: "_id=" + g.ref(typ).ID}
	case 8:
		return search.Not{C: g.condition(typ, depth-1)}
	case 9:
		return search.All{g.condition(typ, depth-1), g.condition(typ, depth-1)}
	case 10:
		return search.Any{g.condition(typ, depth-1), g.condition(typ, depth-1)}
	case 11:
		param := g.pick(references[typ]...)
		target := g.target(typ, param).Type
		return search.Chain{Param: param, Types: []string{target}, Where: g.condition(target, depth-1)}
	}
	source := g.pick(types...)
	return search.Reverse{Type: source, Param: g.pick(references[source]...), Where: g.condition(source, depth-1)}
}

func (g *generator) prefix() search.Prefix { return search.Prefix(g.IntN(int(search.Ap) + 1)) }

// hideRestricted and hideOthers are what callers may not see.
func hideRestricted(r store.Row) (bool, error) {
	return !slices.Contains(r.Facts.Labels, fhir.Coding{System: "conf", Code: "R"}), nil
}

func hideOthers(r store.Row) (bool, error) { return r.Owner == Organization, nil }

// fill commits a generated population, and updates and deletes some of it.
func (w *world) fill(g *generator) {
	w.Helper()
	for range 2 {
		for _, typ := range types {
			for i := range g.ids {
				w.mutate(g, fhir.Ref{Type: typ, ID: fmt.Sprintf("%c%d", typ[0]+'a'-'A', i)})
			}
		}
	}
}

// mutate writes or, rarely, deletes one resource, or leaves it alone.
func (w *world) mutate(g *generator, ref fhir.Ref) {
	w.Helper()
	all := w.model.of(ref)
	switch {
	case len(all) == 0 && g.IntN(5) == 0:
	case len(all) == 0:
		w.commit(g.write(ref, 0, w.tick()))
	case g.IntN(6) == 0 && !all[len(all)-1].Deleted:
		w.commit(tombstone(all[len(all)-1].Version, w.tick()))
	case g.IntN(2) == 0:
		w.commit(g.write(ref, int64(len(all)), w.tick()))
	}
}
