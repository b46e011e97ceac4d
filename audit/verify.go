// Package audit is what operators do with data and records outside the gate: compare
// every stored version with the change logs (Verify), those that were purged with the entries
// by which they went, go on from where that was done
// before (VerifyFrom, VerifyTurn, Point), and make a patient's parts of all records
// unreadable (Erase).
//
// It answers no requests, decides about no access and shows no clinical data. It does
// not check the logs themselves (package ledgerbridge) or the index (the stores).
package audit

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// verifyPage is how many versions are read at once.
const verifyPage = 500

// openGroups is how many entries several nodes together may write at the same time: so
// far apart may the versions of one entry stand. One node writes one after the other.
const openGroups = 256

// Verify compares every stored version with the change logs of all nodes, and every
// entry of them with what is stored, in both directions. The logs themselves are
// checked by ledgerbridge (Journal), the index rows by the store.
func Verify(ctx context.Context, s store.Store, report func(store.Finding) error) error {
	_, err := VerifyFrom(ctx, s, Progress{}, report)
	return err
}

// verification walks versions newest first; those of one entry are neighbours, but
// for what other nodes wrote at the same time.
type verification struct {
	store      store.Store
	report     func(store.Finding) error
	logs       map[string]*changeLog
	groups     map[group][]store.Version     // entries of which more versions may come
	order      []group                       // the same, oldest first
	spread     int                           // so far apart, in groups, may the versions of one entry stand
	begun      int                           // groups so far
	skip       int                           // as many of them may lack versions that come before the walk
	versions   int64                         // so far
	wanting    int64                         // entries to compare whose versions have not come
	old        int                           // groups compared that need not be
	purges     map[group][]ledgerbridge.Item // by the entries of purges: what they removed, and the tombstones they wrote ...
	tombstones map[group]int                 // ... and how many those are
}

// group is the entry that wrote a version.
type group struct {
	source string
	seq    int64
	number int // of its versions' first, in the walk
}

// walk visits versions from a place in the history on, until enough says so after a
// page. It says whether it came to the end.
func (v *verification) walk(ctx context.Context, after []byte, enough func(next []byte) bool) (bool, error) {
	for {
		page, err := v.store.History(ctx, store.History{After: after, Limit: verifyPage, Purged: true})
		if err != nil {
			return false, fmt.Errorf("read versions: %w", err)
		}
		for i := range page.Matches {
			if err := v.version(ctx, &page.Matches[i]); err != nil {
				return false, err
			}
		}
		if after = page.Next; after == nil {
			return true, v.close(ctx, 0)
		}
		if enough(after) {
			return false, nil
		}
	}
}

func (v *verification) version(ctx context.Context, s *store.Version) error {
	v.versions++
	if what := contradiction(s); what != "" {
		if err := v.report(store.Finding{Table: "versions", Row: place(s), What: what}); err != nil {
			return err
		}
	}
	if v.logs[s.Source] == nil {
		return v.report(store.Finding{Table: "versions", Row: place(s), What: "names a change log that is none of the nodes'"})
	}
	if err := v.claimed(s); err != nil {
		return err
	}
	g := group{source: s.Source, seq: s.Seq}
	if v.groups[g] == nil {
		if err := v.close(ctx, v.spread-1); err != nil {
			return err
		}
		v.begun++
		v.order = append(v.order, group{s.Source, s.Seq, v.begun})
	}
	s.Body = nil // checked; only what identifies it is still needed
	v.groups[g] = append(v.groups[g], *s)
	return nil
}

// close compares the oldest groups with their entries until so many are left.
func (v *verification) close(ctx context.Context, left int) error {
	for len(v.order) > left {
		number := v.order[0].number
		g := group{source: v.order[0].source, seq: v.order[0].seq}
		if number > v.skip {
			if err := v.entry(ctx, g, v.groups[g]); err != nil {
				return err
			}
		}
		v.order = v.order[1:]
		delete(v.groups, g)
	}
	return nil
}

func place(s *store.Version) string { return fmt.Sprintf("%s/_history/%d", s.Ref, s.Version) }

// contradiction says how a version contradicts itself, "" if it does not.
func contradiction(s *store.Version) string {
	if s.Purged != "" {
		if len(s.Body) != 0 || !s.Deleted {
			return "was purged and has content"
		}
		return ""
	}
	if s.Deleted {
		if s.Hash != (fhir.Hash{}) || len(s.Body) != 0 {
			return "is a tombstone with content"
		}
		return ""
	}
	body, err := fhir.Open(s.Body)
	switch {
	case err != nil:
		return "holds bytes that are no FHIR resource"
	case body.Hash() != s.Hash:
		return "holds other bytes than its hash says"
	case body.Type() != s.Ref.Type || body.ID() != s.Ref.ID || body.Version() != s.Version:
		return "holds the bytes of another resource or version"
	case !body.LastUpdated().Equal(s.LastUpdated):
		return "was written at another time than its bytes say"
	}
	return ""
}

// entry compares a group with the entry that wrote it.
func (v *verification) entry(ctx context.Context, g group, written []store.Version) error {
	log := v.logs[g.source]
	e, err := log.entry(ctx, g.seq)
	if err != nil {
		return v.report(store.Finding{Table: "versions", Row: place(&written[0]), What: fmt.Sprintf("names entry %d, which cannot be read: %v", g.seq, err)})
	}
	switch again, asked := log.see(g.seq); {
	case e.Interaction == ledgerbridge.Purge && !again: // compared when all that it purged has come
		v.removed(g, written)
	case again:
		return v.report(store.Finding{Table: "versions", Row: place(&written[0]), What: fmt.Sprintf("stands apart from the other versions of entry %d", g.seq)})
	case asked:
		v.wanting--
	default:
		v.old++
	}
	for i := range written {
		if what := against(e, &written[i]); what != "" {
			if err := v.report(store.Finding{Table: "versions", Row: place(&written[i]), What: what}); err != nil {
				return err
			}
		}
	}
	if e.Interaction != ledgerbridge.Purge && !matches(e, written) {
		return v.report(store.Finding{Table: "versions", Row: place(&written[0]), What: fmt.Sprintf("is not what entry %d of the change log says was written", g.seq)})
	}
	return nil
}

// against compares the columns that a version's own hash does not cover.
func against(e ledgerbridge.Entry, s *store.Version) string {
	switch {
	case s.Owner != e.Organization:
		return "has another owner than the entry that wrote it"
	case s.Purged == "" && s.Deleted != (s.Method == "DELETE"):
		return "has a method that does not fit"
	case e.Interaction == "transaction" || e.Interaction == ledgerbridge.Purge:
		return ""
	case e.Type != s.Ref.Type || e.Version != s.Version: // the content has the id
		return "is not the resource that the entry names"
	case s.Method != methods[e.Interaction]:
		return "has another method than the entry that wrote it"
	}
	return ""
}

var methods = map[string]string{"create": "POST", "update": "PUT", "delete": "DELETE"}

// matches says whether the entry's content is that of the group.
func matches(e ledgerbridge.Entry, group []store.Version) bool {
	items := make([]ledgerbridge.Item, len(group))
	for i := range group {
		items[i] = group[i].Item()
	}
	content := ledgerbridge.Content(e.Interaction, items)
	return e.Content == hex.EncodeToString(content[:])
}
