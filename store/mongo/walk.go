package mongo

import (
	"encoding/json"
	"iter"
	"math"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// orders are the values by which most lists of a type are sorted (search.Principal). They
// are scalar: the order of an index on an array is that of its lowest or highest element.
type orders struct {
	Date orderValue `bson:"d"`
	Name orderValue `bson:"n"`
}

// orderValue is what a resource is sorted by going up and going down, "" for no value.
type orderValue struct {
	Up   string `bson:"l"`
	Down string `bson:"h"`
}

func newOrders(typ string, x *search.Index) *orders {
	var o orders
	date, name := search.Principal(typ)
	for _, v := range x.Sorts {
		switch v.Param {
		case date:
			o.Date = orderValue{v.Lo, v.Hi}
		case name:
			o.Name = orderValue{v.Lo, v.Hi}
		}
	}
	return &o
}

// order is an index that is in a wanted order: of a field, and of places.
type order struct {
	field, index string
	value        func(bson.RawValue) ([]byte, bool)
	encode       func([]byte) any
	valued       bool // everything has a value
}

func textOrder(field, index string) *order {
	return &order{field: field, index: index, encode: func(v []byte) any { return string(v) }, value: func(v bson.RawValue) ([]byte, bool) {
		s, ok := v.StringValueOK()
		return append([]byte{}, s...), ok
	}}
}

// order is nil if no index has the order.
func (x *reader) order(typ string, by search.SortBy) *order {
	date, name := search.Principal(typ)
	switch by.Param {
	case "_lastUpdated":
		return &order{field: "lu", index: updatedIndex, valued: true, value: func(v bson.RawValue) ([]byte, bool) {
			ms, ok := v.DateTimeOK()
			return search.AppendTime(nil, ms), ok
		}, encode: func(v []byte) any {
			ms, _ := search.ParseTime(string(v))
			return bson.DateTime(ms)
		}}
	case "":
		return nil
	case date:
		return textOrder(pick(by.Desc, "q.d.h", "q.d.l"), pick(by.Desc, dateDownIndex, dateUpIndex))
	case name:
		return textOrder(pick(by.Desc, "q.n.h", "q.n.l"), pick(by.Desc, nameDownIndex, nameUpIndex))
	}
	return nil
}

func pick[T any](one bool, a, b T) T {
	if one {
		return a
	}
	return b
}

// Ordered says that the orders by which most lists are sorted are kept, by time of writing
// and by id, too.
func (x *reader) Ordered(typ string, by search.SortBy) bool {
	return by.Param == "_id" || x.order(typ, by) != nil
}

// walk is one walk. after is where it goes on.
type walk struct {
	*reader
	*order
	typ   string
	desc  bool
	after *plan.Entry
	pass  func(int) error
}

// Walk reads entries in growing chunks, without reading the documents.
func (x *reader) Walk(typ string, o plan.Order, pass func(int) error) iter.Seq2[plan.Entry, error] {
	return func(yield func(plan.Entry, error) bool) {
		if o.Param == "_id" {
			x.walkIDs(typ, o, pass, yield)
			return
		}
		w := &walk{reader: x, order: x.order(typ, o.SortBy), typ: typ, desc: o.Desc, after: o.After, pass: pass}
		if (o.After == nil || o.After.Value != nil) && !w.all(w.values, yield) || o.Valued || w.valued {
			return
		}
		if w.after == nil || w.after.Value != nil {
			w.after = &plan.Entry{Place: plan.Before(o.Desc)}
		}
		w.all(w.missing, yield)
	}
}

// The size of the chunks in which a walk reads.
const (
	firstChunk = 64
	lastChunk  = 1024
)

// all gives what read reads. It is false when no more is wanted.
func (w *walk) all(read func(limit int) ([]plan.Entry, error), yield func(plan.Entry, error) bool) bool {
	for n := firstChunk; ; n = min(4*n, lastChunk) {
		some, err := read(n)
		if err == nil {
			err = w.pass(len(some) + store.RowSteps)
		}
		if err != nil {
			yield(plan.Entry{}, err)
			return false
		}
		for _, e := range some {
			if !yield(e, nil) {
				return false
			}
		}
		if len(some) < n {
			return true
		}
		w.after = &some[len(some)-1]
	}
}

// values reads entries after w.after: of the same value, then of others.
func (w *walk) values(limit int) (all []plan.Entry, err error) {
	if w.after != nil {
		if all, err = w.of(w.encode(w.after.Value), limit); err != nil || len(all) == limit {
			return all, err
		}
	}
	beyond := bson.D{{Key: "$gt", Value: ""}}
	switch {
	case w.after != nil && w.desc:
		beyond = append(bson.D{{Key: "$lt", Value: w.encode(w.after.Value)}}, beyond...)
	case w.after != nil:
		beyond = bson.D{{Key: "$gt", Value: w.encode(w.after.Value)}}
	case w.field == "lu":
		beyond = bson.D{{Key: "$gte", Value: bson.DateTime(math.MinInt64)}}
	}
	if w.field == "lu" && w.after != nil && w.desc {
		beyond = beyond[:1]
	}
	more, err := w.entries(bson.D{{Key: w.field, Value: beyond}}, limit-len(all))
	return append(all, more...), err
}

// of reads entries of one value after the place of w.after.
func (w *walk) of(value any, limit int) ([]plan.Entry, error) {
	place := bson.D{{Key: pick(w.desc, "$lt", "$gt"), Value: w.after.Place}}
	return w.entries(bson.D{{Key: w.field, Value: value}, {Key: "o", Value: place}}, limit)
}

// missing reads what has no value.
func (w *walk) missing(limit int) ([]plan.Entry, error) {
	all, err := w.of("", limit)
	for i := range all {
		all[i].Value = nil
	}
	return all, err
}

// entries reads from the index alone.
func (w *walk) entries(filter bson.D, limit int) (all []plan.Entry, err error) {
	direction := pick(w.desc, -1, 1)
	o := options.Find().SetHint(w.index).SetLimit(int64(limit)).SetBatchSize(int32(limit)).
		SetSort(bson.D{{Key: w.field, Value: direction}, {Key: "o", Value: direction}}).
		SetProjection(bson.D{{Key: "_id", Value: 0}, {Key: w.field, Value: 1}, {Key: "o", Value: 1}})
	filter = append(bson.D{{Key: "r", Value: w.s.in(w.typ)}}, filter...)
	path := strings.Split(w.field, ".")
	err = eachRaw(w.ctx, w.s.resources, filter, o, func(doc bson.Raw) error {
		value, ok := w.value(doc.Lookup(path...))
		place, there := doc.Lookup("o").AsInt64OK()
		if !ok || !there {
			return damaged(w.s.in(w.typ), 0, w.field)
		}
		all = append(all, plan.Entry{Value: value, Place: place})
		return nil
	})
	return all, err
}

// walkIDs reads the places with the ids: no index has both. A walk over several types goes on
// after a resource of another type, which may have the id of one that comes next.
func (x *reader) walkIDs(typ string, o plan.Order, pass func(int) error, yield func(plan.Entry, error) bool) {
	in := x.s.in(typ)
	from, to := in, in+"\U0010FFFF"
	if o.After != nil && o.Desc {
		to = in + string(o.After.Value)
	} else if o.After != nil {
		from = in + string(o.After.Value)
	}
	w := &walk{reader: x, pass: pass}
	lowest, highest := pick(o.After != nil && !o.Desc, "$gte", "$gt"), pick(o.After != nil && o.Desc, "$lte", "$lt")
	w.all(func(limit int) (all []plan.Entry, err error) {
		find := options.Find().SetHint(byID).SetLimit(int64(limit)).SetBatchSize(int32(limit)).
			SetSort(bson.D{{Key: "_id", Value: pick(o.Desc, -1, 1)}}).SetProjection(bson.D{{Key: "o", Value: 1}})
		filter := bson.D{{Key: "_id", Value: bson.D{{Key: lowest, Value: from}, {Key: highest, Value: to}}}, {Key: "r", Value: in}} // without further key documents
		err = eachRaw(x.ctx, x.s.resources, filter, find, func(doc bson.Raw) error {
			id := doc.Lookup("_id").StringValue()
			*pick(o.Desc, &to, &from) = id
			all = append(all, plan.Entry{Value: []byte(strings.TrimPrefix(id, in)), Place: doc.Lookup("o").AsInt64()})
			return nil
		})
		lowest, highest = "$gt", "$lt"
		return all, err
	}, func(e plan.Entry, err error) bool {
		if err == nil && o.After != nil && o.Compare(e, *o.After) <= 0 {
			return true
		}
		return yield(e, err)
	})
}

// Written reads the history of the lanes that have written since. Its order is that of
// stamps, which become visible in order within a lane only.
func (x *reader) Written(typ string, at json.RawMessage, limit int) (places []int64, err error) {
	began, err := x.start(at)
	if err != nil {
		return nil, err
	}
	now, err := x.ends()
	if err != nil {
		return nil, err
	}
	lowest := int64(math.MaxInt64)
	for lane, end := range now {
		if end > began[lane] {
			lowest = min(lowest, began[lane])
		}
	}
	if lowest == math.MaxInt64 {
		return nil, nil
	}
	ids := map[string]bool{}
	filter := bson.D{{Key: "r", Value: x.s.in(typ)}, {Key: "w", Value: bson.D{{Key: "$gt", Value: lowest}}}}
	o := options.Find().SetHint(typeIndex).SetSort(bson.D{{Key: "w", Value: 1}}).SetProjection(bson.D{{Key: "w", Value: 1}})
	err = eachRaw(x.ctx, x.s.history, filter, o, func(doc bson.Raw) error {
		if !began.has(doc.Lookup("w").AsInt64()) {
			ids[resourceOf(doc.Lookup("_id").StringValue())] = true
		}
		if len(ids) > limit {
			return errStop
		}
		return nil
	})
	if err != nil || len(ids) > limit {
		return make([]int64, len(ids)), err
	}
	return x.placesOf(ids)
}

// placesOf are the places of resources.
func (x *reader) placesOf(ids map[string]bool) (places []int64, err error) {
	var some bson.A
	read := func() error {
		o := options.Find().SetHint(byID).SetProjection(bson.D{{Key: "o", Value: 1}})
		err := eachRaw(x.ctx, x.s.resources, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: some}}}}, o, func(doc bson.Raw) error {
			places = append(places, doc.Lookup("o").AsInt64())
			return nil
		})
		some = nil
		return err
	}
	for id := range ids {
		if some = append(some, id); len(some) == expectedAtOnce {
			if err := read(); err != nil {
				return nil, err
			}
		}
	}
	if len(some) == 0 {
		return places, nil
	}
	return places, read()
}
