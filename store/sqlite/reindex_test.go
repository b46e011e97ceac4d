package sqlite

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/store"
)

// age makes a folder one of a program that derived other keys: fewer and more, whole
// by their checksums, with the rows that belong to them.
func age(t *testing.T, s *Store) {
	t.Helper()
	err := s.write.do(t.Context(), true, func(u *changeUnit) error {
		var all []*checked
		err := u.each(checkedVersions, func(st *sqlite.Stmt) error {
			all = append(all, u.s.names.scanChecked(st))
			return nil
		})
		for _, v := range all {
			if v.Deleted || err != nil {
				continue
			}
			x, failed := storedIndex(v.packedIndex)
			if failed != nil {
				return failed
			}
			typ := u.s.names.typeOf(v.typ)
			old, failed := indexRows(typ, x, nil, v.Place, func(param string) (int64, error) { return u.intern(typ, param) })
			if failed != nil {
				return failed
			}
			if v.resource.stamp == v.Stamp {
				u.pending.add(old, rows{keys: old.keys[1:], numbers: old.numbers})
			}
			x.Keys, x.Dates = x.Keys[1:], nil
			x.Keys = append(x.Keys, "zzz=x")
			v.packedIndex = store.Pack(encodeIndex(x))
			err = u.exec("UPDATE versions SET idx = ?, sum = ? WHERE stamp = ?", v.packedIndex, v.sum(v.contentSum()), v.Stamp)
		}
		if err == nil {
			err = u.pending.flush(u.conn)
		}
		if err == nil {
			err = u.exec("DELETE FROM ix WHERE rid = 1")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReindex(t *testing.T) {
	dir := workedFolder(t)
	s := open(t, dir, options())
	age(t, s)
	found := findings(t, dir)
	for _, column := range []string{"column idx", "table ix"} {
		if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, column) }) {
			t.Errorf("nothing found in %s of an old folder", column)
		}
	}
	if err := s.Reindex(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all := findings(t, dir); len(all) > 0 {
		t.Error(strings.Join(all, "\n"))
	}
}

// What is damaged is not made to look whole, and no resource loses its keys.
func TestReindexLeavesDamage(t *testing.T) {
	const newest = " WHERE stamp = (SELECT max(stamp) FROM versions WHERE body IS NOT NULL)"
	for name, test := range map[string]struct {
		damage  string
		refused bool
	}{
		"document":     {"UPDATE versions SET body = x'00'" + newest, false},
		"keys":         {"UPDATE versions SET idx = x'00'" + newest, true},
		"base URL":     {"UPDATE bases SET url = 'http://elsewhere/fhir' WHERE id = (SELECT base FROM versions" + newest + ")", false},
		"no base URL":  {"DELETE FROM bases WHERE id = (SELECT base FROM versions" + newest + ")", false},
		"another base": {"UPDATE versions SET base = 77" + newest, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := workedFolder(t)
			s := open(t, dir, options())
			if err := s.write.do(t.Context(), true, func(u *changeUnit) error { return u.exec(test.damage) }); err != nil {
				t.Fatal(err)
			}
			before := findings(t, dir)
			err := s.Reindex(t.Context())
			if found := (*store.Finding)(nil); test.refused != errors.As(err, &found) || !test.refused && err != nil {
				t.Errorf("refused with %v", err)
			}
			if after := findings(t, dir); len(before) == 0 || !slices.Equal(before, after) {
				t.Errorf("found before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
			}
		})
	}
}
