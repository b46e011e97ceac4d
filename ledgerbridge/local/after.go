package local

import (
	"bytes"
	"context"
	"errors"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// After implements ledgerbridge.Later. It reads the end of the file only, from a
// checkpoint of the source that it need not visit: the cost is that of what is new.
func (l *Ledger) After(ctx context.Context, source string, size int64, visit func([]byte) error) error {
	l.mu.Lock()
	to := l.size
	l.mu.Unlock()
	from, err := l.before(source, size, to)
	if err != nil {
		return err
	}
	return l.each(ctx, source, from, to, func(c ledgerbridge.Checkpoint) error {
		if c.Size <= size {
			return ctx.Err()
		}
		return visit(c.Note)
	})
}

var errFirst = errors.New("the first one is enough")

// before is a place in the file after which the first checkpoint of the source is not
// larger than size.
func (l *Ledger) before(source string, size, to int64) (int64, error) {
	for length := l.reach.tail; ; length *= 4 {
		from := max(0, to-length)
		found := false
		err := l.each(context.Background(), source, from, to, func(c ledgerbridge.Checkpoint) error {
			found = c.Size <= size
			return errFirst
		})
		if err != nil && !errors.Is(err, errFirst) {
			return 0, err
		}
		if found || from == 0 {
			return from, nil
		}
	}
}

// each visits the checkpoints of a source in a part of the file.
func (l *Ledger) each(ctx context.Context, source string, from, to int64, visit func(ledgerbridge.Checkpoint) error) error {
	return scan(l.file, from, to, func(_ int64, r record) error {
		if !bytes.HasPrefix(r.note, []byte(source+"\n")) {
			return ctx.Err()
		}
		c, err := ledgerbridge.ParseCheckpoint(r.note)
		if err != nil {
			return err
		}
		return visit(c)
	})
}
