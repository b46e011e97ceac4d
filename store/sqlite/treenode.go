package sqlite

import "encoding/binary"

// treeNode is a page of a tree: what of it is free, and where it leads to.
type treeNode struct {
	free      []span
	children  []int64
	overflows []overflow
}

// overflow is where the rest of a row is, and how many bytes that has.
type overflow struct {
	page int64
	left int
}

// The kinds of pages of a tree.
const (
	innerIndex = 2
	innerTable = 5
	leafIndex  = 10
	leafTable  = 13
)

// nodeReader reads a page. Whatever is out of bounds makes it bad.
type nodeReader struct {
	data   []byte
	usable int
	kind   byte
	bad    bool
}

// parseNode reads a page of a tree; the first page of a file begins with its header.
func parseNode(data []byte, first bool, usable int) (n treeNode, err error) {
	r := nodeReader{data: data, usable: usable}
	head := 0
	if first {
		head = 100
	}
	r.kind = r.byte(head)
	cells, content := r.short(head+3), r.short(head+5)
	if content == 0 {
		content = 1 << 16
	}
	pointers := head + 8
	switch r.kind {
	case innerIndex, innerTable:
		n.children = append(n.children, r.long(head+8))
		pointers = head + 12
	case leafIndex, leafTable:
	default:
		return n, errPages
	}
	if pointers+2*cells > content || content > usable {
		return n, errPages
	}
	n.free = append(r.blocks(r.short(head+1)), span{pointers + 2*cells, content}, span{usable, len(data)})
	for i := range cells {
		r.cell(r.short(pointers+2*i), &n)
	}
	if r.bad {
		return n, errPages
	}
	return n, nil
}

// blocks walks the list of free blocks, which rises.
func (r *nodeReader) blocks(at int) (free []span) {
	for at != 0 && !r.bad {
		next, size := r.short(at), r.short(at+2)
		r.bad = r.bad || size < 4 || at+size > r.usable || next != 0 && next < at+size
		free = append(free, span{at + 4, at + size})
		at = next
	}
	return free
}

// cell adds where a cell leads to.
func (r *nodeReader) cell(at int, n *treeNode) {
	if r.kind == innerIndex || r.kind == innerTable {
		n.children = append(n.children, r.long(at))
		at += 4
	}
	if r.kind == innerTable || r.bad {
		return
	}
	size, at := r.varint(at)
	if r.kind == leafTable {
		_, at = r.varint(at) // the row's number
	}
	if local := r.local(int(size)); local < int(size) {
		n.overflows = append(n.overflows, overflow{r.long(at + local), int(size) - local})
	}
}

// local is how many bytes of a row are in the page itself.
func (r *nodeReader) local(size int) int {
	most := r.usable - 35
	if r.kind != leafTable {
		most = (r.usable-12)*64/255 - 23
	}
	if size <= most {
		return size
	}
	least := (r.usable-12)*32/255 - 23
	if n := least + (size-least)%(r.usable-4); n <= most {
		return n
	}
	return least
}

func (r *nodeReader) byte(at int) byte {
	if at < 0 || at >= len(r.data) {
		r.bad = true
		return 0
	}
	return r.data[at]
}

func (r *nodeReader) short(at int) int { return int(r.byte(at))<<8 | int(r.byte(at+1)) }

func (r *nodeReader) long(at int) int64 {
	if at < 0 || at+4 > len(r.data) {
		r.bad = true
		return 0
	}
	return int64(binary.BigEndian.Uint32(r.data[at:]))
}

// varint reads a number of one to nine bytes, and returns what comes after it.
func (r *nodeReader) varint(at int) (v uint64, after int) {
	for i := range 8 {
		b := r.byte(at + i)
		v = v<<7 | uint64(b&0x7f)
		if b < 0x80 {
			return v, at + i + 1
		}
	}
	return v<<8 | uint64(r.byte(at+8)), at + 9
}
