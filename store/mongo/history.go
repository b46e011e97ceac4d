package mongo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// The bounds of a history.
const (
	historyBatch  = 64      // versions read at once
	historyLimit  = 500_000 // versions examined for one page
	historyCostly = "The history would have to examine too many versions. Narrow it by resource or by _since."
)

// historian answers one page of a history.
type historian struct {
	s          *Store
	h          *store.History
	epoch      int64
	at         historyCursor
	protection *protection
	examined   int

	total int64
	kept  []*pastRow // up to Limit+1
}

// historyCursor is the newest stamp of the first page and the last version shown.
type historyCursor struct {
	Top  int64 `json:"t"`
	Last int64 `json:"l"`
}

// History returns versions newest first, in the order of their stamps.
func (s *Store) History(ctx context.Context, h store.History) (page store.Page, err error) {
	err = s.snapshot(ctx, func(ctx context.Context) error {
		page, err = s.historyPage(ctx, &h)
		return err
	})
	var known *fhir.Error
	if err != nil && !errors.As(err, &known) {
		err = fmt.Errorf("history: %w", err)
	}
	return page, err
}

func (s *Store) historyPage(ctx context.Context, h *store.History) (page store.Page, err error) {
	x := &historian{s: s, h: h, protection: newProtection(s)}
	if err := x.begin(ctx); err != nil {
		return page, err
	}
	if err := x.scan(ctx); err != nil {
		return page, err
	}
	page = store.Page{Total: -1, Epoch: x.epoch}
	if h.Count {
		page.Total = x.total
	}
	n := min(len(x.kept), h.Limit)
	if n > 0 && len(x.kept) > n {
		if page.Next, err = json.Marshal(historyCursor{Top: x.at.Top, Last: x.kept[n-1].V.Stamp}); err != nil {
			return page, err
		}
	}
	for _, r := range x.kept[:n] {
		v, err := r.full(s, x.epoch)
		if err != nil {
			return page, err
		}
		page.Matches = append(page.Matches, v)
	}
	return page, nil
}

func (x *historian) begin(ctx context.Context) (err error) {
	if x.epoch, err = x.s.epoch(ctx); err != nil {
		return err
	}
	x.at.Last = math.MaxInt64
	if x.h.After != nil {
		if json.Unmarshal(x.h.After, &x.at) != nil {
			return &fhir.Error{Kind: fhir.Invalid, Detail: "The paging link is not valid. Ask for the history again."}
		}
		return nil
	}
	var newest past
	_, err = found(x.s.history.FindOne(ctx, bson.D{}, options.FindOne().
		SetSort(bson.D{{Key: "w", Value: -1}}).SetProjection(bson.D{{Key: "w", Value: 1}})).Decode(&newest))
	x.at.Top = newest.V.Stamp
	return err
}

// selection is the part of the history that may belong to the page.
func (x *historian) selection(top, lowest int64) bson.D {
	between := bson.D{{Key: "$lte", Value: top}, {Key: "$gte", Value: lowest}}
	filter := bson.D{{Key: "w", Value: between}}
	switch {
	case x.h.Type == "":
	case x.h.ID == "":
		filter = append(bson.D{{Key: "r", Value: x.s.in(x.h.Type)}}, filter...)
	default:
		id := x.s.id(fhir.Ref{Type: x.h.Type, ID: x.h.ID})
		filter = append(bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: id + "/"}, {Key: "$lt", Value: id + "0"}}}}, filter...)
	}
	return filter
}

// options name the index: left alone, the server may take another.
func (x *historian) options() *options.FindOptionsBuilder {
	o := options.Find().SetSort(bson.D{{Key: "w", Value: -1}}).SetLimit(historyBatch)
	switch {
	case x.h.Type == "":
		return o.SetHint(orderIndex)
	case x.h.ID == "":
		return o.SetHint(typeIndex)
	}
	return o.SetSort(bson.D{{Key: "_id", Value: -1}}).SetHint(bson.D{{Key: "_id", Value: 1}})
}

// scan visits versions in batches. A stamp is never below its version's time, so
// since bounds the scan; at does not, because an old version may still be current.
func (x *historian) scan(ctx context.Context) error {
	lowest := lowestStamp(x.h.Since)
	for top := x.first(); ; {
		rows, err := x.read(ctx, top, lowest)
		if err != nil {
			return err
		}
		if err := x.protection.protect(ctx, rows); err != nil {
			return err
		}
		for _, r := range rows {
			if more, err := x.take(ctx, r); err != nil || !more {
				return err
			}
			top = r.V.Stamp - 1
		}
		if len(rows) < historyBatch {
			return nil
		}
	}
}

func (x *historian) read(ctx context.Context, top, lowest int64) ([]*pastRow, error) {
	cursor, err := x.s.history.Find(ctx, x.selection(top, lowest), x.options())
	if err != nil {
		return nil, err
	}
	defer cursor.Close(ctx)
	var rows []*pastRow
	for cursor.Next(ctx) {
		r := &pastRow{}
		if err := cursor.Decode(&r.past); err != nil {
			return nil, err
		}
		r.resource = resourceOf(r.ID)
		rows = append(rows, r)
	}
	return rows, cursor.Err()
}

// first is the stamp to begin with: counting begins at the top again.
func (x *historian) first() int64 {
	if x.h.Count || x.at.Last == math.MaxInt64 {
		return x.at.Top
	}
	return min(x.at.Top, x.at.Last-1)
}

func (x *historian) take(ctx context.Context, r *pastRow) (more bool, err error) {
	if x.examined++; x.examined > historyLimit {
		return false, &fhir.Error{Kind: fhir.TooCostly, Detail: historyCostly}
	}
	if ok, err := x.selected(ctx, r); err != nil || !ok {
		return true, err
	}
	if x.h.Visible != nil {
		row := store.Row{Ref: x.s.refOf(r.resource), Version: r.V.Version, Owner: r.V.Owner, Deleted: r.V.Deleted, Facts: &r.protected, Epoch: x.epoch}
		if ok, err := x.h.Visible(row); err != nil || !ok {
			return true, err
		}
	}
	x.total++
	if r.V.Stamp < x.at.Last && len(x.kept) <= x.h.Limit {
		x.kept = append(x.kept, r)
	}
	return x.h.Count || len(x.kept) <= x.h.Limit, nil
}

// selected applies since and at.
func (x *historian) selected(ctx context.Context, r *pastRow) (bool, error) {
	at := r.V.At.Time()
	if !x.h.Since.IsZero() && at.Before(x.h.Since) {
		return false, nil
	}
	if x.h.At.IsZero() || !at.Before(x.h.At) {
		return true, nil
	}
	var next past
	ok, err := found(x.s.history.FindOne(ctx, bson.D{{Key: "_id", Value: pastID(r.resource, r.V.Version+1)}},
		options.FindOne().SetProjection(bson.D{{Key: "lu", Value: 1}})).Decode(&next))
	if err != nil {
		return false, err
	}
	end := time.UnixMilli(math.MaxInt64)
	if ok {
		end = next.V.At.Time()
	}
	return end.UnixMilli() > x.h.At.UnixMilli(), nil
}
