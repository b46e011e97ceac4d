package storetest

import "github.com/aceso-health/aceso/ledgerbridge"

// bare holds what a tree grows from to the rows, less their parts.
func (w *world) bare(l ledgerbridge.Log, from, to int64, rows []ledgerbridge.Row) {
	w.Helper()
	bare, ok := l.(ledgerbridge.BareLog)
	if !ok {
		return
	}
	n := 0
	w.check(bare.BareRows(w.Context(), from, to, func(r ledgerbridge.Row) error {
		if len(r.Parts) > 0 || n >= len(rows) || string(r.Entry) != string(rows[n].Entry) || r.Salt != rows[n].Salt || r.Commitment != rows[n].Commitment {
			w.Errorf("bare row %d of %s is another one, or has parts", r.Seq, l.Source())
		}
		n++
		return nil
	}))
	if n != len(rows) {
		w.Errorf("%d bare rows of %s, %d rows", n, l.Source(), len(rows))
	}
}
