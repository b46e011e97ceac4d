package mongo

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir/search"
	plan "github.com/aceso-health/aceso/store/search"
)

// row is a document of resources or history; search keys are decoded from it on demand.
type row struct {
	plan.Row
	s    *Store
	doc  bson.Raw
	typ  string // tenant/Type/, see Store.in
	base int32  // which of the bases in meta its keys depend on

	further int32           // how many further key documents there are ...
	docs    []bson.Raw      // ... and those, once they are read ...
	ctx     context.Context // ... in the snapshot of this
}

// read decodes a document by hand, because searches read very many, and keeps its bytes.
func (s *Store) read(doc bson.Raw) (*row, error) {
	r := &row{s: s, doc: doc}
	r.Columns, r.Keyless = r, true
	at := ""
	if !eachField(doc, func(name []byte, v bson.RawValue) bool {
		ok := r.field(name, v)
		if !ok {
			at = string(name)
		}
		return ok
	}) {
		return nil, r.Damaged(at)
	}
	return r, nil
}

// field is false if the value has the wrong type.
func (r *row) field(name []byte, v bson.RawValue) (ok bool) {
	ok = true
	switch string(name) {
	case "_id":
		var id string
		id, ok = v.StringValueOK()
		r.Ref = r.s.refOf(id)
	case "o":
		r.Place, ok = v.AsInt64OK()
	case "w":
		r.Stamp, ok = v.AsInt64OK()
	case "src":
		r.Source, ok = v.StringValueOK()
	case "seq":
		r.Seq, ok = v.AsInt64OK()
	case "r":
		r.typ, ok = v.StringValueOK()
	case "v":
		r.Version, ok = v.AsInt64OK()
	case "st":
		r.Deleted, ok = v.BooleanOK()
	case "lu":
		r.Updated, ok = v.DateTimeOK()
	case "m":
		r.Method, ok = v.StringValueOK()
	case "ow":
		r.Owner, ok = v.StringValueOK()
	case "b":
		r.base, ok = v.Int32OK()
	case "h":
		var hash []byte
		_, hash, ok = v.BinaryOK()
		copy(r.Hash[:], hash)
	case "k":
		r.Keyless = false // in full: nothing reads them in part
	case "x":
		r.further, ok = v.Int32OK()
	case "f":
		_, r.PackedFacts, ok = v.BinaryOK()
	case "pb":
		r.Purged, ok = v.StringValueOK()
	case "body":
		_, r.PackedBody, ok = v.BinaryOK()
	}
	return ok
}

// eachRow visits what a query finds in resources or history.
func (s *Store) eachRow(ctx context.Context, in *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder, visit func(*plan.Row) error) error {
	return eachRaw(ctx, in, filter, o, func(doc bson.Raw) error {
		r, err := s.read(slices.Clone(doc))
		if err != nil {
			return err
		}
		r.ctx = ctx
		return visit(&r.Row)
	})
}

// rows reads all that a query finds.
func (s *Store) rows(ctx context.Context, in *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder) (all []*plan.Row, err error) {
	err = s.eachRow(ctx, in, filter, o, func(r *plan.Row) error {
		all = append(all, r)
		return nil
	})
	return all, err
}

// id is the _id.
func (r *row) id() string {
	id, _ := r.doc.Lookup("_id").StringValueOK()
	return id
}

// Damaged is the error of a field that cannot be decoded.
func (r *row) Damaged(field string) error {
	if field == "facts" {
		field = "f"
	}
	return damaged(r.s.id(r.Ref), r.Version, field)
}

// DecodeIndex gives the search keys as fhir made them.
func (r *row) DecodeIndex() (*search.Index, error) {
	x, err := r.Ranges()
	if err != nil {
		return nil, err
	}
	all := *x
	for _, field := range []string{"k", "u"} {
		values, err := r.list(field)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			k, ok := v.StringValueOK()
			if !ok {
				return nil, r.Damaged(field)
			}
			if k, ok := strings.CutPrefix(k, r.typ); ok && !strings.HasPrefix(k, search.RowKey) { // others are the store's own
				all.Keys = append(all.Keys, k)
			}
		}
	}
	slices.Sort(all.Keys)
	return &all, nil
}

// DecodeRanges is DecodeIndex without the keys.
func (r *row) DecodeRanges() (*search.Index, error) {
	x := &search.Index{}
	dates, err := elements[dateRange](r, "d")
	if err != nil {
		return nil, err
	}
	for _, d := range dates {
		x.Dates = append(x.Dates, search.DateRange{Param: strings.TrimPrefix(d.Param, r.typ), Lo: d.Lo, Hi: d.Hi})
	}
	numbers, err := elements[numberRange](r, "n")
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		x.Numbers = append(x.Numbers, search.NumberRange{Param: strings.TrimPrefix(n.Param, r.typ), Lo: n.Lo, Hi: n.Hi})
	}
	sorts, err := r.sorts()
	if err != nil {
		return nil, err
	}
	for p, v := range sorts {
		x.Sorts = append(x.Sorts, search.Sort{Param: p, Lo: v.Lo, Hi: v.Hi})
	}
	return x, nil
}

// sorts are the sort values by parameter.
func (r *row) sorts() (sorts map[string]sortValue, err error) {
	if v := r.doc.Lookup("s"); v.Type != 0 {
		if err := v.Unmarshal(&sorts); err != nil {
			return nil, r.Damaged("s")
		}
	}
	return sorts, nil
}

// list has the arrays in a field of all documents of the resource.
func (r *row) list(field string) (all []bson.RawValue, err error) {
	docs, err := r.documents()
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		some, err := r.listIn(doc, field)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = some
		} else {
			all = append(all, some...)
		}
	}
	return all, nil
}

// listIn is the array in a field; an empty one may be stored as null.
func (r *row) listIn(doc bson.Raw, field string) ([]bson.RawValue, error) {
	v := doc.Lookup(field)
	if v.Type == 0 || v.Type == bson.TypeNull {
		return nil, nil
	}
	list, ok := v.ArrayOK()
	if !ok {
		return nil, r.Damaged(field)
	}
	values, err := list.Values()
	if err != nil {
		return nil, r.Damaged(field)
	}
	return values, nil
}

// elements decodes what is in an array.
func elements[T any](r *row, field string) ([]T, error) {
	values, err := r.list(field)
	if err != nil {
		return nil, err
	}
	all := make([]T, len(values))
	for i, v := range values {
		if err := v.Unmarshal(&all[i]); err != nil {
			return nil, r.Damaged(field)
		}
	}
	return all, nil
}
