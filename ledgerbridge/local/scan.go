package local

import (
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

// scan visits the records in [from, to). If from is not the start of the file, it
// begins with the first whole record after it.
func scan(f io.ReaderAt, from, to int64, visit func(at int64, r record, raw []byte) error) error {
	in := &window{file: f, at: from, end: to}
	next, prev := int64(0), [32]byte{}
	for first := true; ; first = false {
		if first && from > 0 {
			if err := in.seekRecord(); err != nil {
				return err
			}
		}
		b, err := in.peek()
		if err != nil || len(b) == 0 {
			return err
		}
		r, n, err := parseRecord(b)
		if errors.Is(err, errTorn) {
			return &tornError{in.at}
		}
		if err != nil {
			return damaged(next, err.Error())
		}
		if !(first && from > 0) && (r.number != next || r.prev != prev) {
			return damaged(next, fmt.Sprintf("record %d stands here, and it does not continue the one before: a record was edited, removed or added", r.number))
		}
		if err := visit(in.at, r, b[:n]); err != nil {
			return err
		}
		next, prev = r.number+1, r.hash
		in.at += int64(n)
	}
}

// window reads a file in pieces that each hold at least one whole record.
type window struct {
	file    io.ReaderAt
	at, end int64
	buf     []byte
	start   int64 // offset of buf
}

const largest = 2 * maxNote // more than a record needs

func (w *window) peek() ([]byte, error) {
	have := w.start + int64(len(w.buf))
	if w.at < w.start || w.at+largest > have && have < w.end {
		w.start = w.at
		w.buf = make([]byte, min(1<<20, w.end-w.at))
		if _, err := w.file.ReadAt(w.buf, w.start); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read checkpoints: %w", err)
		}
	}
	return w.buf[w.at-w.start:], nil
}

// seekRecord moves to the first line that begins a record.
func (w *window) seekRecord() error {
	b, err := w.peek()
	if err != nil {
		return err
	}
	i := bytes.Index(b, []byte("\nrecord "))
	if i < 0 {
		return damaged(-1, "no record where one must begin")
	}
	w.at += int64(i) + 1
	return nil
}
