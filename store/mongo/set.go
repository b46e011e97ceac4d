package mongo

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir/search"
	plan "github.com/aceso-health/aceso/store/search"
)

// How many places a batch of a cursor has, and how many keys or ids one command names.
const (
	placesBatch  = 50_000
	namesAtOnce  = 20_000
	placesAtOnce = 5_000
)

// placesOnly projects a document to its place.
func placesOnly() *options.FindOptionsBuilder {
	return options.Find().SetProjection(bson.D{{Key: "_id", Value: 0}, {Key: "o", Value: 1}}).SetBatchSize(placesBatch)
}

// Live reads the places of a type.
func (x *reader) Live(typ string, to plan.Sink) error {
	return x.pour(bson.D{{Key: "r", Value: x.s.in(typ)}, {Key: "st", Value: false}}, typeIndex, to)
}

// Deleted reads the places of what is deleted of a type.
func (x *reader) Deleted(typ string, to plan.Sink) error {
	return x.pour(bson.D{{Key: "r", Value: x.s.in(typ)}, {Key: "st", Value: true}}, typeIndex, to)
}

// versionsAtOnce is of how many resources one command reads the versions.
const versionsAtOnce = 500

// Versions reads the ids of the resources, and then the versions of many together.
func (x *reader) Versions(typ string, places []int64, visit func(plan.Stamped)) error {
	for some := range slices.Chunk(places, versionsAtOnce) {
		of := map[string]int64{}
		var ids bson.A
		o := options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}, {Key: "o", Value: 1}}).SetHint(typeIndex).SetBatchSize(versionsAtOnce + 1)
		err := eachRaw(x.ctx, x.s.resources, bson.D{{Key: "r", Value: x.s.in(typ)}, {Key: "o", Value: bson.D{{Key: "$in", Value: some}}}}, o, func(doc bson.Raw) error {
			id := doc.Lookup("_id").StringValue()
			of[id] = doc.Lookup("o").AsInt64()
			ids = append(ids, bson.D{{Key: "_id", Value: after(id, 0)}})
			return nil
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		o = options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}, {Key: "w", Value: 1}})
		err = eachRaw(x.ctx, x.s.history, bson.D{{Key: "$or", Value: ids}}, o, func(doc bson.Raw) error {
			visit(plan.Stamped{Stamp: doc.Lookup("w").AsInt64(), Type: typ, Place: of[resourceOf(doc.Lookup("_id").StringValue())]})
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pour reads the places of what a filter finds, with an index if one is named.
func (x *reader) pour(filter bson.D, index string, to plan.Sink) error {
	o := placesOnly()
	if index != "" {
		o.SetHint(index)
	}
	n := 0
	err := eachRaw(x.ctx, x.s.resources, filter, o, func(doc bson.Raw) error {
		to.Add(doc.Lookup("o").AsInt64())
		if n++; n%passAtOnce > 0 {
			return nil
		}
		return to.Pass(passAtOnce)
	})
	if err != nil {
		return err
	}
	return to.Pass(n % passAtOnce)
}

// passAtOnce is how many entries are passed over between two calls of Pass.
const passAtOnce = 1000

// Gather is Collect without a limit.
func (x *reader) Gather(typ string, c search.Condition, to plan.Sink) error {
	filter, index := x.filter(typ, c)
	if filter == nil {
		return nil
	}
	if _, scans := c.(search.Contains); scans {
		if err := to.Pass(scanned); err != nil {
			return err
		}
	}
	return x.pour(filter, index, to)
}

// Joined names all keys in as few commands as there may be.
func (x *reader) Joined(typ, prefix string, rests []string, _ int64, to plan.Sink) error {
	begin := x.s.in(typ) + prefix
	for some := range slices.Chunk(rests, namesAtOnce) {
		keys := make(bson.A, len(some))
		for i, rest := range some {
			keys[i] = begin + rest
		}
		if err := x.pour(bson.D{{Key: "k", Value: bson.D{{Key: "$in", Value: keys}}}}, keyIndex, to); err != nil {
			return err
		}
	}
	return nil
}

// Targets reads the keys of all resources that have one with prefix.
func (x *reader) Targets(typ, prefix string, in func(int64) bool, visit func(string), pass func(int) error) error {
	begin := x.s.in(typ) + prefix
	o := options.Find().SetProjection(bson.D{{Key: "_id", Value: 0}, {Key: "o", Value: 1}, {Key: "k", Value: 1}}).SetHint(keyIndex)
	return eachRaw(x.ctx, x.s.resources, anyKey(span(begin, begin+"\U0010FFFF")), o, func(doc bson.Raw) error {
		if !in(doc.Lookup("o").AsInt64()) {
			return pass(1)
		}
		keys, err := doc.Lookup("k").Array().Values()
		if err != nil {
			return err
		}
		for _, k := range keys {
			if rest, ok := strings.CutPrefix(k.StringValue(), begin); ok {
				visit(rest)
			}
		}
		return pass(1)
	})
}

// IDs reads those of few places, or of all.
func (x *reader) IDs(typ string, places []int64, visit func(int64, string), pass func(int) error) error {
	filter := bson.D{{Key: "r", Value: x.s.in(typ)}, {Key: "st", Value: false}}
	if places != nil && len(places) <= placesAtOnce {
		filter = bson.D{{Key: "r", Value: x.s.in(typ)}, {Key: "o", Value: bson.D{{Key: "$in", Value: places}}}}
	}
	o := options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}, {Key: "o", Value: 1}}).SetHint(typeIndex).SetBatchSize(placesBatch)
	return eachRaw(x.ctx, x.s.resources, filter, o, func(doc bson.Raw) error {
		visit(doc.Lookup("o").AsInt64(), x.s.refOf(doc.Lookup("_id").StringValue()).ID)
		return pass(1)
	})
}

// Places names all ids in as few commands as there may be.
func (x *reader) Places(typ string, ids []string, to plan.Sink) error {
	in := x.s.in(typ)
	for some := range slices.Chunk(ids, namesAtOnce) {
		names := make(bson.A, len(some))
		for i, id := range some {
			names[i] = in + id
		}
		if err := x.pour(bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: names}}}}, "", to); err != nil {
			return err
		}
	}
	return nil
}

// Brief reads rows without documents and keys.
func (x *reader) Brief(typ string, places []int64) iter.Seq2[*plan.Row, error] {
	return func(yield func(*plan.Row, error) bool) {
		filter := bson.D{{Key: "r", Value: x.s.in(typ)}, {Key: "o", Value: bson.D{{Key: "$in", Value: places}}}}
		without := bson.D{{Key: "body", Value: 0}, {Key: "k", Value: 0}, {Key: "u", Value: 0}, {Key: "d", Value: 0}, {Key: "n", Value: 0}, {Key: "s", Value: 0}}
		rows, err := x.s.rows(x.ctx, x.s.resources, filter, options.Find().SetHint(typeIndex).SetBatchSize(int32(len(places)+1)).SetProjection(without))
		hand(rows, err, yield)
	}
}

// Since reads the history since the oldest end of those lanes that have a new one.
func (x *reader) Since(typ string, mark json.RawMessage, limit int) (rows []*plan.Row, is plan.Age, err error) {
	var since, now marks
	own, err := x.Mark()
	if err != nil {
		return nil, 0, err
	}
	if json.Unmarshal(mark, &since) != nil || json.Unmarshal(own, &now) != nil {
		return nil, 0, plan.BadLink("Search again.")
	}
	from, news := since.until(now)
	if from < 0 {
		return nil, plan.Later, nil
	}
	if !news {
		return nil, plan.Known, nil
	}
	ids, err := x.written(typ, since, from, limit)
	if err != nil || len(ids) > limit {
		return nil, plan.Distant, err
	}
	for some := range slices.Chunk(ids, placesAtOnce) {
		read, err := x.s.rows(x.ctx, x.s.resources, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: some}}}},
			options.Find().SetProjection(bson.D{{Key: "body", Value: 0}}))
		if err != nil {
			return nil, 0, err
		}
		rows = append(rows, read...)
	}
	return rows, plan.Known, nil
}

// until is where to read on from m to now: the oldest end in m of a lane that has a new one
// now, -1 if m is not before now.
func (m marks) until(now marks) (from int64, news bool) {
	for lane, end := range m {
		if now[lane] < end {
			return -1, false
		}
	}
	for lane, end := range now {
		if end > m[lane] && (!news || m[lane] < from) {
			from, news = m[lane], true
		}
	}
	return from, news
}

// written are the ids of the resources of a type that were written since; more than limit if
// it would have to read more than that.
func (x *reader) written(typ string, since marks, from int64, limit int) (ids []string, err error) {
	filter := bson.D{{Key: "r", Value: x.s.in(typ)}, {Key: "w", Value: bson.D{{Key: "$gt", Value: from}}}}
	o := options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}, {Key: "w", Value: 1}}).SetHint(typeIndex).
		SetLimit(int64(limit) + 1).SetBatchSize(int32(limit) + 1)
	n := 0
	err = eachRaw(x.ctx, x.s.history, filter, o, func(doc bson.Raw) error {
		n++
		if !since.has(doc.Lookup("w").AsInt64()) {
			ids = append(ids, resourceOf(doc.Lookup("_id").StringValue()))
		}
		return nil
	})
	slices.Sort(ids)
	if ids = slices.Compact(ids); n > limit {
		ids = make([]string, limit+1)
	}
	return ids, err
}
