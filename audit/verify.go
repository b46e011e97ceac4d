// Package audit is what operators do with data and records outside the gate: compare
// every stored version with the change logs (Verify), and make a patient's parts of all
// records unreadable (Erase).
//
// It answers no requests, decides about no access and shows no clinical data. It does
// not check the logs themselves (package ledgerbridge) or the index (the stores).
package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// verifyPage is how many versions are read at once.
const verifyPage = 500

// openGroups is how many entries all nodes together may write at the same time: so far
// apart may the versions of one entry stand.
const openGroups = 256

// Verify compares every stored version with the change logs of all nodes, and every
// entry of them with what is stored, in both directions. The logs themselves are
// checked by ledgerbridge (Journal), the index rows by the store.
func Verify(ctx context.Context, s store.Store, report func(store.Finding) error) error {
	v := &verification{report: report, logs: map[string]*changeLog{}, groups: map[group][]store.Version{}}
	if err := v.open(ctx, s); err != nil {
		return err
	}
	var after []byte
	for {
		page, err := s.History(ctx, store.History{After: after, Limit: verifyPage})
		if err != nil {
			return fmt.Errorf("read versions: %w", err)
		}
		for i := range page.Matches {
			if err := v.version(ctx, &page.Matches[i]); err != nil {
				return err
			}
		}
		if after = page.Next; after == nil {
			break
		}
	}
	if err := v.close(ctx, 0); err != nil {
		return err
	}
	for _, log := range v.logs {
		if err := v.unseen(ctx, log); err != nil {
			return err
		}
	}
	return nil
}

// verification walks versions newest first; those of one entry are neighbours, but
// for what other nodes wrote at the same time.
type verification struct {
	report func(store.Finding) error
	logs   map[string]*changeLog
	groups map[group][]store.Version // entries of which more versions may come
	order  []group                   // the same, oldest first
}

// group is the entry that wrote a version.
type group struct {
	source string
	seq    int64
}

// changeLog is the change log of one node.
type changeLog struct {
	ledgerbridge.Log
	seen []bool // by sequence number: versions name the entry
}

func (v *verification) open(ctx context.Context, s store.Store) error {
	logs, err := store.AllLogs(ctx, s)
	if err != nil {
		return err
	}
	for _, log := range logs {
		if !ledgerbridge.IsChanges(log.Source()) {
			continue
		}
		size, err := log.Size(ctx)
		if err != nil {
			return fmt.Errorf("size of the change log: %w", err)
		}
		v.logs[log.Source()] = &changeLog{log, make([]bool, size)}
	}
	return nil
}

func (v *verification) version(ctx context.Context, s *store.Version) error {
	if what := contradiction(s); what != "" {
		if err := v.report(store.Finding{Table: "versions", Row: place(s), What: what}); err != nil {
			return err
		}
	}
	if v.logs[s.Source] == nil {
		return v.report(store.Finding{Table: "versions", Row: place(s), What: "names a change log that is none of the nodes'"})
	}
	g := group{s.Source, s.Seq}
	if v.groups[g] == nil {
		if err := v.close(ctx, openGroups-1); err != nil {
			return err
		}
		v.order = append(v.order, g)
	}
	s.Body = nil // checked; only what identifies it is still needed
	v.groups[g] = append(v.groups[g], *s)
	return nil
}

// close compares the oldest groups with their entries until so many are left.
func (v *verification) close(ctx context.Context, left int) error {
	for len(v.order) > left {
		g := v.order[0]
		if err := v.entry(ctx, g, v.groups[g]); err != nil {
			return err
		}
		v.order = v.order[1:]
		delete(v.groups, g)
	}
	return nil
}

func place(s *store.Version) string { return fmt.Sprintf("%s/_history/%d", s.Ref, s.Version) }

// contradiction says how a version contradicts itself, "" if it does not.
func contradiction(s *store.Version) string {
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
	if g.seq < int64(len(log.seen)) { // others came while this was going on
		if log.seen[g.seq] {
			return v.report(store.Finding{Table: "versions", Row: place(&written[0]), What: fmt.Sprintf("stands apart from the other versions of entry %d", g.seq)})
		}
		log.seen[g.seq] = true
	}
	for i := range written {
		if what := against(e, &written[i]); what != "" {
			if err := v.report(store.Finding{Table: "versions", Row: place(&written[i]), What: what}); err != nil {
				return err
			}
		}
	}
	if !matches(e, written) {
		return v.report(store.Finding{Table: "versions", Row: place(&written[0]), What: fmt.Sprintf("is not what entry %d of the change log says was written", g.seq)})
	}
	return nil
}

func (l *changeLog) entry(ctx context.Context, seq int64) (ledgerbridge.Entry, error) {
	var e ledgerbridge.Entry
	err := errors.New("the entry is missing")
	failed := l.Rows(ctx, seq, seq+1, func(row ledgerbridge.Row) error {
		e, err = ledgerbridge.ParseEntry(row.Entry)
		return nil
	})
	return e, errors.Join(failed, err)
}

// against compares the columns that a version's own hash does not cover.
func against(e ledgerbridge.Entry, s *store.Version) string {
	switch {
	case s.Owner != e.Organization:
		return "has another owner than the entry that wrote it"
	case s.Deleted != (s.Method == "DELETE"):
		return "has a method that does not fit"
	case e.Interaction == "transaction":
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

// unseen finds entries that say something was written which is not there.
func (v *verification) unseen(ctx context.Context, log *changeLog) error {
	return log.Rows(ctx, 0, int64(len(log.seen)), func(row ledgerbridge.Row) error {
		e, err := ledgerbridge.ParseEntry(row.Entry)
		if err != nil || log.seen[row.Seq] || e.Content == "" {
			return nil // an unreadable entry is the journal's finding
		}
		return v.report(store.Finding{Table: "changes", Row: fmt.Sprint(row.Seq), What: "says that versions were written, and they are missing"})
	})
}
