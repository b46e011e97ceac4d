package sqlite

import (
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// purge removes what versions say, in the transaction of the entry by which they go. The
// bytes stay in the files until Scrub.
func (u *changeUnit) purge(all []store.Purge, by ledgerbridge.Receipt) error {
	for i := range all {
		if err := u.purgeOne(&all[i], ledgerbridge.Place(by.Source, by.Seq)); err != nil {
			return fmt.Errorf("purge: %w", err)
		}
	}
	return nil
}

func (u *changeUnit) purgeOne(p *store.Purge, by string) error {
	v, current, err := u.toPurge(p)
	if err != nil {
		return err
	}
	if v == nil || v.Hash != p.Hash || current && !v.Deleted {
		return store.ErrChanged
	}
	facts, err := v.Facts()
	if err != nil {
		return err
	}
	remains := store.Remains(facts, p.Whole)
	packed, err := remains.AppendBinary(nil)
	if err != nil {
		return fmt.Errorf("%s: encode facts: %w", p.Ref, err)
	}
	if v.Purged == "" { // one that was purged before, for another reason, keeps its entry
		v.Purged = by
	}
	v.Deleted, v.PackedFacts, v.packedIndex, v.PackedBody = true, store.Pack(packed), nil, nil
	return u.exec("UPDATE versions SET deleted = ?, facts = ?, idx = NULL, body = NULL, sum = ? WHERE stamp = ?",
		v.deletedColumn(), v.PackedFacts, v.sum(v.contentSum()), v.Stamp)
}

// toPurge reads a version, nil if there is none, and whether it is the current one.
func (u *changeUnit) toPurge(p *store.Purge) (v *checked, current bool, err error) {
	typ, err := u.intern(p.Ref.Type, "")
	if err != nil {
		return nil, false, err
	}
	known := &names{source: u.s.names.source}
	known.p.Store(u.s.names.p.Load())
	known.publish(u.fresh)
	err = u.each(checkedVersions+" WHERE r.type = ? AND r.id = ? AND v.version = ?", func(st *sqlite.Stmt) error {
		v = known.scanChecked(st)
		current = v.resource.stamp == v.Stamp
		return nil
	}, typ, p.Ref.ID, p.Version)
	return v, current, err
}
