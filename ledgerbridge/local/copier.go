package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Copier copies a ledger's records to one witness. It never delays the ledger.
type Copier struct {
	ledger  *Ledger
	witness Witness

	mu     sync.Mutex // held while copying
	at     int64      // the witness holds everything before
	known  bool       // the witness has told at
	failed error
}

// Follow compares the witness's copy with the file and returns the copier. The error
// is a *ledgerbridge.Damage: the node must not serve then. An unreachable witness is no
// error: Run asks it again.
func (l *Ledger) Follow(ctx context.Context, w Witness) (*Copier, error) {
	c := &Copier{ledger: l, witness: w}
	if damage, ok := errors.AsType[*ledgerbridge.Damage](c.resume(ctx)); ok {
		return nil, damage
	}
	return c, nil
}

func (c *Copier) resume(ctx context.Context) error {
	if c.known {
		return nil
	}
	size, last, _ := c.ledger.extent()
	at, err := c.witness.Resume(ctx, c.ledger.file, size, last)
	if err != nil {
		return err
	}
	c.at, c.known = at, true
	return nil
}

// extent returns the file's size, the offset of its last record, and a channel that
// closes when they change.
func (l *Ledger) extent() (size, last int64, grown <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size, l.last, l.grown
}

// Run copies new records until ctx ends. It reports a failure and retries.
func (c *Copier) Run(ctx context.Context, report func(error)) {
	const first, longest = time.Second, time.Minute
	pause := first
	for ctx.Err() == nil {
		_, _, grown := c.ledger.extent()
		if err := c.Flush(ctx); err != nil {
			if ctx.Err() == nil && report != nil {
				report(err)
			}
			wait(ctx, time.After(pause))
			pause = min(2*pause, longest)
			continue
		}
		pause = first
		wait(ctx, grown)
	}
}

func wait[T any](ctx context.Context, c <-chan T) {
	select {
	case <-ctx.Done():
	case <-c:
	}
}

// Flush copies everything that the witness lacks now.
func (c *Copier) Flush(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = c.flush(ctx)
	return c.failed
}

func (c *Copier) flush(ctx context.Context) error {
	if err := c.resume(ctx); err != nil {
		return err
	}
	for size, _, _ := c.ledger.extent(); c.at < size; {
		records := make([]byte, min(size-c.at, 1<<20))
		if _, err := c.ledger.file.ReadAt(records, c.at); err != nil {
			return fmt.Errorf("read checkpoints: %w", err)
		}
		if c.at+int64(len(records)) < size { // only whole records
			records = records[:1+bytes.LastIndex(records, []byte("\nrecord "))]
		}
		if err := c.witness.Copy(ctx, c.at, records); err != nil {
			return fmt.Errorf("copy to witness: %w", err)
		}
		c.at += int64(len(records))
	}
	return nil
}

// Behind returns how many bytes of the file the witness lacks, and why the last attempt
// to copy them failed.
func (c *Copier) Behind() (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size, _, _ := c.ledger.extent()
	return size - c.at, c.failed
}

// Compare checks the file at path against everything that a witness kept: the copy in
// a folder, or the concatenated bodies that a URL received. A record that is missing in
// the file, or different, is a *ledgerbridge.Damage. Compare returns how many agree.
func Compare(path, witness string) (int64, error) {
	kept, err := readWitness(witness)
	if err != nil {
		return 0, err
	}
	l, err := OpenRead(path)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	var agree int64
	err = scan(l.file, 0, l.size, func(_ int64, r record) error {
		hash, ok := kept[r.number]
		if ok && hash != r.hash {
			return damaged(r.number, "is not what the witness holds")
		}
		if ok {
			agree++
			delete(kept, r.number)
		}
		return nil
	})
	if err != nil {
		return agree, err
	}
	if len(kept) > 0 {
		return agree, damaged(l.next, fmt.Sprintf("the file ends here, the witness holds %d more: checkpoints were cut off", len(kept)))
	}
	return agree, nil
}

// readWitness returns the hash of each record that a witness kept. The last record may
// be torn, and any may have come more than once.
func readWitness(path string) (map[int64][32]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read witness: %w", err)
	}
	kept := map[int64][32]byte{}
	for at := 0; at < len(b); {
		r, err := parseRecord(b[at:min(len(b), at+largest)])
		if errors.Is(err, errTorn) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the witness's copy %s is damaged at byte %d: %w", path, at, err)
		}
		if before, ok := kept[r.number]; ok && before != r.hash {
			return nil, damaged(r.number, "the witness holds two different records of this number: the checkpoints were rewritten")
		}
		kept[r.number] = r.hash
		at += int(r.size)
	}
	return kept, nil
}
