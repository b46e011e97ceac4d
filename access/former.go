package access

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// former remembers which resources of the governing types have left somebody: Consents that
// were in the compartment of a patient and are deleted or another's now, roles and teams that
// named somebody and no longer do. What still names them a search finds. It is read from the
// history, once, and then from what was written since, if something was; it holds what has
// left, which is little.
type former struct {
	mu    sync.Mutex
	types map[string]*left
}

// left is what is known of one type.
type left struct {
	epoch   int64                 // of the store when the history was read last
	through time.Time             // up to when it was
	from    map[string][]fhir.Ref // what has left, by store.Governed
}

const (
	// rereadHistory is read again: what was stamped before a look may be committed after it.
	rereadHistory = time.Minute
	formerAtOnce  = 500
)

// of are the resources of a type that have left somebody, by a key of store.Governed.
func (f *former) of(ctx context.Context, s store.Store, typ, key string) ([]fhir.Ref, error) {
	if !store.Governs(typ) {
		return nil, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.types[typ]
	if l == nil {
		l = &left{epoch: -1, from: map[string][]fhir.Ref{}}
		if f.types == nil {
			f.types = map[string]*left{}
		}
		f.types[typ] = l
	}
	if err := l.catchUp(ctx, s, typ); err != nil {
		return nil, err
	}
	return slices.Clone(l.from[key]), nil
}

// catchUp reads what was written since, if anything that governs access was.
func (l *left) catchUp(ctx context.Context, s store.Store, typ string) error {
	_, epoch, err := s.ConsentChanges(ctx, math.MaxInt64) // of whom does not matter
	if err != nil || epoch == l.epoch {
		return err
	}
	h := store.History{Type: typ}
	if !l.through.IsZero() {
		h.Since = l.through.Add(-rereadHistory)
	}
	read, through := map[fhir.Ref]*governed{}, l.through
	err = eachPast(ctx, s, h, func(v *store.Version) {
		if read[v.Ref] == nil {
			read[v.Ref] = governing(v)
		}
		read[v.Ref].add(v)
		if v.LastUpdated.After(through) {
			through = v.LastUpdated
		}
	})
	if err != nil {
		return err
	}
	for ref, one := range read {
		if one.oldest > 1 { // those before named some, too
			if err := eachPast(ctx, s, store.History{Type: ref.Type, ID: ref.ID}, one.add); err != nil {
				return err
			}
		}
		l.note(ref, one)
	}
	l.epoch, l.through = epoch, through
	return nil
}

// eachPast visits the versions of a history, purged ones included, the newest first.
func eachPast(ctx context.Context, s store.Store, h store.History, visit func(*store.Version)) error {
	h.Limit, h.Purged, h.Visible = formerAtOnce, true, func(store.Row) (bool, error) { return true, nil }
	for {
		page, err := s.History(ctx, h)
		if err != nil {
			return err
		}
		for i := range page.Matches {
			visit(&page.Matches[i])
		}
		if h.After = page.Next; h.After == nil {
			return nil
		}
	}
}

// governed is what the versions that were read of a resource decided about.
type governed struct {
	now, ever []string // keys of store.Governed
	oldest    int64    // version
}

// governing begins with the newest version.
func governing(newest *store.Version) *governed {
	g := &governed{}
	if !newest.Deleted {
		g.now = store.Governed(&newest.Facts)
	}
	return g
}

func (g *governed) add(v *store.Version) {
	g.ever, g.oldest = store.Union(g.ever, store.Governed(&v.Facts)), v.Version
}

// note notes whom a resource has left: those whom its newest version no longer names.
func (l *left) note(ref fhir.Ref, g *governed) {
	for _, key := range g.ever {
		if !slices.Contains(g.now, key) && !slices.Contains(l.from[key], ref) {
			l.from[key] = append(l.from[key], ref)
		}
	}
}
