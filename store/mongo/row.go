package mongo

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// stored is a resource whose keys are decoded when somebody asks.
type stored struct {
	ID      string        `bson:"_id"`
	Order   int64         `bson:"o"`
	V       version       `bson:",inline"`
	Keys    bson.RawValue `bson:"k"`
	More    bson.RawValue `bson:"u"`
	Dates   bson.RawValue `bson:"d"`
	Numbers bson.RawValue `bson:"n"`
}

// row is a stored version in a search.
type row struct {
	stored
	s      *Store
	facts  *fhir.Facts
	index  *fhir.Index
	ranges *fhir.Index // without keys
}

var _ search.Row = (*row)(nil)

func (r *row) Ref() fhir.Ref  { return r.s.refOf(r.ID) }
func (r *row) Place() int64   { return r.Order }
func (r *row) Updated() int64 { return int64(r.V.At) }
func (r *row) Deleted() bool  { return r.V.Deleted }

// Seen is what a visibility function is shown.
func (r *row) Seen(epoch int64) (store.Row, error) {
	if r.facts == nil {
		f, err := r.V.facts(r.ID)
		if err != nil {
			return store.Row{}, err
		}
		r.facts = &f
	}
	return store.Row{Ref: r.Ref(), Version: r.V.Version, Owner: r.V.Owner, Deleted: r.V.Deleted, Facts: r.facts, Epoch: epoch}, nil
}

// Index gives the search keys as fhir made them.
func (r *row) Index() (*fhir.Index, error) {
	if r.index != nil {
		return r.index, nil
	}
	x, err := r.Ranges()
	if err != nil {
		return nil, err
	}
	all := *x
	for field, list := range map[string]bson.RawValue{"k": r.Keys, "u": r.More} {
		keys, err := elements[string](list)
		if err != nil {
			return nil, damaged(r.ID, &r.V, field)
		}
		for _, k := range keys {
			if k, ok := strings.CutPrefix(k, r.V.Type); ok { // others are the store's own
				all.Keys = append(all.Keys, k)
			}
		}
	}
	slices.Sort(all.Keys)
	r.index = &all
	return r.index, nil
}

// Ranges is Index without the keys.
func (r *row) Ranges() (*fhir.Index, error) {
	if r.ranges != nil {
		return r.ranges, nil
	}
	x := &fhir.Index{}
	dates, err := elements[dateRange](r.Dates)
	if err != nil {
		return nil, damaged(r.ID, &r.V, "d")
	}
	for _, d := range dates {
		x.Dates = append(x.Dates, fhir.DateRange{Param: strings.TrimPrefix(d.Param, r.V.Type), Lo: d.Lo, Hi: d.Hi})
	}
	numbers, err := elements[numberRange](r.Numbers)
	if err != nil {
		return nil, damaged(r.ID, &r.V, "n")
	}
	for _, n := range numbers {
		x.Numbers = append(x.Numbers, fhir.NumberRange{Param: strings.TrimPrefix(n.Param, r.V.Type), Lo: n.Lo, Hi: n.Hi})
	}
	for p, v := range r.V.Sorts {
		x.Sorts = append(x.Sorts, fhir.Sort{Param: p, Lo: v.Lo, Hi: v.Hi})
	}
	r.ranges = x
	return x, nil
}

// elements decodes an array; null and what is missing are empty.
func elements[T any](v bson.RawValue) (all []T, err error) {
	if v.Type == 0 || v.Type == bson.TypeNull {
		return nil, nil
	}
	return all, v.Unmarshal(&all)
}
