package ledgerbridge_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
)

func openAnchors(t *testing.T, path string) *ledgerbridge.Anchors {
	t.Helper()
	a, err := ledgerbridge.OpenAnchors(path, "records")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// anchorTo is the anchor that leads from one size to the next.
func anchorTo(from, to int64) ledgerbridge.Anchor {
	return ledgerbridge.Anchor{
		OldSize: from, Size: to, Channel: "records", Block: uint64(to), Transaction: fmt.Sprintf("%064x", to),
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

// Every record has the first anchor that holds it, also after a restart and with a
// torn end.
func TestAnchorsCoverRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger", "x.anchors")
	a := openAnchors(t, path)
	ends := []int64{1, 4, 5, 9, 10}
	var from int64
	for _, to := range ends {
		for range 2 { // again changes nothing
			if err := a.Add(anchorTo(from, to)); err != nil {
				t.Fatal(err)
			}
		}
		from = to
	}
	check := func(a *ledgerbridge.Anchors, ends []int64) {
		t.Helper()
		var from int64
		for _, to := range ends {
			for seq := from; seq < to; seq++ {
				if got, ok, err := a.Covering(seq); got != anchorTo(from, to) || !ok || err != nil {
					t.Errorf("record %d: %+v %v %v, want %+v", seq, got, ok, err, anchorTo(from, to))
				}
			}
			from = to
		}
		if _, ok, err := a.Covering(from); ok || err != nil {
			t.Errorf("record %d is covered (%v)", from, err)
		}
		if a.Last() != a.Listed() || a.Last().Size != from {
			t.Errorf("last %+v, listed %+v, want size %d", a.Last(), a.Listed(), from)
		}
	}
	check(a, ends)
	check(openAnchors(t, path), ends)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-100]++ // the last line, and half of one more
	if err := os.WriteFile(path, append(data, data[:50]...), 0o600); err != nil {
		t.Fatal(err)
	}
	torn := openAnchors(t, path)
	check(torn, ends[:4])
	if err := torn.Add(anchorTo(9, 10)); err != nil {
		t.Fatal(err)
	}
	check(torn, ends)
	data[20] = '9'
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := torn.Covering(0); err == nil {
		t.Error("a damaged line was believed")
	}
}

// While the list is being filled again, the newest anchor is known, and nothing is
// guessed about those between.
func TestAnchorsWithGap(t *testing.T) {
	a := openAnchors(t, filepath.Join(t.TempDir(), "x"))
	if err := a.Add(anchorTo(5, 8)); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := a.Covering(4); ok {
		t.Error("a record before the gap has an anchor")
	}
	if got, ok, _ := a.Covering(5); !ok || got.Size != 8 || a.Last().Size != 8 || a.Listed().Size != 0 {
		t.Errorf("the newest anchor: %+v %v, listed %+v", got, ok, a.Listed())
	}
	for _, b := range []ledgerbridge.Anchor{anchorTo(0, 5), anchorTo(5, 8)} {
		if err := a.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	if got, ok, _ := a.Covering(4); !ok || got != anchorTo(0, 5) || a.Listed() != anchorTo(5, 8) {
		t.Errorf("after filling: %+v %v, listed %+v", got, ok, a.Listed())
	}
}

func TestStanding(t *testing.T) {
	n := newNode(t)
	n.add(3)
	alone := n.journal()
	if s, err := alone.Standing(context.Background()); err != nil || s.Size != 3 || s.Waiting != 0 || !s.Oldest.IsZero() {
		t.Errorf("without a network's ledger: %+v %v", s, err)
	}
	c := n.config()
	c.Anchors = openAnchors(t, filepath.Join(t.TempDir(), "x"))
	j, err := ledgerbridge.OpenJournal(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint(t, j)
	n.add(1)
	if err := c.Anchors.Add(anchorTo(0, 2)); err != nil {
		t.Fatal(err)
	}
	s, err := j.Standing(context.Background())
	if err != nil || s.Size != 4 || s.Checkpointed != 3 || s.Anchor.Size != 2 || s.Waiting != 2 || !s.Oldest.Equal(n.rows()[2].Time) {
		t.Errorf("standing: %+v %v", s, err)
	}
	for seq, want := range []ledgerbridge.State{ledgerbridge.Anchored, ledgerbridge.Anchored, ledgerbridge.Checkpointed, ledgerbridge.Journaled} {
		if got := j.State(int64(seq)); got != want {
			t.Errorf("record %d is %s, want %s", seq, got, want)
		}
	}
	c.Anchors.Fail(&ledgerbridge.Contradiction{Source: source, What: "a fork"})
	c.Anchors.Fail(nil)
	var denied *ledgerbridge.Contradiction
	if s, _ := j.Standing(context.Background()); !errors.As(s.Err, &denied) {
		t.Errorf("a contradiction was forgotten: %v", s.Err)
	}
}

func TestAwaitAnchor(t *testing.T) {
	c := newNode(t).config()
	c.Anchors = openAnchors(t, filepath.Join(t.TempDir(), "x"))
	j, err := ledgerbridge.OpenJournal(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-c.Anchors.Wanted()
		_ = c.Anchors.Add(anchorTo(0, 2))
		_ = c.Anchors.Add(anchorTo(2, 3))
	}()
	if a, ok := j.AwaitAnchor(t.Context(), 2); !ok || a != anchorTo(2, 3) {
		t.Errorf("waited for %+v %v", a, ok)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := j.AwaitAnchor(ended, 3); ok {
		t.Error("a record that is not there is anchored")
	}
}

// A batch extends what the ledger has, wherever it is cut.
func TestJournalBatch(t *testing.T) {
	n := newNode(t)
	n.add(700)
	j := n.journal()
	last := checkpoint(t, j)
	var head ledgerbridge.Head
	for _, to := range []int64{1, 255, 256, 300, 699, 700} {
		b, err := j.Batch(context.Background(), head.Size, to)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Extends(head); err != nil {
			t.Fatal(err)
		}
		c, err := j.Sign(context.Background(), to)
		if err != nil || c.Root != b.Root || string(c.Note) != string(b.Checkpoint) {
			t.Errorf("checkpoint of an earlier size %d: %+v %v", to, c, err)
		}
		if _, err := ledgerbridge.VerifyCheckpoint(b.Checkpoint, parseKeys(t, n.vkey)); err != nil {
			t.Error(err)
		}
		head = ledgerbridge.Head{Size: to, Root: b.Root}
	}
	if head.Root != last.Root {
		t.Error("the last batch has another root than the log's checkpoint")
	}
}
