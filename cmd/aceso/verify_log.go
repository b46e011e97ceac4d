package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/store"
)

// log re-hashes what is in a data folder, as far as it was not verified before. A server
// may be running.
func (v *verification) log() int {
	data, err := node.OpenFolder(v.data)
	if err != nil {
		return v.unchecked(err)
	}
	var found findings
	report := func(f store.Finding) error {
		found.count++
		fmt.Fprintf(v.stderr, "tampered: %s, row %s: %s\n", f.Table, f.Row, f.What)
		return nil
	}
	evidence := node.Evidence{Witness: v.witness, Receipts: v.receipts}
	name, err := node.VerifyLog(context.Background(), data, v.database, evidence, extent(v.all, v.stderr), report)
	var tampered *node.Tampered
	switch {
	case found.count > 0:
		return v.tampered(errors.Join(&found, err))
	case errors.As(err, &tampered):
		return v.tampered(err)
	case err != nil:
		return v.unchecked(err)
	}
	fmt.Fprintf(v.stdout, "ok: %s is whole\n", name)
	return exitWhole
}

// findings is the number of places that have been printed.
type findings struct{ count int }

func (f *findings) Error() string {
	if f.count == 1 {
		return "1 place does not fit"
	}
	return fmt.Sprintf("%d places do not fit", f.count)
}

// extent says how far a check goes, and what it goes on from.
func extent(all bool, stderr io.Writer) node.Extent {
	return node.Extent{All: all, Program: version(), Say: func(text string, warn bool) {
		if warn {
			text = "warning: " + text
		}
		fmt.Fprintln(stderr, oneLine(text))
	}}
}
