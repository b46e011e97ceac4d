package mongo

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// stored is a resource whose keys and sort values are decoded on demand.
type stored struct {
	ID                         string
	Order                      int64
	V                          version // without Sorts
	Keys, More, Dates, Numbers bson.RawArray
	Sorts                      bson.RawValue
}

// read splits a document into its fields, which share its bytes: searches read very many.
func (r *stored) read(doc bson.Raw) error {
	elements, err := doc.Elements()
	if err != nil {
		return err
	}
	for _, e := range elements {
		if !r.field(e.Key(), e.Value()) {
			return damaged(r.ID, &r.V, e.Key())
		}
	}
	return nil
}

// field sets one field; it is false if the value has the wrong type.
func (r *stored) field(name string, v bson.RawValue) (ok bool) {
	ok = true
	switch name {
	case "_id":
		r.ID, ok = v.StringValueOK()
	case "o":
		r.Order, ok = v.AsInt64OK()
	case "k":
		r.Keys, ok = list(v)
	case "u":
		r.More, ok = list(v)
	case "d":
		r.Dates, ok = list(v)
	case "n":
		r.Numbers, ok = list(v)
	default:
		return r.versionField(name, v)
	}
	return ok
}

func (r *stored) versionField(name string, v bson.RawValue) (ok bool) {
	ok = true
	switch name {
	case "w":
		r.V.Stamp, ok = v.AsInt64OK()
	case "src":
		r.V.Source, ok = v.StringValueOK()
	case "seq":
		r.V.Seq, ok = v.AsInt64OK()
	case "r":
		r.V.Type, ok = v.StringValueOK()
	case "v":
		r.V.Version, ok = v.AsInt64OK()
	case "st":
		r.V.Deleted, ok = v.BooleanOK()
	case "lu":
		var ms int64
		ms, ok = v.DateTimeOK()
		r.V.At = bson.DateTime(ms)
	case "m":
		r.V.Method, ok = v.StringValueOK()
	case "ow":
		r.V.Owner, ok = v.StringValueOK()
	case "h":
		_, r.V.Hash, ok = v.BinaryOK()
	case "f":
		_, r.V.Facts, ok = v.BinaryOK()
	case "body":
		_, r.V.Body, ok = v.BinaryOK()
	case "s":
		r.Sorts = v
	}
	return ok
}

// row is a stored version in a search.
type row struct {
	stored
	ref    fhir.Ref
	facts  *fhir.Facts
	index  *search.Index
	ranges *search.Index // without keys
}

var _ plan.Row = (*row)(nil)

func (r *row) Ref() fhir.Ref  { return r.ref }
func (r *row) Place() int64   { return r.Order }
func (r *row) Updated() int64 { return int64(r.V.At) }
func (r *row) Deleted() bool  { return r.V.Deleted }

// Seen is the row that a visibility function gets.
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
func (r *row) Index() (*search.Index, error) {
	if r.index != nil {
		return r.index, nil
	}
	x, err := r.Ranges()
	if err != nil {
		return nil, err
	}
	all := *x
	for _, keys := range []bson.RawArray{r.Keys, r.More} {
		if keys == nil {
			continue
		}
		values, err := keys.Values()
		if err != nil {
			return nil, damaged(r.ID, &r.V, "k")
		}
		for _, v := range values {
			k, ok := v.StringValueOK()
			if !ok {
				return nil, damaged(r.ID, &r.V, "k")
			}
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
func (r *row) Ranges() (*search.Index, error) {
	if r.ranges != nil {
		return r.ranges, nil
	}
	x := &search.Index{}
	dates, err := elements[dateRange](r.Dates)
	if err != nil {
		return nil, damaged(r.ID, &r.V, "d")
	}
	for _, d := range dates {
		x.Dates = append(x.Dates, search.DateRange{Param: strings.TrimPrefix(d.Param, r.V.Type), Lo: d.Lo, Hi: d.Hi})
	}
	numbers, err := elements[numberRange](r.Numbers)
	if err != nil {
		return nil, damaged(r.ID, &r.V, "n")
	}
	for _, n := range numbers {
		x.Numbers = append(x.Numbers, search.NumberRange{Param: strings.TrimPrefix(n.Param, r.V.Type), Lo: n.Lo, Hi: n.Hi})
	}
	var sorts map[string]sortValue
	if r.Sorts.Type != 0 {
		if err := r.Sorts.Unmarshal(&sorts); err != nil {
			return nil, damaged(r.ID, &r.V, "s")
		}
	}
	for p, v := range sorts {
		x.Sorts = append(x.Sorts, search.Sort{Param: p, Lo: v.Lo, Hi: v.Hi})
	}
	r.ranges = x
	return x, nil
}

// list is an array; nil is stored as null.
func list(v bson.RawValue) (bson.RawArray, bool) {
	if v.Type == bson.TypeNull {
		return nil, true
	}
	return v.ArrayOK()
}

// elements decodes what is in an array.
func elements[T any](list bson.RawArray) ([]T, error) {
	if list == nil {
		return nil, nil
	}
	values, err := list.Values()
	if err != nil {
		return nil, err
	}
	all := make([]T, len(values))
	for i, v := range values {
		if err := v.Unmarshal(&all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}
