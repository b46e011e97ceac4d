package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

// wantUnavailable fails unless err is what a client sees as 503.
func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	var known *fhir.Error
	if !errors.As(err, &known) || known.Kind != fhir.Unavailable || known.Detail != "The server cannot read or write its data now. Try again later." {
		t.Fatalf("got %v, want unavailable", err)
	}
	if errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrNotFound) {
		t.Fatalf("%v passes for another error", err)
	}
	if strings.Contains(known.Detail, "sqlite") || strings.Contains(known.Detail, "injected") {
		t.Errorf("the sentence for the client leaks: %q", known.Detail)
	}
}

func (a *author) tryPut(id string) error {
	_, err := a.Commit(a.Context(), store.Change{Writes: []store.Write{a.version(id, 0, fmt.Sprintf(weightBody, 1, 2, 3))}, Entry: a.entry()})
	return err
}

func (a *author) tryRecord() error {
	p, err := storetest.Record(a.sealer, "read", "R", 200, "Patient/1")
	a.must(err)
	_, err = a.Record(a.Context(), p, store.Judged{})
	return err
}

// wantLogs checks that both logs are dense and have these sizes.
func (a *author) wantLogs(changes, accesses int64) {
	a.Helper()
	c, r := a.Logs()
	for log, want := range map[ledgerbridge.Log]int64{c: changes, r: accesses} {
		size, err := log.Size(a.Context())
		a.must(err)
		n := int64(0)
		a.must(log.Rows(a.Context(), 0, size, func(row ledgerbridge.Row) error {
			n++
			return ledgerbridge.CheckRow(log.Source(), n-1, &row)
		}))
		if size != want || n != want {
			a.Errorf("%s has size %d and %d rows, want %d", log.Source(), size, n, want)
		}
	}
}

func TestCommitFails(t *testing.T) {
	var broken atomic.Bool
	o := options()
	o.Fault = func(op string) error {
		if broken.Load() {
			return syscall.EIO
		}
		return nil
	}
	a := newAuthor(t, open(t, t.TempDir(), o))
	a.must(a.tryPut("1"))
	a.must(a.tryRecord())
	broken.Store(true)
	for range 3 {
		wantUnavailable(t, a.tryPut("2"))
		wantUnavailable(t, a.tryRecord())
	}
	if _, err := a.Get(t.Context(), fhir.Ref{Type: "Observation", ID: "2"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after a failed commit: %v", err)
	}
	broken.Store(false)
	a.must(a.tryPut("2"))
	a.must(a.tryRecord())
	a.wantLogs(2, 2)
}

// replace makes the writer's descriptor of a file, and all others of this process
// for it, point at something else, and gives the number replaced.
func replace(t *testing.T, path, by string, flag int) int {
	t.Helper()
	f, err := os.OpenFile(by, flag, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("SKIPPED: needs /proc to reach the descriptors of the database")
	}
	n := 0
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err != nil || target != path {
			continue
		}
		var number int
		fmt.Sscan(fd.Name(), &number)
		if err := syscall.Dup3(int(f.Fd()), number, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// The file under the database breaks in ways that only the kernel knows; when the
// next connection finds a whole file, service goes on.
func TestFileFails(t *testing.T) {
	for name, c := range map[string]struct {
		by   string
		flag int
	}{
		"disk full":   {"/dev/full", os.O_RDWR},
		"closed file": {"/dev/null", os.O_RDONLY}, // writes give EBADF
		"fsync fails": {"/dev/null", os.O_RDWR},   // writes succeed, fsync gives EINVAL
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			a := newAuthor(t, open(t, dir, options()))
			a.must(a.tryPut("1"))
			a.must(a.tryRecord())
			for _, file := range []string{mainFile, accessFile} {
				if replace(t, filepath.Join(dir, file+"-wal"), c.by, c.flag) == 0 {
					t.Fatalf("no descriptor of %s-wal", file)
				}
			}
			wantUnavailable(t, a.tryPut("2"))
			wantUnavailable(t, a.tryRecord())
			a.must(a.tryPut("2"))
			a.must(a.tryRecord())
			if _, err := a.Get(t.Context(), fhir.Ref{Type: "Observation", ID: "2"}); err != nil {
				t.Error(err)
			}
			a.wantLogs(2, 2)
			if all := a.findings(); len(all) > 0 {
				t.Error(all)
			}
		})
	}
}

func (a *author) findings() (all []string) {
	a.Helper()
	a.must(a.Check(a.Context(), func(f store.Finding) error {
		all = append(all, f.Error())
		return nil
	}))
	return all
}

// A file system that is really full refuses writes and recovers when there is room.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("SKIPPED: no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	a := newAuthor(t, open(t, dir, options()))
	a.must(a.tryPut("0"))
	a.must(a.tryRecord())
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	n, full := int64(1), 0
	for i := 1; full < 5 && i < 2000; i++ {
		switch err := a.tryPut(fmt.Sprint(i)); {
		case err != nil:
			wantUnavailable(t, err)
			full++
		default:
			n++
		}
	}
	if full == 0 {
		t.Fatal("the disk never became full")
	}
	wantUnavailable(t, firstError(a.tryRecord, 2000))
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	a.must(a.tryPut("after"))
	a.must(a.tryRecord())
	_, accesses := a.Logs()
	size, err := accesses.Size(t.Context())
	a.must(err)
	a.wantLogs(n+1, size)
	if all := a.findings(); len(all) > 0 {
		t.Error(all)
	}
}

// fill takes all room there is.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size >= 4096; size /= 2 {
		for {
			if _, err := f.Write(make([]byte, size)); err != nil {
				break
			}
		}
	}
}

func firstError(try func() error, times int) (err error) {
	for range times {
		if err = try(); err != nil {
			break
		}
	}
	return err
}
