package audit

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// claimed notes by which entry a version says that it was purged.
func (v *verification) claimed(s *store.Version) error {
	if s.Purged == "" {
		return nil
	}
	source, seq, err := ledgerbridge.ParsePlace(s.Purged)
	if err != nil || v.logs[source] == nil {
		return v.report(store.Finding{Table: "versions", Row: place(s), What: "says that it was purged by what is no entry of a change log"})
	}
	g := group{source: source, seq: seq}
	v.purges[g] = append(v.purges[g], s.Item())
	return nil
}

// purged counts the versions that say they were purged, by entry.
func (v *verification) purged() map[string]int {
	n := map[string]int{}
	for g, items := range v.purges {
		n[ledgerbridge.Place(g.source, g.seq)] = len(items) - v.tombstones[g]
	}
	return n
}

// removed notes what the entry of a purge wrote: the tombstones of what was there.
func (v *verification) removed(g group, written []store.Version) {
	v.tombstones[g] = len(written)
	for i := range written {
		if written[i].Purged == ledgerbridge.Place(g.source, g.seq) { // noted already
			continue
		}
		v.purges[g] = append(v.purges[g], written[i].Item())
	}
}

// checkPurges compares what was purged with the entries that say so: that they are such
// entries and, if all versions were looked at, that they name exactly these.
func (v *verification) checkPurges(ctx context.Context, whole bool) error {
	for g, items := range v.purges {
		e, err := v.logs[g.source].entry(ctx, g.seq)
		what := ""
		switch content := ledgerbridge.Content(ledgerbridge.Purge, items); {
		case err != nil:
			what = fmt.Sprintf("say that entry %d purged them, which cannot be read: %v", g.seq, err)
		case e.Interaction != ledgerbridge.Purge || e.Decision != "permit":
			what = fmt.Sprintf("say that entry %d purged them, which is about something else", g.seq)
		case whole && e.Content != hex.EncodeToString(content[:]):
			what = fmt.Sprintf("are not the versions that entry %d says it purged", g.seq)
		}
		if what == "" {
			continue
		}
		row := fmt.Sprintf("%s/_history/%d and others", items[0].Ref, items[0].Version)
		if err := v.report(store.Finding{Table: "versions", Row: row, What: what}); err != nil {
			return err
		}
	}
	if !whole {
		return nil
	}
	return v.unpurged(ctx)
}

// unpurged finds entries that purged what is still there.
func (v *verification) unpurged(ctx context.Context) error {
	for _, log := range v.logs {
		err := log.saying(ctx, func(seq int64, e *ledgerbridge.Entry) error {
			if e.Interaction != ledgerbridge.Purge || v.purges[group{source: log.Source(), seq: seq}] != nil {
				return nil
			}
			return v.report(store.Finding{Table: "changes", Row: fmt.Sprint(seq), What: "says that versions were purged, and none names it"})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
