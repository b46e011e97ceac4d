package local

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// tornError means that an unfinished record begins at byte at.
type tornError struct{ at int64 }

func (e *tornError) Error() string { return fmt.Sprintf("torn record at byte %d", e.at) }

func damaged(number int64, what string) error {
	return &ledgerbridge.Damage{Source: FileName, Seq: number, Column: "record", What: what}
}

// largest is more than a record needs; window is how much is read at once.
const (
	largest = 2 * maxNote
	window  = 1 << 20
)

// scan visits the records in [from, to). If from is not the start of the file, it
// begins with the first whole record after it.
func scan(f io.ReaderAt, from, to int64, visit func(at int64, r record) error) error {
	in := bufio.NewReaderSize(io.NewSectionReader(f, from, to-from), window)
	at, next, prev := from, int64(0), [32]byte{}
	if from > 0 {
		b, err := peek(in, window)
		i := bytes.Index(b, []byte("\nrecord "))
		if err == nil && i < 0 {
			err = damaged(-1, "no record where one must begin")
		}
		if err != nil {
			return err
		}
		skipped, _ := in.Discard(i + 1)
		at += int64(skipped)
	}
	for first := from > 0; ; first = false {
		b, err := peek(in, largest)
		if err != nil || len(b) == 0 {
			return err
		}
		r, err := parseRecord(b)
		if errors.Is(err, errTorn) && len(b) == largest { // zeros are the end only if nothing follows
			b, _ = peek(in, window)
			r, err = parseRecord(b)
		}
		if errors.Is(err, errTorn) {
			return &tornError{at}
		}
		if err != nil {
			return damaged(next, err.Error())
		}
		if !first && (r.number != next || r.prev != prev) {
			return damaged(next, fmt.Sprintf("record %d stands here, and it does not continue the one before: a record was edited, removed or added", r.number))
		}
		if err := visit(at, r); err != nil {
			return err
		}
		next, prev = r.number+1, r.hash
		at += r.size
		_, _ = in.Discard(int(r.size)) // what was peeked at
	}
}

// peek returns the next bytes, fewer at the end.
func peek(in *bufio.Reader, most int) ([]byte, error) {
	b, err := in.Peek(most)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	return b, nil
}
