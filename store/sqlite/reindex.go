package sqlite

import (
	"bytes"
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// reindexedAtOnce is how many versions Reindex reads together.
const reindexedAtOnce = 256

// Reindex derives the search keys of all versions from the documents again and writes
// all of them, or none. It mends what Check finds in idx, ix, dates and numbers, which
// is a lot after an upgrade to a program that derives other keys. A version that does
// not match its checksum keeps the keys that it has.
func (s *Store) Reindex(ctx context.Context) error {
	if s.write == nil {
		return errReadOnly
	}
	err := s.write.do(ctx, true, func(u *changeUnit) error { return u.reindexAll(ctx) })
	if err != nil {
		return fmt.Errorf("write search keys: %w", err)
	}
	return nil
}

func (u *changeUnit) reindexAll(ctx context.Context) error {
	bases := map[int64]string{}
	err := u.each("SELECT id, url FROM bases", func(st *sqlite.Stmt) error {
		bases[st.ColumnInt64(0)] = st.ColumnText(1)
		return nil
	})
	for _, table := range []string{"ix", "dates", "numbers"} {
		if err == nil {
			err = u.exec("DELETE FROM " + table)
		}
	}
	for last := int64(-1); err == nil && ctx.Err() == nil; {
		var some []*checked
		err = u.each(checkedVersions+" WHERE v.stamp > ? ORDER BY v.stamp LIMIT ?", func(st *sqlite.Stmt) error {
			some = append(some, scanChecked(st))
			return nil
		}, last, reindexedAtOnce)
		if err != nil || len(some) == 0 {
			return err
		}
		last = some[len(some)-1].stamp
		for _, v := range some {
			if err := u.reindexVersion(v, bases); err != nil {
				return err
			}
		}
		err = u.pending.flush(u.conn)
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

func (u *changeUnit) reindexVersion(v *checked, bases map[int64]string) error {
	if v.deleted || v.resource == nil {
		return nil
	}
	index := v.derive(bases)
	if index == nil {
		stored, err := storedIndex(v.index)
		if err != nil {
			return nil // damaged, which only a backup can mend
		}
		index = stored
	} else if packed := store.Pack(encodeIndex(index)); !bytes.Equal(packed, v.index) {
		v.index = packed
		if err := u.exec("UPDATE versions SET idx = ?, sum = ? WHERE stamp = ?", v.index, v.sum(v.content.sum()), v.stamp); err != nil {
			return err
		}
	}
	typ := u.s.names.typeOf(v.typ)
	fresh, err := indexRows(index, v.rid, func(param string) (int64, error) { return u.intern(typ, param) })
	if err == nil && v.resource.stamp == v.stamp {
		u.pending.add(rows{}, fresh)
	}
	return err
}

// derive gives the search keys that a version should have, nil if it is damaged.
func (v *checked) derive(bases map[int64]string) *fhir.Index {
	if !bytes.Equal(v.storedSum, v.sum(v.content.sum())) {
		return nil
	}
	body, err := store.Unpack(v.body)
	if err != nil {
		return nil
	}
	doc, err := fhir.Open(body)
	if err != nil {
		return nil
	}
	index, err := doc.Index(bases[v.base])
	if err != nil {
		return nil
	}
	return index
}
