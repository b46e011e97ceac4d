package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

// killedFolder names the folder that a child process of TestKill works on.
const killedFolder = "ACESO_TEST_KILLED_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedFolder); dir != "" {
		fmt.Fprintln(os.Stderr, victim(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// victim writes with many goroutines and acknowledges on standard output what was
// acknowledged to it, until it is killed.
func victim(dir string) error {
	s, err := Open(context.Background(), dir, options())
	if err != nil {
		return err
	}
	sealer, err := storetest.NewSealer()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	failed := make(chan error)
	for i := range 24 {
		go func() {
			for n := 0; ; n++ {
				line, err := work(s, sealer, fmt.Sprintf("%d-%d-%d", os.Getpid(), i, n), i%2 == 0)
				if err != nil {
					failed <- err
					return
				}
				mu.Lock()
				fmt.Println(line)
				mu.Unlock()
			}
		}()
	}
	return <-failed
}

// work writes a resource or records a read, and says what must never be lost.
func work(s *Store, sealer *ledgerbridge.Sealer, id string, write bool) (string, error) {
	p, err := storetest.Record(sealer, "read", "R", 200, "Patient/1")
	if err != nil {
		return "", err
	}
	if !write {
		r, err := s.Record(context.Background(), p, store.Judged{})
		return fmt.Sprintf("access %d %x", r.Seq, r.Commitment), err
	}
	at := time.Now().UTC().Truncate(time.Millisecond)
	doc, err := fhir.Parse(fmt.Appendf(nil, weightBody, 1, 2, 3))
	if err != nil {
		return "", err
	}
	if doc, err = doc.Stamp(id, 1, at); err != nil {
		return "", err
	}
	index, facts, err := search.Describe(doc, s.opts.Base)
	if err != nil {
		return "", err
	}
	r, err := s.Commit(context.Background(), store.Change{Entry: p, Writes: []store.Write{{
		Ref: fhir.Ref{Type: "Observation", ID: id}, LastUpdated: at, Method: "PUT", Owner: storetest.Organization,
		Body: doc.Bytes(), Hash: doc.Hash(), Index: index, Facts: facts,
	}}})
	return fmt.Sprintf("change %d %x %s", r.Seq, r.Commitment, id), err
}

// kill runs the victim on dir for a while and returns what it acknowledged.
func kill(t *testing.T, dir string, after int) (lines []string) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), killedFolder+"="+dir)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(out)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Log(err)
			}
			break // a line without an end was not acknowledged
		}
		if lines = append(lines, strings.TrimSpace(line)); len(lines) == after {
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Wait(); err == nil || len(lines) < after {
		t.Fatalf("the child ended by itself after %d lines: %v", len(lines), err)
	}
	return lines
}

// What was acknowledged is there after kill -9, whole, and the logs go on.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range 10 {
		for _, line := range kill(t, dir, 40+97*round%300) {
			acknowledged[line] = true
		}
		a := newAuthor(t, open(t, dir, options()))
		changes, accesses := a.Logs()
		there := map[string]bool{}
		for kind, log := range map[string]ledgerbridge.Log{"change": changes, "access": accesses} {
			n := int64(0)
			a.must(log.Rows(t.Context(), 0, 1<<40, func(r ledgerbridge.Row) error {
				there[fmt.Sprintf("%s %d %x", kind, r.Seq, r.Commitment)] = true
				n++
				return ledgerbridge.CheckRow(log.Source(), n-1, &r)
			}))
		}
		for line := range acknowledged {
			f := strings.Fields(line)
			if !there[strings.Join(f[:3], " ")] {
				t.Fatalf("round %d: lost %q", round, line)
			}
			if len(f) == 4 {
				if _, err := a.Get(t.Context(), fhir.Ref{Type: "Observation", ID: f[3]}); err != nil {
					t.Fatalf("round %d: %q: %v", round, line, err)
				}
			}
		}
		if all := a.findings(); len(all) > 0 {
			t.Fatal(all)
		}
		a.must(a.Close())
	}
	if len(acknowledged) < 1000 {
		t.Errorf("only %d acknowledgements in all rounds", len(acknowledged))
	}
}
