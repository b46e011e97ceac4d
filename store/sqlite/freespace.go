package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"zombiezen.com/go/sqlite"
)

// span is a range of bytes of a page that no row uses.
type span struct{ from, to int }

// unused is a page with bytes that no row uses and that are not zero.
type unused struct {
	number int64
	sum    [sha256.Size]byte // of the page with them
	spans  []span
}

// freeSpace finds what rows have left behind, in one snapshot of a database file. It walks
// all trees, because only they say which page is what (https://sqlite.org/fileformat2.html).
type freeSpace struct {
	conn
	ctx    context.Context
	usable int
	total  int64
	seen   []bool
	found  []unused
	tell   func(done int64)
	done   int64
	failed error
}

var errPages = errors.New("the pages of a database file do not form trees: run `aceso verify log`")

// look finds all of them.
func (f *freeSpace) look() ([]unused, error) {
	first := f.page(1)
	if len(first) < 512 {
		return nil, errPages
	}
	f.usable = len(first) - int(first[20])
	total, err := f.number("PRAGMA page_count")
	if err != nil {
		return nil, err
	}
	f.total, f.seen = total, make([]bool, total+1)
	f.freePages(int64(binary.BigEndian.Uint32(first[32:])))
	roots := []int64{1}
	err = f.each("SELECT rootpage FROM sqlite_schema WHERE rootpage > 1", func(st *sqlite.Stmt) error {
		roots = append(roots, st.ColumnInt64(0))
		return nil
	})
	for len(roots) > 0 && err == nil && f.failed == nil {
		last := len(roots) - 1
		root := roots[last]
		roots = append(roots[:last], f.node(root)...)
	}
	return f.found, errors.Join(err, f.failed)
}

// page reads one; after an error it is nil.
func (f *freeSpace) page(number int64) []byte {
	if f.failed != nil {
		return nil
	}
	if f.failed = f.ctx.Err(); f.failed != nil {
		return nil
	}
	data, err := f.value("SELECT data FROM sqlite_dbpage WHERE pgno = ?", number)
	if f.failed = err; err == nil && f.seen != nil {
		f.visit(number)
	}
	return data
}

// visit holds that no page is met twice.
func (f *freeSpace) visit(number int64) {
	if number < 1 || number >= int64(len(f.seen)) || f.seen[number] {
		f.failed = errPages
		return
	}
	f.seen[number] = true
	if f.done++; f.done%1000 == 0 {
		f.tell(f.done)
	}
}

// note remembers a page if it has something in its spans. The first page has the schema.
func (f *freeSpace) note(number int64, data []byte, spans []span) {
	for _, s := range spans {
		if s.from < 0 || s.to > len(data) {
			f.failed = errPages
			return
		}
	}
	if number > 1 && len(left(data, spans)) > 0 {
		f.found = append(f.found, unused{number, sha256.Sum256(data), left(data, spans)})
	}
}

// left are the spans that are not zero.
func left(data []byte, spans []span) (some []span) {
	for _, s := range spans {
		if s.from < s.to && len(bytes.TrimLeft(data[s.from:s.to], "\x00")) > 0 {
			some = append(some, s)
		}
	}
	return some
}

// freePages walks the list of pages that are in no tree.
func (f *freeSpace) freePages(trunk int64) {
	for trunk != 0 && f.failed == nil {
		data := f.page(trunk)
		if f.failed != nil {
			return
		}
		n := int(binary.BigEndian.Uint32(data[4:]))
		if 8+4*n > f.usable {
			f.failed = errPages
			return
		}
		f.note(trunk, data, []span{{8 + 4*n, f.usable}})
		for i := range n {
			number := int64(binary.BigEndian.Uint32(data[8+4*i:]))
			if free := f.page(number); f.failed == nil {
				f.note(number, free, []span{{0, len(free)}})
			}
		}
		trunk = int64(binary.BigEndian.Uint32(data))
	}
}

// node looks at a page of a tree, and returns its children.
func (f *freeSpace) node(number int64) (children []int64) {
	data := f.page(number)
	if f.failed != nil {
		return nil
	}
	n, err := parseNode(data, number == 1, f.usable)
	if err != nil {
		f.failed = err
		return nil
	}
	f.note(number, data, n.free)
	for _, o := range n.overflows {
		f.overflow(o)
	}
	return n.children
}

// overflow walks the pages that hold the rest of a row.
func (f *freeSpace) overflow(o overflow) {
	for o.left > 0 && f.failed == nil {
		data := f.page(o.page)
		if f.failed != nil {
			return
		}
		n := min(o.left, f.usable-4)
		if o.left -= n; o.left == 0 {
			f.note(o.page, data, []span{{4 + n, len(data)}})
		}
		o.page = int64(binary.BigEndian.Uint32(data))
	}
}
