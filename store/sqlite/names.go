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
	last  int64 // the highest id
}

func (n *names) last() int64 { return n.p.Load().last }

// in are the names in the snapshot of a connection.
func (n *names) in(c conn) (*names, error) {
	last, err := c.number("SELECT max(id) FROM names")
	if err != nil {
		return nil, err
	}
	return n.upTo(last, c)
}

// upTo are the names with all ids up to last, which is in the snapshot of a connection. One
// that was committed a moment ago may not be published yet; without it a search would miss
// what is in its snapshot.
func (n *names) upTo(last int64, c conn) (*names, error) {
	if last <= n.last() {
		return n, nil
	}
	all, err := loadNames(c)
	if err != nil {
		return nil, err
	}
	later := &names{source: n.source}
	later.publish(all)
	return later, nil
}

// id is the id of a name, 0 if it has none: no row is found with that one.
func (n *names) id(typ, param string) int64 { return n.p.Load().ids[name{typ, param}] }

func (n *names) typeOf(id int64) string { return n.p.Load().names[id].typ }

// types are those that have a name.
func (n *names) types() (all []string) {
	for k := range n.p.Load().ids {
		if k.name == "" {
			all = append(all, k.typ)
		}
	}
	return all
}

// publish makes names known to readers.
func (n *names) publish(fresh map[name]int64) {
	if len(fresh) == 0 && n.p.Load() != nil {
		return
	}
	next := &nameMaps{ids: map[name]int64{}, names: map[int64]name{}}
	if old := n.p.Load(); old != nil {
		for k, id := range old.ids {
			next.add(k, id)
		}
	}
	for k, id := range fresh {
		next.add(k, id)
	}
	n.p.Store(next)
}

func (m *nameMaps) add(k name, id int64) {
	m.ids[k], m.names[id], m.last = id, k, max(m.last, id)
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
