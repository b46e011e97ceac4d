package local_test

import (
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
)

// The checkpoints after any size are visited in full, and the file before them is not read.
func TestAfterReadsTheEndOnly(t *testing.T) {
	w := newWriter(t)
	w.ledger.Close()
	w.ledger = nil
	w.reach = func() (*local.Ledger, error) { return local.OpenReach(w.path, 4096, 2048, changes, accesses) }
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.checkpoint(changes)
	}
	for range 60 {
		w.checkpoint(accesses)
	}
	after := func(source string, size int64) (sizes []int64, err error) {
		err = w.ledger.After(ctx, source, size, func(signed []byte) error {
			c, err := ledgerbridge.ParseCheckpoint(signed)
			sizes = append(sizes, c.Size)
			return err
		})
		return sizes, err
	}
	for size := range int64(61) {
		sizes, err := after(accesses, size)
		if err != nil || int64(len(sizes)) != 60-size || len(sizes) > 0 && sizes[0] != size+1 {
			t.Errorf("after %d: %v, %v", size, sizes, err)
		}
	}
	if sizes, err := after(changes, 3); err != nil || len(sizes) != 0 {
		t.Errorf("the quiet log: %v, %v", sizes, err)
	}
	b := w.read()
	b[40] ^= 1
	w.write(b)
	if _, err := after(accesses, 58); err != nil {
		t.Errorf("the beginning was read: %v", err)
	}
	if _, err := after(accesses, 0); err == nil {
		t.Error("the beginning was not read")
	}
}
