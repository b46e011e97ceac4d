package policy

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"
)

const (
	openText = "package aceso.access\n\n" + byDefault + "decision := " + permit + " if input.action == \"r\"\n"
	shutText = "package aceso.access\n\n" + byDefault
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// told is one call of Options.Reloaded.
type told struct {
	revision string
	err      error
}

// watched starts Watch on a folder with the open policy.
func watched(t *testing.T, o Options) (*Engine, string, chan told) {
	t.Helper()
	dir, reloads := t.TempDir(), make(chan told, 100)
	write(t, dir, "p.rego", openText)
	o.Reloaded = func(revision string, err error) { reloads <- told{revision, err} }
	e := newEngine(t, os.DirFS(dir), o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); e.Watch(ctx, dir) }()
	t.Cleanup(func() { cancel(); <-done })
	return e, dir, reloads
}

// taken is the next successful reload: a half-done change may fail first.
func taken(reloads <-chan told) told {
	for {
		if r := <-reloads; r.err == nil {
			return r
		}
	}
}

func allows(t *testing.T, e *Engine) bool {
	t.Helper()
	d, err := e.Decide(context.Background(), input())
	if err != nil {
		t.Error(err)
	}
	return d.Allow
}

func TestWatchTakesUpChanges(t *testing.T) {
	for name, o := range map[string]Options{
		"noticed": {Settle: time.Millisecond, Poll: time.Hour},
		"polled":  {Settle: time.Hour, Poll: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			e, dir, reloads := watched(t, o)
			before := e.Revision()
			write(t, dir, "p.rego", shutText)
			taken(reloads)
			if allows(t, e) || e.Revision() == before || e.Problem() != nil {
				t.Errorf("revision %s, problem %v", e.Revision(), e.Problem())
			}
		})
	}
}

// Policies that do not compile leave the old ones in force. The engine reports the
// problem until it is fixed.
func TestWatchKeepsWhatWorks(t *testing.T) {
	e, dir, reloads := watched(t, Options{Settle: time.Millisecond, Poll: time.Millisecond})
	before := e.Revision()
	write(t, dir, "q.rego", "package aceso.access\n\ndecision := {")
	if r := <-reloads; r.err == nil || r.revision != before {
		t.Errorf("told %+v", r)
	}
	if !allows(t, e) || e.Revision() != before || e.Problem() == nil {
		t.Errorf("revision %s, problem %v", e.Revision(), e.Problem())
	}
	if err := os.Remove(filepath.Join(dir, "q.rego")); err != nil {
		t.Fatal(err)
	}
	if r := taken(reloads); r.revision != before || e.Problem() != nil || e.Revision() != before {
		t.Errorf("told %+v, problem %v", r, e.Problem())
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for r := range reloads { // a half-done removal may be seen
		if r.err != nil {
			break
		}
	}
	if !allows(t, e) || e.Problem() == nil {
		t.Error("a vanished folder is no problem")
	}
}

func TestReloadKeepsWhatWorks(t *testing.T) {
	e := newEngine(t, nil, Options{})
	before := e.Revision()
	if err := e.Reload(context.Background(), fstest.MapFS{"p.rego": {Data: []byte("nonsense")}}); err == nil {
		t.Error("nonsense compiles")
	}
	if e.Revision() != before || e.Problem() == nil || !allows(t, e) {
		t.Errorf("revision %s, problem %v", e.Revision(), e.Problem())
	}
	if err := e.Reload(context.Background(), Base()); err != nil || e.Problem() != nil {
		t.Errorf("reload: %v, problem %v", err, e.Problem())
	}
}

// A mounted folder has its files behind links, and their targets in hidden folders.
func TestLinkedFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "..1"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "..1/p.rego", openText)
	for link, target := range map[string]string{"..data": "..1", "p.rego": "..data/p.rego"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	if e := newEngine(t, os.DirFS(dir), Options{}); !allows(t, e) {
		t.Error("denied")
	}
}
