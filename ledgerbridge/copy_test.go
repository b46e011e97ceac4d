package ledgerbridge_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

func sameHead(t *testing.T, a, b ledgerbridge.Ledger, size int64) {
	t.Helper()
	one, err := a.Head(t.Context(), source)
	two, err2 := b.Head(t.Context(), source)
	if errors.Join(err, err2) != nil || one.Size != size || one.Root != two.Root || one.Size != two.Size || string(one.Checkpoint) != string(two.Checkpoint) {
		t.Errorf("heads of %d and %d rows, want both of %d with the same checkpoint", one.Size, two.Size, size)
	}
}

// A checkpoint that reached only one of the two places is tried again as it was, also
// when more rows have come; what is left is mended by CatchUp.
func TestCopiedLedger(t *testing.T) {
	n := newNode(t)
	first, second := new(logtest.Ledger), new(logtest.Ledger)
	n.ledger = ledgerbridge.Copied{Ledger: first, Copy: second}
	j := n.journal()
	n.add(3)
	checkpoint(t, j)
	n.add(2)
	second.Fail(errors.New("disk full"))
	if _, err := j.Checkpoint(context.Background()); err == nil {
		t.Fatal("the copy failed and nobody was told")
	}
	n.add(4)
	second.Fail(nil)
	if c := checkpoint(t, j); c.Size != 9 {
		t.Errorf("checkpoint of %d rows", c.Size)
	}
	sameHead(t, first, second, 9)
	second.Fail(errors.New("disk full"))
	n.add(1)
	_, _ = j.Checkpoint(context.Background())
	second.Fail(nil)
	for _, behind := range []*logtest.Ledger{second, new(logtest.Ledger)} { // by one, and by all
		if err := ledgerbridge.CatchUp(t.Context(), n.log, first, behind); err != nil {
			t.Fatal(err)
		}
		sameHead(t, first, behind, 10)
	}
}

// A ledger that was restored to an older state, or holds other rows, does not get the
// better of its copy.
func TestCatchUpFindsTheRestored(t *testing.T) {
	n := newNode(t)
	first, second := new(logtest.Ledger), new(logtest.Ledger)
	n.ledger = first
	n.add(3)
	checkpoint(t, n.journal())
	if err := ledgerbridge.CatchUp(t.Context(), n.log, first, second); err != nil {
		t.Fatal(err)
	}
	var damage *ledgerbridge.Damage
	if err := ledgerbridge.CatchUp(t.Context(), n.log, new(logtest.Ledger), second); !errors.As(err, &damage) {
		t.Errorf("a ledger behind its copy: %v", err)
	}
	n.add(2)
	checkpoint(t, n.journal())
	n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row {
		r[3], r[4] = r[4], r[3]
		r[3].Seq, r[4].Seq = 3, 4
		return r
	})
	if err := ledgerbridge.CatchUp(t.Context(), n.log, first, second); !errors.As(err, &damage) {
		t.Errorf("other rows than the checkpoint is for: %v", err)
	}
	sameHead(t, second, second, 3)
}
