package sqlite

import (
	"bytes"
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// reindexedAtOnce is how many versions Reindex reads together.
const reindexedAtOnce = 256

// Reindex derives the search keys of all versions from their documents again and writes
// all of them, or none. It mends what Check finds in idx, ix, dates and numbers, for
// example after an upgrade to a program that derives other keys. A version that does
// not match its checksum keeps its keys; if those are damaged, too, the error is a
// *store.Finding. The keys of custom parameters are made anew by a later pass.
func (s *Store) Reindex(ctx context.Context) error {
	defer s.sets.Forget()
	err := s.write.do(ctx, true, func(u *changeUnit) error { return u.reindexAll(ctx) })
	if err != nil {
		return fmt.Errorf("write search keys: %w", err)
	}
	return nil
}

func (u *changeUnit) reindexAll(ctx context.Context) error {
	bases, err := u.bases()
	if err != nil {
		return err
	}
	if err := u.planAgain(); err != nil {
		return err
	}
	for _, table := range []string{"ix", "dates", "numbers"} {
		if err := u.exec("DELETE FROM " + table); err != nil {
			return err
		}
	}
	for last := int64(-1); ; {
		var some []*checked
		err := u.each(checkedVersions+" WHERE v.stamp > ? ORDER BY v.stamp LIMIT ?", func(st *sqlite.Stmt) error {
			some = append(some, u.s.names.scanChecked(st))
			return ctx.Err()
		}, last, reindexedAtOnce)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, v := range some {
			if err := u.reindexVersion(v, bases); err != nil {
				return err
			}
			last = v.Stamp
		}
		if err := u.pending.flush(u.conn); err != nil {
			return err
		}
	}
}

// bases are the base URLs that match their checksums.
func (c conn) bases() (map[int64]string, error) {
	bases := map[int64]string{}
	return bases, c.each("SELECT id, url, sum FROM bases", func(st *sqlite.Stmt) error {
		if id, url := st.ColumnInt64(0), st.ColumnText(1); bytes.Equal(blob(st, 2), rowSum(id, url)) {
			bases[id] = url
		}
		return nil
	})
}

func (u *changeUnit) reindexVersion(v *checked, bases map[int64]string) error {
	if v.Deleted || v.resource == nil {
		return nil
	}
	index := v.derive(bases)
	if index == nil {
		var err error
		if index, err = v.Index(); err != nil {
			return err
		}
	} else if packed := store.Pack(encodeIndex(index)); !bytes.Equal(packed, v.packedIndex) {
		v.packedIndex = packed
		if err := u.exec("UPDATE versions SET idx = ?, sum = ? WHERE stamp = ?", packed, v.sum(v.contentSum()), v.Stamp); err != nil {
			return err
		}
	}
	facts, err := v.Facts()
	if err != nil {
		return err
	}
	fresh, err := indexRows(v.Ref.Type, index, search.Marks(facts, v.Owner), v.Place, func(param string) (int64, error) { return u.intern(v.Ref.Type, param) })
	if err == nil && v.resource.stamp == v.Stamp {
		u.pending.add(rows{}, fresh)
	}
	return err
}

// derive gives the search keys that a version should have, nil if the version or its
// base URL is damaged.
func (v *checked) derive(bases map[int64]string) *search.Index {
	base, known := bases[v.base]
	if !known || !v.whole() {
		return nil
	}
	index, err := plan.Derive(v.PackedBody, base)
	if err != nil {
		return nil
	}
	return index
}
