package access

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// Finding names one place where data and records do not agree.
type Finding struct {
	Table string // versions or changes
	Row   string // Type/id/_history/version, or the entry's sequence number
	What  string // a sentence
}

// audit page size: versions read at once.
const verifyPage = 500

// Verify compares every stored version with the change log and every entry of the
// change log with what is stored, in both directions. The logs themselves are
// checked by ledgerbridge (Journal), the index rows by the store.
func Verify(ctx context.Context, s store.Store, sealer *ledgerbridge.Sealer, report func(Finding) error) error {
	changes, _ := s.Logs()
	size, err := changes.Size(ctx)
	if err != nil {
		return fmt.Errorf("size of the change log: %w", err)
	}
	v := &verification{store: s, sealer: sealer, changes: changes, report: report, seen: make([]bool, size), seq: -1}
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
	if err := v.entry(ctx); err != nil {
		return err
	}
	return v.unseen(ctx)
}

// verification walks versions newest first; those of one entry are neighbours.
type verification struct {
	store   store.Store
	sealer  *ledgerbridge.Sealer
	changes ledgerbridge.Log
	report  func(Finding) error
	seen    []bool
	seq     int64
	group   []Version
}

func (v *verification) version(ctx context.Context, s *Version) error {
	if what := contradiction(s); what != "" {
		if err := v.report(Finding{"versions", place(s), what}); err != nil {
			return err
		}
	}
	if s.Source != v.changes.Source() {
		return v.report(Finding{"versions", place(s), "names a change log that is not this node's"})
	}
	if s.Seq != v.seq {
		if err := v.entry(ctx); err != nil {
			return err
		}
		v.seq = s.Seq
	}
	s.Body = nil // checked; only what identifies it is still needed
	v.group = append(v.group, *s)
	return nil
}

func place(s *Version) string { return fmt.Sprintf("%s/_history/%d", s.Ref, s.Version) }

// contradiction says how a version contradicts itself, "" if it does not.
func contradiction(s *Version) string {
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

// entry compares the collected group with the entry that wrote it.
func (v *verification) entry(ctx context.Context) error {
	group, seq := v.group, v.seq
	v.group = nil
	if len(group) == 0 {
		return nil
	}
	e, err := v.read(ctx, seq)
	if err != nil {
		return v.report(Finding{"versions", place(&group[0]), fmt.Sprintf("names entry %d, which cannot be read: %v", seq, err)})
	}
	if seq < int64(len(v.seen)) { // others came while this was going on
		if v.seen[seq] {
			return v.report(Finding{"versions", place(&group[0]), fmt.Sprintf("stands apart from the other versions of entry %d", seq)})
		}
		v.seen[seq] = true
	}
	for i := range group {
		if what := v.against(e, &group[i]); what != "" {
			if err := v.report(Finding{"versions", place(&group[i]), what}); err != nil {
				return err
			}
		}
	}
	if !matches(e, group) {
		return v.report(Finding{"versions", place(&group[0]), fmt.Sprintf("is not what entry %d of the change log says was written", seq)})
	}
	return nil
}

func (v *verification) read(ctx context.Context, seq int64) (ledgerbridge.Entry, error) {
	var e ledgerbridge.Entry
	err := errors.New("the entry is missing")
	failed := v.changes.Rows(ctx, seq, seq+1, func(row ledgerbridge.Row) error {
		e, err = ledgerbridge.ParseEntry(row.Entry)
		return nil
	})
	return e, errors.Join(failed, err)
}

// against compares the columns that a version's own hash does not cover.
func (v *verification) against(e ledgerbridge.Entry, s *Version) string {
	switch {
	case s.Owner != e.Organization:
		return "has another owner than the entry that wrote it"
	case s.Deleted != (s.Method == "DELETE"):
		return "has a method that does not fit"
	case e.Interaction == "transaction":
		return ""
	case e.Type != s.Ref.Type || e.Version != s.Version || e.Target != v.sealer.TargetPseudonym(s.Ref.String()):
		return "is not the resource that the entry names"
	case s.Method != methods[e.Interaction]:
		return "has another method than the entry that wrote it"
	}
	return ""
}

var methods = map[string]string{"create": "POST", "update": "PUT", "delete": "DELETE"}

// matches says whether the entry's content is that of the group.
func matches(e ledgerbridge.Entry, group []Version) bool {
	items := make([]ledgerbridge.Item, len(group))
	for i := range group {
		items[i] = itemOf(&group[i])
	}
	content := Content(e.Interaction, items)
	return e.Content == hex.EncodeToString(content[:])
}

// unseen finds entries that say something was written which is not there.
func (v *verification) unseen(ctx context.Context) error {
	return v.changes.Rows(ctx, 0, int64(len(v.seen)), func(row ledgerbridge.Row) error {
		e, err := ledgerbridge.ParseEntry(row.Entry)
		if err != nil || v.seen[row.Seq] || e.Content == "" {
			return nil // an unreadable entry is the journal's finding
		}
		return v.report(Finding{"changes", fmt.Sprint(row.Seq), "says that versions were written, and they are missing"})
	})
}
