package aceso_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMutants proves that a test fails for each guard that is disabled, and passes while
// none is; `make mutants` runs it. ONLY names one guard, or the first words of several.
func TestMutants(t *testing.T) {
	if os.Getenv("ACESO_MUTANTS") == "" {
		t.Skip("SKIPPED: takes minutes; run it with `make mutants`")
	}
	var chosen []int
	for n, m := range mutants {
		if strings.HasPrefix(m.name, os.Getenv("ONLY")) {
			chosen = append(chosen, n)
		}
	}
	if len(chosen) == 0 {
		t.Fatalf("no guard is named %q", os.Getenv("ONLY"))
	}
	r := newMutantRun(t, chosen)
	each(r.packages(), r.build)
	each(r.ordered, r.try)
	r.summary()
}

// each does something for all, as many at once as there are cores.
func each[T any](all []T, do func(T)) {
	work := make(chan T)
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			for one := range work {
				do(one)
			}
		})
	}
	for _, one := range all {
		work <- one
	}
	close(work)
	workers.Wait()
}

// mutantRun tries mutants and says how far it is.
type mutantRun struct {
	t       *testing.T
	began   time.Time
	all     int
	ordered []int
	shared  *overlay         // most mutants, switched by the environment
	alone   map[int]*overlay // those that are built alone

	mu       sync.Mutex
	passes   map[string]func() error // runs a test without a mutant, once
	caught   int
	survived []string
}

// newMutantRun prepares the sources. Mutants that are built alone come first, so that at
// the end no core waits for a build.
func newMutantRun(t *testing.T, chosen []int) *mutantRun {
	r := &mutantRun{t: t, began: time.Now(), all: len(chosen), alone: map[int]*overlay{}, passes: map[string]func() error{}}
	fmt.Printf("%d mutants\n", len(chosen))
	r.shared, r.ordered = switched(t, chosen)
	for wrong := r.miscompiled(chosen); len(wrong) > 0; wrong = r.miscompiled(chosen) {
		chosen = slices.DeleteFunc(chosen, func(n int) bool { return slices.Contains(wrong, n) })
		r.shared, r.ordered = switched(t, chosen)
	}
	for _, n := range r.ordered {
		r.alone[n] = single(t, n)
	}
	for _, n := range chosen {
		if r.alone[n] == nil {
			r.ordered = append(r.ordered, n)
		}
	}
	fmt.Printf("%d mutants compile together, %d need a build of their own\n", len(chosen)-len(r.alone), len(r.alone))
	return r
}

// miscompiled are the mutants that the compiler refuses; they survive.
func (r *mutantRun) miscompiled(chosen []int) (wrong []int) {
	args := []string{"build", "-o", os.DevNull, "-overlay", r.shared.file()}
	for _, n := range chosen {
		if dir := "./" + path.Dir(mutants[n].file); path.Ext(mutants[n].file) == ".go" && !slices.Contains(args, dir) {
			args = append(args, dir)
		}
	}
	if !strings.HasPrefix(args[len(args)-1], "./") {
		return nil // none of them is of Go
	}
	out, err := exec.Command("go", args...).CombinedOutput()
	if err == nil {
		return nil
	}
	for _, n := range chosen {
		if name := mutants[n].name; strings.Contains(string(out), "\n"+name+":") {
			wrong = append(wrong, n)
			r.survived = append(r.survived, name+" (does not compile)")
		}
	}
	if r.t.Errorf("mutants that do not compile: %v\n%s", err, out); len(wrong) == 0 {
		r.t.FailNow()
	}
	return wrong
}

// packages are those whose tests are needed, those with most mutants first.
func (r *mutantRun) packages() []string {
	rows := map[string]int{}
	for _, n := range r.ordered {
		rows[mutants[n].pkg]++
	}
	return slices.SortedFunc(maps.Keys(rows), func(a, b string) int { return rows[b] - rows[a] })
}

// build makes the tests of a package, with all mutants.
func (r *mutantRun) build(pkg string) {
	began := time.Now()
	if err := build(r.shared, pkg, r.binary(pkg)); err != nil {
		r.t.Error(err)
	}
	fmt.Printf("built %s, %.1fs\n", pkg, time.Since(began).Seconds())
}

// try tells whether a mutant is caught.
func (r *mutantRun) try(n int) {
	m, began, how := mutants[n], time.Now(), "caught"
	err := r.survives(n)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.caught++
	} else {
		how = "SURVIVES"
		r.survived = append(r.survived, m.name)
		r.t.Errorf("%s: %s of %s: %.4000s", m.name, m.test, m.pkg, err)
	}
	fmt.Printf("[%3d/%d] %s: %s (%s) by %s, %.1fs\n", r.caught+len(r.survived), r.all, how, m.name, m.file, m.test, time.Since(began).Seconds())
}

// survives says why a mutant is not caught: its test fails anyway, or it passes.
func (r *mutantRun) survives(n int) error {
	m := mutants[n]
	binary := r.binary(m.pkg)
	if err := r.sound(m, binary); err != nil {
		return fmt.Errorf("without a mutant: %w", err)
	}
	if own := r.alone[n]; own != nil {
		binary = filepath.Join(own.dir, "alone.test")
		defer func() { _ = os.Remove(binary) }()
		if err := build(own, m.pkg, binary); err != nil {
			return err
		}
	}
	err := passes(m, binary, n)
	switch {
	case err == nil:
		return errors.New("passes")
	case !strings.Contains(err.Error(), "--- FAIL: "+m.test):
		return err
	}
	return nil
}

// sound says whether a test passes as long as there is no mutant.
func (r *mutantRun) sound(m mutant, binary string) error {
	key := m.pkg + " " + m.test
	r.mu.Lock()
	if r.passes[key] == nil {
		r.passes[key] = sync.OnceValue(func() error { return passes(m, binary, -1) })
	}
	sound := r.passes[key]
	r.mu.Unlock()
	return sound()
}

func (r *mutantRun) binary(pkg string) string {
	return filepath.Join(r.shared.dir, strings.ReplaceAll(pkg[2:], "/", "_")+".test")
}

// build makes the tests of a package.
func build(o *overlay, pkg, binary string) error {
	out, err := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", o.file(), "-o", binary, pkg).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// passes runs the test of a mutant, with the mutant of a number in force, and returns what
// it says when it fails.
func passes(m mutant, binary string, n int) error {
	parts := strings.Split(m.test, "/")
	run := exec.Command(binary, "-test.short", "-test.failfast", "-test.timeout=5m", "-test.run=^"+strings.Join(parts, "$/^")+"$")
	run.Dir = filepath.FromSlash(m.pkg)
	run.Env = append(os.Environ(), mutantEnv+"="+strconv.Itoa(n))
	out, err := run.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	if strings.Contains(string(out), "no tests to run") {
		return errors.New("no such test")
	}
	return nil
}

// summary ends the run.
func (r *mutantRun) summary() {
	fmt.Printf("%d mutants caught, %d survive, in %s\n", r.caught, len(r.survived), time.Since(r.began).Round(time.Second))
	slices.Sort(r.survived)
	for _, name := range r.survived {
		fmt.Println("survives:", name)
	}
}
