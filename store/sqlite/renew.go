package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// renewedAtOnce is after how many versions renewIndex says how far it is.
const renewedAtOnce = 250_000

// renewal derives search keys again.
type renewal struct {
	conn
	names   *names
	last    int64 // id of a name
	bases   map[int64]string
	pending pending
	from    int // schema version
}

// renewIndex derives the search keys of all versions again, for an older program derived
// others. What is damaged keeps its keys.
func (s *Store) renewIndex(ctx context.Context, c conn, from int) error {
	r := &renewal{conn: c, names: &names{}, from: from}
	known, err := loadNames(c)
	if err != nil {
		return fmt.Errorf("load names: %w", err)
	}
	r.names.publish(known)
	if r.last, err = c.number("SELECT max(id) FROM names"); err != nil {
		return err
	}
	if r.bases, err = c.bases(); err != nil {
		return err
	}
	if err := c.exec("DELETE FROM ix WHERE p IN (SELECT id FROM names WHERE name = '_id')"); err != nil {
		return err
	}
	count := 0
	for last := int64(-1); ; {
		var some []*checked
		err := c.each(checkedVersions+" WHERE v.stamp > ? ORDER BY v.stamp LIMIT ?", func(st *sqlite.Stmt) error {
			some = append(some, r.names.scanChecked(st))
			return ctx.Err()
		}, last, reindexedAtOnce)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, v := range some {
			if err := r.renew(v); err != nil {
				return err
			}
			last = v.Stamp
			if count++; count%renewedAtOnce == 0 {
				s.opts.Report(fmt.Sprintf("derived the search keys of %d versions", count))
			}
		}
		if err := r.pending.flush(c); err != nil {
			return err
		}
	}
}

// renew writes the keys of a version, and the rows of the index that differ.
func (r *renewal) renew(v *checked) error {
	if v.Deleted || v.resource == nil {
		return nil
	}
	old, err := v.Index()
	if err != nil {
		return nil // the check finds it
	}
	fresh := v.derive(r.bases)
	if fresh == nil {
		fresh = old
	} else if packed := store.Pack(encodeIndex(fresh)); !bytes.Equal(packed, v.packedIndex) {
		v.packedIndex = packed
		if err := r.exec("UPDATE versions SET idx = ?, sum = ? WHERE stamp = ?", packed, v.sum(v.contentSum()), v.Stamp); err != nil {
			return err
		}
	}
	if v.resource.stamp != v.Stamp {
		return nil
	}
	before, err := r.rows(v, old)
	if err != nil {
		return err
	}
	before.keys = slices.DeleteFunc(before.keys, func(k keyRow) bool { // those that older programs did not write
		return r.from < schemaOrdered && (k.v == withoutValue || strings.HasSuffix(k.v, "|"))
	})
	after, err := r.rows(v, fresh)
	if err == nil {
		r.pending.add(before, after)
	}
	return err
}

func (r *renewal) rows(v *checked, x *search.Index) (rows, error) {
	return indexRows(v.Ref.Type, x, nil, v.Place, func(param string) (int64, error) {
		if id := r.names.id(v.Ref.Type, param); id != 0 {
			return id, nil
		}
		r.last++
		r.names.publish(map[name]int64{{v.Ref.Type, param}: r.last})
		return r.last, r.exec("INSERT INTO names VALUES (?, ?, ?, ?)", r.last, v.Ref.Type, param, rowSum(r.last, v.Ref.Type, param))
	})
}
