package local

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// A record of checkpoints.log, in readable text:
//
//	record <number> <bytes of the note> <hash of the record before, zeros for the first>
//	<signed note>
//	end <SHA-256 of everything of this record before this line>
//
// The hashes chain the records: a record cannot be edited, taken out or moved
// without breaking the next one. The last one is protected by its own hash, by the
// log that must extend it, and by witnesses.
type record struct {
	number     int64
	prev, hash [32]byte
	note       []byte
	size       int64 // of all three lines
}

var errTorn = errors.New("the record is not complete")

const maxNote = 4096

func (r *record) format() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "record %d %d %x\n%s", r.number, len(r.note), r.prev, r.note)
	r.hash = sha256.Sum256(b.Bytes())
	fmt.Fprintf(&b, "end %x\n", r.hash)
	r.size = int64(b.Len())
	return b.Bytes()
}

// parseRecord reads the record at the start of b. errTorn means that b may begin an
// honest but unfinished record; any other error, that it cannot.
func parseRecord(b []byte) (r record, err error) {
	// A power cut during a write may leave zeros at the end of the file.
	if b = bytes.TrimRight(b, "\x00"); len(b) == 0 {
		return r, errTorn
	}
	line, rest, whole := bytes.Cut(b, []byte("\n"))
	if !whole {
		return r, tornOr(b, "no first line")
	}
	fields := bytes.Fields(line)
	if len(fields) != 4 || string(fields[0]) != "record" {
		return r, errors.New("does not begin with the line of a record")
	}
	number, err1 := strconv.ParseInt(string(fields[1]), 10, 64)
	length, err2 := strconv.Atoi(string(fields[2]))
	prev, err3 := hex.DecodeString(string(fields[3]))
	if errors.Join(err1, err2, err3) != nil || len(prev) != len(r.prev) || length < 0 || length > maxNote {
		return r, errors.New("the first line is damaged")
	}
	r.number = number
	copy(r.prev[:], prev)
	if len(rest) < length {
		return r, tornOr(b, "it is shorter than it says")
	}
	r.note = bytes.Clone(rest[:length])
	want := r.format()
	if len(b) < len(want) && bytes.HasPrefix(want, b) {
		return r, errTorn
	}
	if !bytes.HasPrefix(b, want) {
		return r, errors.New("its hash is not the one that it states")
	}
	if _, err := ledgerbridge.ParseCheckpoint(r.note); err != nil {
		return r, err
	}
	return r, nil
}

// tornOr tells an unfinished record from a whole one with an edited length, which still
// has its last line.
func tornOr(b []byte, otherwise string) error {
	first := []byte("record ")
	if bytes.Contains(b, []byte("\nend ")) || !bytes.HasPrefix(b, first[:min(len(b), len(first))]) {
		return errors.New(otherwise)
	}
	return errTorn
}
