package store

import (
	"context"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// heavy is an original with very many large versions and rows.
type heavy struct {
	Original
	ledgerbridge.Log
}

func (heavy) Versions(_ context.Context, _ int64, visit func(Stored) error) error {
	for {
		if err := visit(Stored{Version: Version{Body: make([]byte, 5<<20)}}); err != nil {
			return err
		}
	}
}

func (heavy) Rows(_ context.Context, from, to int64, visit func(ledgerbridge.Row) error) error {
	for ; from < to; from++ {
		row := ledgerbridge.Row{Entry: make([]byte, 1<<20), Parts: []ledgerbridge.PartRow{{Sealed: make([]byte, 4<<20)}}}
		if err := visit(row); err != nil {
			return err
		}
	}
	return nil
}

// One transaction of a copy takes few of what is large.
func TestCopyOfLargeVersions(t *testing.T) {
	if all, err := versionsAfter(t.Context(), heavy{}, 0); err != nil || len(all) != 4 {
		t.Errorf("%d versions, %v", len(all), err)
	}
	if all, err := rowsFrom(t.Context(), heavy{}, 0); err != nil || len(all) != 4 {
		t.Errorf("%d rows, %v", len(all), err)
	}
}
