package sqlite

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"

	"zombiezen.com/go/sqlite"
)

// name is what a small integer stands for in the index: a parameter of a
// resource type, or, with an empty name, the type itself.
type name struct{ typ, name string }

// names holds the interned names that are committed. Readers take the maps as
// they are; the writer publishes new ones after its commit.
type names struct {
	p      atomic.Pointer[nameMaps]
	source string // of the change log
}

type nameMaps struct {
	ids   map[name]int64
	names map[int64]name
}

// id is the id of a name, 0 if it has none: no row is found with that one.
func (n *names) id(typ, param string) int64 { return n.p.Load().ids[name{typ, param}] }

func (n *names) typeOf(id int64) string { return n.p.Load().names[id].typ }

// publish makes names known to readers.
func (n *names) publish(fresh map[name]int64) {
	if len(fresh) == 0 && n.p.Load() != nil {
		return
	}
	next := &nameMaps{ids: map[name]int64{}, names: map[int64]name{}}
	if old := n.p.Load(); old != nil {
		for k, id := range old.ids {
			next.ids[k], next.names[id] = id, k
		}
	}
	for k, id := range fresh {
		next.ids[k], next.names[id] = id, k
	}
	n.p.Store(next)
}

// loadNames reads the table.
func loadNames(c conn) (map[name]int64, error) {
	all := map[name]int64{}
	err := c.each("SELECT id, type, name FROM names", func(st *sqlite.Stmt) error {
		all[name{st.ColumnText(1), st.ColumnText(2)}] = st.ColumnInt64(0)
		return nil
	})
	return all, err
}

// rowSum is the checksum of a row that nothing else can be compared with.
func rowSum(id int64, fields ...string) []byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(id)))
	for _, f := range fields {
		h.Write(binary.AppendUvarint(nil, uint64(len(f))))
		h.Write([]byte(f))
	}
	return h.Sum(nil)[:16]
}
