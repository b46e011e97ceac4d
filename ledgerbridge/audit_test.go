package ledgerbridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// edits are what an intruder may do to rows 0..11 of which 0..7 are checkpointed
// and 8..11 are not. seq is the row that must be named (-1: no row).
var edits = []struct {
	name   string
	seq    int64
	atOpen bool // found by OpenJournal too
	edit   func([]ledgerbridge.Row) []ledgerbridge.Row
}{
	{"delete a row", 3, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { return slices.Delete(r, 3, 4) }},
	{"delete the first row", 0, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { return r[1:] }},
	{"delete and renumber", 3, false, func(r []ledgerbridge.Row) []ledgerbridge.Row {
		r = slices.Delete(r, 3, 4)
		for i := range r {
			r[i].Seq = int64(i)
		}
		return r
	}},
	{"swap rows with their numbers", 2, false, func(r []ledgerbridge.Row) []ledgerbridge.Row {
		r[2], r[4] = r[4], r[2]
		r[2].Seq, r[4].Seq = 2, 4
		return r
	}},
	{"reorder rows", 2, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[2], r[4] = r[4], r[2]; return r }},
	{"cut below the checkpoint", 6, true, func(r []ledgerbridge.Row) []ledgerbridge.Row { return r[:6] }},
	{"replay a row at the end", 12, true, func(r []ledgerbridge.Row) []ledgerbridge.Row {
		again := r[5]
		again.Seq = int64(len(r))
		return append(r, again)
	}},
	{"replay a row instead of another after the checkpoint", 9, true, func(r []ledgerbridge.Row) []ledgerbridge.Row {
		r[9] = r[8]
		r[9].Seq = 9
		return r
	}},
	{"entry of an old row", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Entry[9] ^= 1; return r }},
	{"entry of a new row", 9, true, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[9].Entry[9] ^= 1; return r }},
	{"salt", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Salt[9] ^= 1; return r }},
	{"commitment", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Commitment[9] ^= 1; return r }},
	{"time", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Time = r[4].Time.Add(1e6); return r }},
	{"agent", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Agent = "x"; return r }},
	{"action", 10, true, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[10].Action = "R"; return r }},
	{"outcome", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Outcome = 403; return r }},
	{"patient", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].Patient = r[4].Parts[2].Patient; return r }},
	{"target", 10, true, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[10].Parts[1].Target += " x"; return r }},
	{"key of a part", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].Key = "part-9"; return r }},
	{"salt of a part", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].Salt[0] ^= 1; return r }},
	{"commitment of a part", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].Commitment[0] ^= 1; return r }},
	{"sealed bytes", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].Sealed[40] ^= 1; return r }},
	{"sealed bytes gone", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].Sealed = nil; return r }},
	{"erased by nobody", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row {
		r[4].Parts[1].Sealed, r[4].Parts[1].ErasedBy = nil, "x"
		return r
	}},
	{"erasure noted only", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].ErasedBy = source + "/1"; return r }},
	{"part removed", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts = r[4].Parts[:2]; return r }},
	{"parts swapped", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row {
		r[4].Parts[1], r[4].Parts[2] = r[4].Parts[2], r[4].Parts[1]
		return r
	}},
	{"part of another row", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1] = r[5].Parts[1]; return r }},
	{"all parts removed", 10, true, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[10].Parts = nil; return r }},
}

func TestEveryEditIsFound(t *testing.T) {
	ctx := context.Background()
	for _, c := range edits {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			n.add(8)
			j := n.journal()
			checkpoint(t, j)
			n.add(4)
			check := func(r *ledgerbridge.Row) error { return n.sealer.CheckParts(ctx, source, r) }
			if _, err := j.Audit(ctx, check); err != nil {
				t.Fatalf("before the edit: %v", err)
			}
			n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row { return c.edit(deep(r)) })
			_, err := j.Audit(ctx, check)
			wantDamage(t, err, c.seq)
			if _, err = n.open(); c.atOpen {
				wantDamage(t, err, c.seq)
			} else if err != nil {
				t.Logf("found at start already: %v", err)
			}
		})
	}
}

// deep copies rows so that an edit of one does not reach what others share.
func deep(rows []ledgerbridge.Row) []ledgerbridge.Row {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].Entry = slices.Clone(rows[i].Entry)
		rows[i].Parts = slices.Clone(rows[i].Parts)
		for k := range rows[i].Parts {
			rows[i].Parts[k].Sealed = slices.Clone(rows[i].Parts[k].Sealed)
		}
	}
	return rows
}

func wantDamage(t *testing.T, err error, seq int64) {
	t.Helper()
	var d *ledgerbridge.Damage
	if !errors.As(err, &d) {
		t.Fatalf("error %v, want damage of row %d", err, seq)
	}
	if d.Seq != seq || d.Source != source {
		t.Errorf("%v: names row %d of %s, want row %d", err, d.Seq, d.Source, seq)
	}
}

// A consistent rewrite of a checkpointed row (entry, salt, commitment and parts
// all fit) is found by the tree.
func TestRewrittenRowIsFound(t *testing.T) {
	n := newNode(t)
	n.add(8)
	j := n.journal()
	checkpoint(t, j)
	n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row {
		d := search()
		d.Decision = "deny"
		forged := seal(t, n.sealer, d, 4)
		r[4] = forged
		return r
	})
	_, err := j.Audit(context.Background(), nil)
	wantDamage(t, err, -1)
	if _, err := j.Prove(context.Background(), 4); err == nil {
		t.Error("a proof of the forged row was given")
	} else {
		wantDamage(t, err, 4)
	}
}

func TestTilesDamaged(t *testing.T) {
	ctx := context.Background()
	for _, size := range []int{40, 300, 600} {
		for _, place := range [][2]int64{{0, 0}, {0, 1}, {0, 2}, {1, 0}} {
			for name, edit := range map[string]func([]byte) []byte{
				"bit":     func(b []byte) []byte { b[33] ^= 1; return b },
				"cut":     func(b []byte) []byte { return b[:len(b)-32] },
				"odd":     func(b []byte) []byte { return append(b, 1) },
				"longer":  func(b []byte) []byte { return append(b, make([]byte, 32)...) },
				"removed": func([]byte) []byte { return nil },
			} {
				n := newNode(t)
				n.addSmall(size)
				j := n.journal()
				checkpoint(t, j)
				if data, _ := n.log.ReadTile(ctx, int(place[0]), place[1]); len(data) < 34 && name == "bit" || data == nil {
					continue
				}
				n.log.DamageTile(int(place[0]), place[1], edit)
				_, err := j.Audit(ctx, nil)
				var d *ledgerbridge.Damage
				if !errors.As(err, &d) || !strings.HasPrefix(d.Column, fmt.Sprintf("tile %d/%d", place[0], place[1])) {
					t.Errorf("size %d, tile %v, %s: %v", size, place, name, err)
				}
			}
		}
	}
}

func (n *node) addSmall(count int) {
	n.t.Helper()
	p := prepare(n.t, n.sealer, ledgerbridge.Draft{Action: "R"})
	for range count {
		if _, err := n.log.Append(p); err != nil {
			n.t.Fatal(err)
		}
	}
}

func TestExtraTileIsFound(t *testing.T) {
	n := newNode(t)
	n.addSmall(256)
	j := n.journal()
	checkpoint(t, j)
	n.log.DamageTile(0, 1, func([]byte) []byte { return make([]byte, 32) })
	if _, err := j.Audit(context.Background(), nil); err == nil {
		t.Error("a tile beyond the rows is not found")
	}
}

// The rows' tail after the last checkpoint can be cut unseen, but for a receipt.
func TestCutTailIsFoundWithAReceipt(t *testing.T) {
	ctx := context.Background()
	n := newNode(t)
	n.add(8)
	j := n.journal()
	checkpoint(t, j)
	n.add(2)
	row, err := ledgerbridge.ReadRow(ctx, n.log, 9)
	if err != nil {
		t.Fatal(err)
	}
	receipt := row.Receipt(source)
	if err := ledgerbridge.CheckReceipt(ctx, n.log, receipt); err != nil {
		t.Fatal(err)
	}
	n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row { return r[:9] })
	if _, err := j.Audit(ctx, nil); err != nil {
		t.Fatalf("documented as not found without a receipt, but: %v", err)
	}
	wantDamage(t, ledgerbridge.CheckReceipt(ctx, n.log, receipt), 9)
	n.add(1) // another row takes its place
	wantDamage(t, ledgerbridge.CheckReceipt(ctx, n.log, receipt), 9)
}

func TestErasure(t *testing.T) {
	ctx := context.Background()
	n := newNode(t)
	n.add(4)
	j := n.journal()
	before := checkpoint(t, j)
	who := n.sealer.PatientPseudonym("Patient/1")
	erase := ledgerbridge.Draft{Action: "D", Interaction: ledgerbridge.Erase, Target: "Patient/1", Patients: []ledgerbridge.Touched{{Patient: "Patient/1"}}}
	row, err := n.log.Append(prepare(t, n.sealer, erase))
	if err != nil {
		t.Fatal(err)
	}
	by := ledgerbridge.Place(source, row.Seq)
	if err := n.keys.Destroy(ctx, who); err != nil {
		t.Fatal(err)
	}
	if count, err := n.log.Erase(ctx, n.sealer.Erasure(who, by)); err != nil || count != 5 {
		t.Fatal(count, err)
	}
	for place, of := range map[string]string{by: "", ledgerbridge.Place(source, 1): "", ledgerbridge.Place(source, 99): "", "x": "", "lab/n1/accesses.0/4": "", by + " of another patient": n.sealer.PatientPseudonym("Patient/2")} {
		p := &ledgerbridge.PartRow{ErasedBy: strings.TrimSuffix(place, " of another patient"), Patient: of}
		if err := ledgerbridge.CheckErasure(ctx, []ledgerbridge.Log{n.log}, p); (err == nil) != (place == by) {
			t.Errorf("erased by %s: %v", place, err)
		}
	}
	after := checkpoint(t, j)
	if _, err := j.Audit(ctx, n.sealer.AuditParts(ctx, source, n.log)); err != nil {
		t.Errorf("after an erasure: %v", err)
	}
	n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row {
		r = deep(r)
		r[2].Parts[1].ErasedBy = ledgerbridge.Place(source, 1)
		return r
	})
	_, err = j.Audit(ctx, n.sealer.AuditParts(ctx, source, n.log))
	wantDamage(t, err, 2)
	path, err := j.Consistency(ctx, before.Size, after.Size)
	if err != nil || ledgerbridge.VerifyConsistency(before, after, path) != nil {
		t.Error("the log after the erasure does not continue the one before", err)
	}
}
