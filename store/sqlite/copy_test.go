package sqlite

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// keyedFolder is workedFolder with part keys and a tree.
func keyedFolder(t *testing.T) *Store {
	s := open(t, workedFolder(t), options())
	same := func(key, _ []byte) ([]byte, error) { return key, nil }
	for _, patient := range []string{"a", "b", "c"} {
		if _, _, err := s.PartKeys(same, same).Key(t.Context(), patient, true); err != nil {
			t.Fatal(err)
		}
	}
	changes, _ := s.Logs()
	if err := changes.WriteTiles(t.Context(), []ledgerbridge.Tile{{Level: 0, Index: 0, Data: make([]byte, 64)}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func openTarget(t *testing.T, dir string) *Target {
	t.Helper()
	to, err := OpenTarget(t.Context(), dir, options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { to.Close() })
	return to
}

func TestCopy(t *testing.T) {
	from, dir := keyedFolder(t), t.TempDir()
	to := openTarget(t, dir)
	var told store.Copied
	if err := store.Copy(t.Context(), from, to, func(c store.Copied) { told = c }); err != nil {
		t.Fatal(err)
	}
	if told.Versions < 40 || told.Rows < 40 || told.Keys != 3 || told.Compared != told.Versions+told.Rows {
		t.Errorf("told %+v", told)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if all := findings(t, dir); len(all) > 0 {
		t.Error(strings.Join(all, "\n"))
	}
	newAuthor(t, open(t, dir, options())).put("0", 1, strings.ReplaceAll(patientBody, "%s", "Next"))
}

func TestCopyNeedsAnEmptyFolder(t *testing.T) {
	dir := workedFolder(t)
	if _, err := OpenTarget(t.Context(), dir, options()); err == nil || !strings.Contains(err.Error(), "holds data") {
		t.Errorf("a folder with data was taken: %v", err)
	}
}

// stumbling fails at the nth call.
type stumbling struct {
	*Target
	left int
}

var errStumble = errors.New("stumbled")

func (s *stumbling) step() error {
	s.left--
	if s.left < 0 {
		return errStumble
	}
	return nil
}

func (s *stumbling) AddVersions(ctx context.Context, all []store.Stored) error {
	for len(all) > 0 { // in small pieces, so that the copy stops in between
		if err := s.step(); err != nil {
			return err
		}
		n := min(len(all), 7)
		if err := s.Target.AddVersions(ctx, all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

func (s *stumbling) AddRows(ctx context.Context, source string, rows []ledgerbridge.Row) error {
	for len(rows) > 0 {
		if err := s.step(); err != nil {
			return err
		}
		n := min(len(rows), 7)
		if err := s.Target.AddRows(ctx, source, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (s *stumbling) AddWrappedKey(ctx context.Context, id string, wrapped []byte) error {
	return errors.Join(s.step(), s.Target.AddWrappedKey(ctx, id, wrapped))
}

// changed hands over one version otherwise than it was.
type changed struct{ *Target }

func (c changed) AddVersions(ctx context.Context, all []store.Stored) error {
	all[3].Owner = "thief"
	return c.Target.AddVersions(ctx, all)
}

func TestCopyIsCompared(t *testing.T) {
	dir := t.TempDir()
	err := store.Copy(t.Context(), keyedFolder(t), changed{openTarget(t, dir)}, nil)
	if err == nil || !strings.Contains(err.Error(), "Observation/0-2 version 1 is not the same") {
		t.Errorf("the comparison says %v", err)
	}
	if err := refuseHalfCopy(dir); err == nil {
		t.Error("a copy with a difference was finished")
	}
}

// A copy that was cut short anywhere cannot be used, and goes on where it stopped.
func TestCopyGoesOn(t *testing.T) {
	from := keyedFolder(t)
	for n := range 100 {
		dir := t.TempDir()
		to := openTarget(t, dir)
		err := store.Copy(t.Context(), from, &stumbling{to, n}, nil)
		if closed := to.Close(); closed != nil {
			t.Fatal(closed)
		}
		if err == nil {
			if n < 10 {
				t.Errorf("only %d steps", n)
			}
			return
		}
		if !errors.Is(err, errStumble) {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), dir, options()); err == nil || !strings.Contains(err.Error(), "not finished") {
			t.Fatalf("a half copy was opened: %v", err)
		}
		to = openTarget(t, dir)
		if err := store.Copy(t.Context(), from, to, nil); err != nil {
			t.Fatalf("after %d steps: %v", n, err)
		}
		to.Close()
		if all := findings(t, dir); len(all) > 0 {
			t.Error(strings.Join(all, "\n"))
		}
	}
}
