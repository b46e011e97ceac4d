package sqlite

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

// inFiles says in which files of a folder some bytes are.
func inFiles(t *testing.T, dir string, what []byte) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all, err := os.ReadFile(path)
		if bytes.Contains(all, what) {
			files = append(files, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestNothingIsLeftOfWhatWasPurged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	gone, stays := storetest.Leftover(t, s)
	if len(inFiles(t, dir, stays)) == 0 {
		t.Fatal("what stays is not found either: the search proves nothing")
	}
	for _, what := range gone {
		if files := inFiles(t, dir, what); len(files) > 0 {
			t.Errorf("%q is still in %v", what[:min(len(what), 40)], files)
		}
	}
}

// TestScrubLeavesTreesWhole also lets others write meanwhile.
func TestScrubLeavesTreesWhole(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	var writing sync.WaitGroup
	ctx, end := context.WithCancel(t.Context())
	writing.Go(func() {
		for ctx.Err() == nil {
			if err := s.Probe(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	storetest.Leftover(t, s)
	end()
	writing.Wait()
	err := s.read.use(t.Context(), func(c conn) error {
		return c.each("PRAGMA integrity_check", func(st *sqlite.Stmt) error {
			if text := st.ColumnText(0); text != "ok" {
				t.Error(text)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	pages := []unused{}
	err = s.read.read(t.Context(), func(c conn) (err error) {
		pages, err = (&freeSpace{conn: c, ctx: t.Context(), tell: func(int64) {}}).look()
		return err
	})
	if err != nil || len(pages) > 0 {
		t.Errorf("%d pages still have something in their free space: %v", len(pages), err)
	}
}

// TestScrubLeavesWhatChanged overwrites nothing of a page that is no longer as it was.
func TestScrubLeavesWhatChanged(t *testing.T) {
	s := open(t, t.TempDir(), options())
	p := unused{number: 3, spans: []span{{0, 4096}}} // of no page is this the sum
	err := s.write.do(t.Context(), true, func(u *changeUnit) error {
		changed, err := u.overwrite([]unused{p})
		if changed != 1 {
			err = errors.Join(err, errors.New("a page that has changed was overwritten"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestScrubRefusesWhatIsNoTree does not touch a file whose pages it does not understand.
func TestScrubRefusesWhatIsNoTree(t *testing.T) {
	page := make([]byte, 4096)
	for _, damage := range []func(){
		func() { page[0] = 7 },
		func() { page[0], page[4] = leafTable, 0xff },
		func() { page[0], page[3], page[4], page[5] = leafTable, 0xff, 0xff, 0x10 },
		func() {
			page[0], page[5], page[1], page[2] = leafTable, 0x10, 0x0f, 0xf0
			page[0xff2], page[0xff3] = 0xff, 0xff
		},
		func() { page[0], page[5], page[4], page[8], page[9] = leafTable, 0x10, 1, 0xff, 0xf0 },
	} {
		clear(page)
		damage()
		if _, err := parseNode(page, false, len(page)); !errors.Is(err, errPages) {
			t.Errorf("%x: %v", page[:12], err)
		}
	}
}

// TestCheckFindsWhatAPurgeLeft: a purged version has neither a document nor its facts.
func TestCheckFindsWhatAPurgeLeft(t *testing.T) {
	for column, change := range map[string]func(*checked){
		"body": func(v *checked) { v.PackedBody = store.Pack([]byte("{}")) },
		"facts": func(v *checked) {
			f := fhir.Facts{Profiles: []string{"x"}}
			b, _ := f.AppendBinary(nil)
			v.PackedFacts = store.Pack(b)
		},
	} {
		s := open(t, t.TempDir(), options())
		storetest.Leftover(t, s)
		err := s.write.do(t.Context(), true, func(u *changeUnit) error {
			var v *checked
			err := u.each(checkedVersions+" WHERE v.deleted >= ? LIMIT 1", func(st *sqlite.Stmt) error {
				v = s.names.scanChecked(st)
				return nil
			}, purgedBy)
			if err != nil {
				return err
			}
			change(v)
			return u.exec("UPDATE versions SET facts = ?, body = ?, sum = ? WHERE stamp = ?", v.PackedFacts, v.PackedBody, v.sum(v.contentSum()), v.Stamp)
		})
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		err = s.Check(t.Context(), func(f store.Finding) error {
			found = append(found, f.Column)
			return nil
		})
		if err != nil || !slices.Contains(found, column) {
			t.Errorf("a purged version with %s: found %v, %v", column, found, err)
		}
	}
}
