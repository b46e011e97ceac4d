package sqlite

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/store"
)

// A history that is longer than a batch is checked like a short one, wherever it is cut.
func TestCheckOfALongHistory(t *testing.T) {
	const versions = 8*batchVersions*2 + 3
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, options())
	if err != nil {
		t.Fatal(err)
	}
	a := newAuthor(t, s)
	a.put("first", 0, fmt.Sprintf(patientBody, "Smith"))
	for i := 0; i < versions; i += 50 {
		var writes []store.Write
		for k := i; k < min(i+50, versions); k++ {
			writes = append(writes, a.version("long", int64(k), fmt.Sprintf(patientBody, fmt.Sprint("Smith", k))))
		}
		_, err := a.Commit(t.Context(), store.Change{Writes: writes, Entry: a.entry()})
		a.must(err)
	}
	a.put("last", 0, fmt.Sprintf(patientBody, "Jones"))
	a.must(s.Close())
	if all := findings(t, dir); len(all) > 0 {
		t.Fatal(all)
	}
	for _, version := range []int{1, 8*batchVersions - 1, 8 * batchVersions, 8*batchVersions + 1, 2 * 8 * batchVersions, versions - 1, versions} {
		damaged := edited(t, dir, fmt.Sprintf("DELETE FROM versions WHERE version = %d AND rid = %s", version, fmt.Sprintf(ridOf, "long")))
		want := fmt.Sprintf("version %d is missing before it", version)
		if version == versions {
			want = fmt.Sprintf("the last version, %d, is missing", version)
		}
		all := findings(t, damaged)
		if n := strings.Count(strings.Join(all, "\n"), "is missing"); !strings.Contains(strings.Join(all, "\n"), want) || version < versions && n != 1 {
			t.Errorf("without version %d: found %q", version, all)
		}
	}
}
