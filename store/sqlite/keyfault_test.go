package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// A record is not written before the keys of its parts are durable: while they cannot be
// written, new patients are refused and known ones served, and nothing stays behind that
// would hinder anybody later.
func TestKeysAreDurableBeforeRecords(t *testing.T) {
	for _, op := range []string{"grow", "write", "sync"} {
		t.Run(op, func(t *testing.T) {
			dir, o := t.TempDir(), options()
			var full atomic.Bool
			o.Fault = func(is string) error {
				if full.Load() && is == keysFile+" "+op {
					return syscall.ENOSPC
				}
				return nil
			}
			s := open(t, dir, o)
			if op != "grow" {
				if err := touch(t, s, "Patient/known"); err != nil {
					t.Fatal(err)
				}
			}
			full.Store(true)
			for range 3 {
				err := touch(t, s, "Patient/new", "Patient/known")
				wantUnavailable(t, err)
				if !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("%v does not tell why", err)
				}
			}
			if op != "grow" {
				if err := touch(t, s, "Patient/known"); err != nil {
					t.Error(err)
				}
			}
			if err := s.Probe(t.Context()); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("a probe says %v", err)
			}
			full.Store(false)
			if err := errors.Join(s.Probe(t.Context()), touch(t, s, "Patient/new"), touch(t, s, "Patient/newer"), s.Close()); err != nil {
				t.Fatal(err)
			}
			wantOpenParts(t, open(t, dir, options()))
			if all := findings(t, dir); len(all) > 0 {
				t.Error(all)
			}
		})
	}
}

// wantOpenParts fails unless every part of every record can be opened, and returns how many
// parts of patients there are.
func wantOpenParts(t *testing.T, s *Store) (n int) {
	t.Helper()
	changes, accesses := s.Logs()
	sealer := sealing(t, s)
	for _, log := range []ledgerbridge.Log{changes, accesses} {
		err := log.Rows(t.Context(), 0, 1<<40, func(r ledgerbridge.Row) error {
			opened, err := sealer.OpenParts(t.Context(), r.Parts, nil)
			for i := range opened {
				if opened[i].Empty() {
					return fmt.Errorf("part %d of record %d is lost", i, r.Seq)
				}
				if opened[i].Patient != nil {
					n++
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	return n
}

// So many keys wait at most.
func TestKeysWaitInLimits(t *testing.T) {
	o := options()
	o.Fault = func(op string) error {
		if op == keysFile+" grow" {
			return syscall.ENOSPC
		}
		return nil
	}
	s := open(t, t.TempDir(), o)
	k := keysOf(s)
	all := make([]string, freshMost)
	for i := range all {
		all[i] = fmt.Sprint(i)
	}
	if _, err := k.Keys(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	_, err := k.Keys(t.Context(), []string{"one more"})
	wantUnavailable(t, err)
	if !strings.Contains(err.Error(), "200000 keys of new patients wait") && !strings.Contains(errors.Unwrap(errors.Unwrap(err)).Error(), "200000") {
		t.Error(err)
	}
}

// The variables of a child that ends itself with kill -9.
const (
	fatalFolder = "ACESO_TEST_FATAL_FOLDER"
	fatalOp     = "ACESO_TEST_FATAL_OP"
)

// suicidal records new patients until an operation kills the process at its third time.
func suicidal(t *testing.T, dir, op string) {
	o, times := options(), atomic.Int64{}
	o.Fault = func(is string) error {
		if is == op && times.Add(1) == 3 {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	}
	s, err := Open(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 1 << 20 {
				if err := touch(t, s, fmt.Sprintf("Patient/%d-%d-%d", os.Getpid(), i, n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// TestFatal is a child of TestKillAroundKeys.
func TestFatal(t *testing.T) {
	if dir := os.Getenv(fatalFolder); dir != "" {
		suicidal(t, dir, os.Getenv(fatalOp))
	}
}

// kill -9 between the writing of keys, their sync and the commit of the records loses no
// key that a record was sealed with.
func TestKillAroundKeys(t *testing.T) {
	dir, before := t.TempDir(), 0
	for range 2 {
		for _, op := range []string{keysFile + " write", keysFile + " sync", accessFile + " commit"} {
			c := exec.Command(os.Args[0], "-test.run", "^TestFatal$")
			c.Env = append(os.Environ(), fatalFolder+"="+dir, fatalOp+"="+op)
			out, err := c.CombinedOutput()
			var ended *exec.ExitError
			if !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("%s: %v\n%s", op, err, out)
			}
			s := open(t, dir, options())
			parts := wantOpenParts(t, s)
			if parts <= before {
				t.Errorf("%s: the child recorded nothing", op)
			}
			before = parts
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if all := findings(t, dir); len(all) > 0 {
				t.Error(all)
			}
		}
	}
}

// When Destroy returns, the file has lost the key, whatever becomes of the process; others
// see so.
func TestDestroyedKeyIsGoneAtOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	if err := touch(t, s, patients(0, 50)...); err != nil {
		t.Fatal(err)
	}
	k, sealer := keysOf(s), sealing(t, s)
	var keys []ledgerbridge.Secret
	for _, p := range patients(0, 50) {
		keys = append(keys, k.key(t, sealer.PatientPseudonym(p)))
	}
	data, err := os.ReadFile(filepath.Join(dir, keysFile))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range patients(0, 10) {
		if err := k.Destroy(t.Context(), sealer.PatientPseudonym(p)); err != nil {
			t.Fatal(err)
		}
		wrapped, _ := flip(keys[i].Key, []byte(keys[i].ID))
		wantNowhere(t, dir, wrapped)
		if at := strings.Index(string(data), string(wrapped)); at < 0 {
			t.Fatal("the key was not in the file")
		}
	}
	other, err := OpenReadOnly(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for i, one := range keys {
		if i < 10 {
			keysOf(other).wantNoKey(t, one.ID)
		} else {
			keysOf(other).wantKey(t, one.ID, one.Key)
		}
	}
}
