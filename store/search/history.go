package search

import (
	"context"
	"encoding/json"
	"math"

	"github.com/aceso-health/aceso/store"
)

// HistoryReader reads all versions in one snapshot of a store.
type HistoryReader interface {
	// Newest is the highest stamp.
	Newest() (int64, error)
	// Past reads up to limit versions, newest first, with stamps from lowest to highest
	// and the type and id of h, if it has them. It ends early when it has Enough.
	Past(h *store.History, lowest, highest int64, limit int) ([]*Row, error)
	// Later visits, in any order, all versions after some versions of different
	// resources. Their rows need only Ref, Version, Updated and facts.
	Later(than []*Row, visit func(*Row) error) error
}

// historyBatch is how many versions are read together.
const historyBatch = 64

// historian answers one page of a history.
type historian struct {
	*past
	*passer
	h     *store.History
	at    historyCursor
	total int64
	kept  []*Row // up to one more than the page has, which tells whether there is another
	size  int64  // of the documents of kept but the last
}

// historyCursor is the newest stamp of the first page and the last version shown.
type historyCursor struct {
	Top  int64 `json:"t"`
	Last int64 `json:"l"`
}

// History answers one page of a history, newest first by stamp.
func History(ctx context.Context, r HistoryReader, o Options, h *store.History) (page store.Page, err error) {
	x := &historian{past: newPast(r), passer: newPasser(ctx, o, h), h: h}
	if err := x.begin(); err != nil {
		return page, err
	}
	if err := x.scan(); err != nil {
		return page, err
	}
	x.keepSets()
	page = store.Page{Total: -1, Epoch: o.Epoch}
	if h.Count {
		page.Total = x.total
	}
	n := len(x.kept)
	if x.full() {
		n--
	}
	if n > 0 && len(x.kept) > n {
		if page.Next, err = json.Marshal(historyCursor{Top: x.at.Top, Last: x.kept[n-1].Stamp}); err != nil {
			return page, err
		}
	}
	page.Matches, err = Versions(x.kept[:n], o.Epoch)
	return page, err
}

func (x *historian) begin() (err error) {
	if x.h.After == nil {
		x.at.Last = math.MaxInt64
		x.at.Top, err = x.Newest()
		return err
	}
	if json.Unmarshal(x.h.After, &x.at) != nil {
		return BadLink("Ask for the history again.")
	}
	return nil
}

// scan visits versions in batches. A stamp is never below its version's time, so
// Since bounds the scan; At does not, because an old version may still be current.
func (x *historian) scan() error {
	for top := x.first(); ; {
		rows, last, err := x.following(top)
		if err != nil {
			return err
		}
		for i, r := range rows {
			if err := x.load(rows[i:], x.Batch); err != nil {
				return err
			}
			if more, err := x.take(r); err != nil || !more {
				return err
			}
			top = r.Stamp - 1
		}
		if last {
			return nil
		}
	}
}

// following reads the next versions. last says that there are no others.
func (x *historian) following(top int64) (rows []*Row, last bool, err error) {
	if !x.passes {
		rows, err = x.Past(x.h, x.lowest, top, historyBatch)
		return rows, len(rows) < historyBatch && !Enough(rows), err
	}
	room := historyBatch
	if !x.h.Count {
		room = min(room, max(x.Batch, x.h.Limit+1-len(x.kept)))
	}
	return x.rows(x.h.Type, top, room)
}

// first is the stamp to begin with: counting starts at the top again.
func (x *historian) first() int64 {
	if x.h.Count || x.at.Last == math.MaxInt64 {
		return x.at.Top
	}
	return min(x.at.Top, x.at.Last-1)
}

func (x *historian) take(r *Row) (more bool, err error) {
	if err := x.count(); err != nil {
		return false, err
	}
	replaced, err := x.protectPast(r)
	if err != nil {
		return false, err
	}
	if !x.selected(r, replaced) || r.Purged != "" && !x.h.Purged {
		return true, nil
	}
	if ok, err := sees(x.h.Visible, r, x.Epoch); err != nil || !ok {
		x.judged(r.Ref.Type)
		return true, err
	}
	x.total++
	if r.Stamp < x.at.Last && !x.full() {
		if n := len(x.kept); n > 0 {
			x.size += x.kept[n-1].size()
		}
		x.kept = append(x.kept, r)
	}
	return x.h.Count || !x.full(), nil
}

// full says that the last one kept is of the next page.
func (x *historian) full() bool {
	return len(x.kept) > x.h.Limit || x.h.Bytes > 0 && x.size >= x.h.Bytes
}

// Enough says that rows read together hold so many bytes of documents that no more should
// be read with them.
func Enough(rows []*Row) bool {
	held := 0
	for _, r := range rows {
		held += len(r.PackedBody)
	}
	return held >= maxHeld/4
}

// selected applies Since and At to a version, given when the next one replaced it.
func (x *historian) selected(r *Row, replaced int64) bool { return x.h.Selects(r.Updated, replaced) }
