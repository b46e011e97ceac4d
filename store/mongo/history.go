package mongo

import (
	"context"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// History returns versions newest first, in the order of their stamps.
func (s *Store) History(ctx context.Context, h store.History) (page store.Page, err error) {
	err = s.sets.Fresh(func(sets *search.Sets) error {
		return s.readSnapshot(ctx, "history", func(x *reader) error {
			page, err = search.History(x.ctx, x, search.Options{Epoch: x.epoch, Patience: s.patience, Batch: rowsBatch, Sets: sets, Passing: x}, &h)
			return err
		})
	})
	return page, err
}

var (
	_ search.HistoryReader = (*reader)(nil)
	_ search.Passing       = (*reader)(nil)
)

// Newest is the highest stamp.
func (x *reader) Newest() (int64, error) {
	rows, err := x.s.rows(x.ctx, x.s.history, bson.D{}, options.Find().
		SetSort(bson.D{{Key: "w", Value: -1}}).SetLimit(1).SetProjection(bson.D{{Key: "w", Value: 1}}))
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	return rows[0].Stamp, nil
}

// Past hints its index: otherwise the server may choose another.
func (x *reader) Past(h *store.History, lowest, highest int64, limit int) (rows []*search.Row, err error) {
	filter := bson.D{{Key: "w", Value: bson.D{{Key: "$lte", Value: highest}, {Key: "$gte", Value: lowest}}}}
	o := options.Find().SetSort(bson.D{{Key: "w", Value: -1}}).SetLimit(int64(limit))
	switch {
	case h.Type == "":
		o.SetHint(orderIndex)
	case h.ID == "":
		filter = append(bson.D{{Key: "r", Value: x.s.in(h.Type)}}, filter...)
		o.SetHint(typeIndex)
	default:
		ids := after(x.s.id(fhir.Ref{Type: h.Type, ID: h.ID}), 0)
		filter = append(bson.D{{Key: "_id", Value: ids}}, filter...)
		o.SetSort(bson.D{{Key: "_id", Value: -1}}).SetHint(byID)
	}
	err = x.s.eachRow(x.ctx, x.s.history, filter, o, enough(&rows))
	return rows, err
}

// Types has one list for all: many would be as many commands.
func (x *reader) Types() []string { return []string{""} }

// listed is what it costs to list a version, in entries of an index: its document and that of
// its resource are visited.
const listed = 8

// Stamps reads which versions there are, and then the places of their resources.
func (x *reader) Stamps(typ string, lowest, highest int64, limit int, pass func(int) error) (all []search.Stamped, err error) {
	filter := bson.D{{Key: "w", Value: bson.D{{Key: "$lte", Value: highest}, {Key: "$gte", Value: lowest}}}}
	o := options.Find().SetSort(bson.D{{Key: "w", Value: -1}}).SetLimit(int64(limit)).SetBatchSize(int32(limit) + 1).
		SetProjection(bson.D{{Key: "_id", Value: 1}, {Key: "w", Value: 1}}).SetHint(orderIndex)
	if typ != "" {
		filter = append(bson.D{{Key: "r", Value: x.s.in(typ)}}, filter...)
		o.SetHint(typeIndex)
	}
	of := map[string][]int{} // by resource
	err = eachRaw(x.ctx, x.s.history, filter, o, func(doc bson.Raw) error {
		id := resourceOf(doc.Lookup("_id").StringValue())
		of[id] = append(of[id], len(all))
		all = append(all, search.Stamped{Stamp: doc.Lookup("w").AsInt64(), Type: x.s.refOf(id).Type})
		return nil
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	o = options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}, {Key: "o", Value: 1}}).SetHint(byID).SetBatchSize(int32(len(of)) + 1)
	err = eachRaw(x.ctx, x.s.resources, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: slices.Collect(maps.Keys(of))}}}}, o, func(doc bson.Raw) error {
		for _, i := range of[doc.Lookup("_id").StringValue()] {
			all[i].Place = doc.Lookup("o").AsInt64()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, pass(listed * len(all))
}

// At reads versions together.
func (x *reader) At(stamps []int64) (rows []*search.Row, err error) {
	if len(stamps) == 0 {
		return nil, nil
	}
	o := options.Find().SetSort(bson.D{{Key: "w", Value: -1}}).SetHint(orderIndex)
	err = x.s.eachRow(x.ctx, x.s.history, bson.D{{Key: "w", Value: bson.D{{Key: "$in", Value: stamps}}}}, o, enough(&rows))
	return rows, err
}

// enough gathers rows until there are search.Enough.
func enough(rows *[]*search.Row) func(*search.Row) error {
	return func(r *search.Row) error {
		if *rows = append(*rows, r); search.Enough(*rows) {
			return errStop
		}
		return nil
	}
}

// after is the range of the _ids of later versions of a resource.
func after(resource string, version int64) bson.D {
	return bson.D{{Key: "$gt", Value: pastID(resource, version)}, {Key: "$lt", Value: resource + "0"}} // '0' follows '/'
}

// Later reads the later versions of all resources together.
func (x *reader) Later(than []*search.Row, visit func(*search.Row) error) error {
	var later bson.A
	for _, r := range than {
		later = append(later, bson.D{{Key: "_id", Value: after(x.s.id(r.Ref), r.Version)}})
	}
	return x.s.eachRow(x.ctx, x.s.history, bson.D{{Key: "$or", Value: later}},
		options.Find().SetProjection(bson.D{{Key: "f", Value: 1}, {Key: "v", Value: 1}, {Key: "lu", Value: 1}}), visit)
}
