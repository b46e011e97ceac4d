package ledgerbridge_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// audited is the head of a whole audit, to go on from.
func audited(t *testing.T, j *ledgerbridge.Journal) ledgerbridge.TreeHead {
	t.Helper()
	a, err := j.Audit(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return a.Head
}

// An edit of rows that were audited before is found by auditing that part again, one of
// later rows by going on.
func TestEditsAreFoundInParts(t *testing.T) {
	for _, c := range edits {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			n.add(8)
			j := n.journal()
			checkpoint(t, j)
			head := audited(t, j)
			if head.Size != 8 {
				t.Fatalf("head %+v", head)
			}
			n.add(4)
			n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row { return c.edit(deep(r)) })
			check := func(r *ledgerbridge.Row) error { return n.sealer.CheckParts(t.Context(), source, r) }
			_, later := j.AuditFrom(t.Context(), head, check)
			earlier := j.AuditPart(t.Context(), head, 0, 8, check)
			found := later
			if c.seq >= 0 && c.seq < 8 {
				found = earlier
			}
			if errors.Join(later, earlier) == nil {
				t.Fatal("not found")
			}
			if _, ok := errors.AsType[*ledgerbridge.Damage](found); !ok {
				t.Errorf("later rows: %v; earlier rows: %v", later, earlier)
			}
		})
	}
}

// Parts of any length, and what the tiles say of the rest, give the root of the whole.
func TestAuditOfParts(t *testing.T) {
	n := newNode(t)
	n.addSmall(600)
	j := n.journal()
	checkpoint(t, j)
	head := audited(t, j)
	for _, part := range [][2]int64{{0, 600}, {0, 1}, {599, 600}, {255, 257}, {256, 512}, {1, 600}, {0, 256}, {300, 300}} {
		rows := int64(0)
		err := j.AuditPart(t.Context(), head, part[0], part[1], func(*ledgerbridge.Row) error {
			rows++
			return nil
		})
		if err != nil || rows != part[1]-part[0] {
			t.Errorf("rows %v: %d visited, %v", part, rows, err)
		}
	}
	other := head
	other.Root[0] ^= 1
	if err := j.AuditPart(t.Context(), other, 256, 512, nil); err == nil {
		t.Error("another root was accepted")
	}
	n.log.DamageTile(1, 0, func(b []byte) []byte { b[33] ^= 1; return b })
	if err := j.AuditPart(t.Context(), head, 256, 512, nil); err == nil || !strings.Contains(err.Error(), "tile 1/0") {
		t.Errorf("a changed tile: %v", err)
	}
}

// A row that was written again under the tree, entry, salt and commitment alike, is found
// by its part.
func TestRewrittenRowIsFoundInItsPart(t *testing.T) {
	n := newNode(t)
	n.add(8)
	j := n.journal()
	checkpoint(t, j)
	head := audited(t, j)
	n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row {
		d := search()
		d.Decision = "deny"
		r[4] = seal(t, n.sealer, d, 4)
		return r
	})
	if err := j.AuditPart(t.Context(), head, 3, 6, nil); err == nil {
		t.Error("not found")
	}
	if err := j.AuditPart(t.Context(), head, 5, 8, nil); err != nil {
		t.Errorf("another part: %v", err)
	}
}

// Rows that come later change nothing about what was audited; another log with as many
// rows, or fewer rows, is noticed.
func TestLogContinuesAnAuditedHead(t *testing.T) {
	n := newNode(t)
	n.add(8)
	j := n.journal()
	checkpoint(t, j)
	head := audited(t, j)
	n.add(5)
	checkpoint(t, j)
	if ok, err := j.Continues(t.Context(), head); !ok || err != nil {
		t.Errorf("a longer log: %t, %v", ok, err)
	}
	if ok, err := j.Continues(t.Context(), ledgerbridge.TreeHead{}); !ok || err != nil {
		t.Errorf("a log that was never audited: %t, %v", ok, err)
	}
	fork := head
	fork.Root[7] ^= 1
	if ok, err := j.Continues(t.Context(), fork); ok || err != nil {
		t.Errorf("another log: %t, %v", ok, err)
	}
	_, err := j.AuditFrom(t.Context(), fork, nil)
	wantDamage(t, err, -1)
	longer := ledgerbridge.TreeHead{Size: 14, Root: head.Root}
	_, err = j.Continues(t.Context(), longer)
	wantDamage(t, err, -1)
	_, err = j.AuditFrom(t.Context(), longer, nil)
	wantDamage(t, err, -1)
}
