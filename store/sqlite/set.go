package sqlite

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	fhirsearch "github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store/search"
)

// Live reads the index of undeleted resources.
func (x *reader) Live(typ string, to search.Sink) error {
	return x.pour(to, "SELECT rid FROM resources WHERE type = ? AND deleted = 0", x.names.id(typ, ""))
}

// Deleted reads the same index.
func (x *reader) Deleted(typ string, to search.Sink) error {
	return x.pour(to, "SELECT rid FROM resources WHERE type = ? AND deleted = 1", x.names.id(typ, ""))
}

// Versions reads an index of the versions of each resource.
func (x *reader) Versions(typ string, rids []int64, visit func(search.Stamped)) error {
	for _, rid := range rids {
		err := x.each("SELECT stamp FROM versions INDEXED BY versions_rid WHERE rid = ?", func(st *sqlite.Stmt) error {
			visit(search.Stamped{Stamp: st.ColumnInt64(0), Type: typ, Place: rid})
			return nil
		}, rid)
		if err != nil {
			return err
		}
	}
	return nil
}

// pour runs a query for rids.
func (x *reader) pour(to search.Sink, query string, args ...any) error {
	n := 0
	err := x.each(query, func(st *sqlite.Stmt) error {
		to.Add(st.ColumnInt64(0))
		if n++; n%passAtOnce > 0 {
			return nil
		}
		return to.Pass(passAtOnce)
	}, args...)
	if err != nil {
		return err
	}
	return to.Pass(n % passAtOnce)
}

// Gather is Collect without a limit.
func (x *reader) Gather(typ string, c fhirsearch.Condition, to search.Sink) error {
	switch c := c.(type) {
	case fhirsearch.HasKey:
		if id, ok := strings.CutPrefix(c.Key, idKey); ok {
			return x.pour(to, "SELECT rid FROM resources WHERE type = ? AND id = ? AND deleted = 0", x.names.id(typ, ""), id)
		}
		p, v := x.key(typ, c.Key)
		return x.pour(to, "SELECT rid FROM ix WHERE p = ? AND v = ?", p, v)
	case fhirsearch.Any:
		for _, k := range c {
			if err := x.Gather(typ, k, to); err != nil {
				return err
			}
		}
		return nil
	case fhirsearch.KeyRange:
		param, from := search.CutKey(c.From)
		return x.pour(to, "SELECT rid FROM ix WHERE p = ? AND v >= ? AND v < ?", x.names.id(typ, param), from, c.To[len(param):])
	case fhirsearch.Contains:
		return x.pour(to, "SELECT rid FROM ix WHERE p = ? AND v >= '^' AND v < '_' AND instr(v, ?) > 0", x.names.id(typ, c.Param), c.Needle)
	case fhirsearch.InDates:
		return x.gatherDates(typ, c, to)
	case fhirsearch.InNumbers:
		p, u := x.key(typ, c.Param)
		from, until := search.NumberSpan(c)
		return x.pour(to, "SELECT rid FROM numbers WHERE p = ?3 AND u = ?4 AND lo >= ?5 AND lo <= ?6 AND "+compareSQL(c.Prefix), c.Lo, c.Hi, p, u, from, until)
	}
	return fmt.Errorf("gather %T", c)
}

// gatherDates goes through the classes.
func (x *reader) gatherDates(typ string, c fhirsearch.InDates, to search.Sink) error {
	p, u := x.key(typ, c.Param)
	for class := int64(-1); ; {
		next, err := x.rids(1, "SELECT class FROM dates WHERE p = ? AND u = ? AND class > ? ORDER BY class LIMIT 1", p, u, class)
		if err != nil || len(next) == 0 {
			return err
		}
		class = next[0]
		from, until := search.DateSpan(c, int(class))
		err = x.pour(to, "SELECT rid FROM dates WHERE p = ?3 AND u = ?4 AND class = ?5 AND lo >= ?6 AND lo <= ?7 AND "+compareSQL(c.Prefix), c.Lo, c.Hi, p, u, class, from, until)
		if err != nil {
			return err
		}
	}
}

// What it costs to go to a place of the index, in entries that are passed over meanwhile,
// and after how many places Joined asks whether to go on.
const (
	seekEntries = 40
	seeksAtOnce = 256
)

// Joined goes to each key, or passes over all that begin with prefix if that is cheaper.
func (x *reader) Joined(typ, prefix string, rests []string, size int64, to search.Sink) error {
	found := int64(0)
	counted := search.Sink{Pass: to.Pass, Add: func(rid int64) { found++; to.Add(rid) }}
	p, begin := x.key(typ, prefix)
	for i, rest := range rests {
		if err := to.Pass(seekEntries); err != nil {
			return err
		}
		if err := x.pour(counted, "SELECT rid FROM ix WHERE p = ? AND v = ?", p, begin+rest); err != nil {
			return err
		}
		left := int64(len(rests) - i - 1)
		if i%seeksAtOnce == seeksAtOnce-1 && left*(seekEntries+found/int64(i+1)) > size*3/2 {
			return x.mergeKeys(p, begin, rests[i+1:], to)
		}
	}
	return nil
}

// mergeKeys passes over all keys that begin with begin, in order, beside the sorted rests.
func (x *reader) mergeKeys(p int64, begin string, rests []string, to search.Sink) error {
	at, last, in := 0, "", false
	return x.walkKeys(p, begin, func(st *sqlite.Stmt, rest []byte) error {
		if string(rest) != last {
			last = string(rest)
			for at < len(rests) && rests[at] < last {
				at++
			}
			in = at < len(rests) && rests[at] == last
		}
		if in {
			to.Add(st.ColumnInt64(1))
		}
		return nil
	}, to.Pass)
}

// walkKeys visits the keys that begin with begin, in order; rest is what follows.
func (x *reader) walkKeys(p int64, begin string, visit func(st *sqlite.Stmt, rest []byte) error, pass func(int) error) error {
	room, n := make([]byte, 256), 0
	return x.each("SELECT v, rid FROM ix WHERE p = ? AND v >= ? AND v < ?", func(st *sqlite.Stmt) error {
		if long := st.ColumnLen(0); long > len(room) {
			room = make([]byte, long)
		}
		v := room[:st.ColumnBytes(0, room)]
		if n++; n%passAtOnce == 0 {
			if err := pass(passAtOnce); err != nil {
				return err
			}
		}
		return visit(st, v[len(begin):])
	}, p, begin, beyond(begin))
}

// beyond is the first text after all that begin with one.
func beyond(begin string) string { return begin[:len(begin)-1] + string(rune(begin[len(begin)-1]+1)) }

// Targets passes over all keys that begin with prefix.
func (x *reader) Targets(typ, prefix string, in func(int64) bool, visit func(string), pass func(int) error) error {
	p, begin := x.key(typ, prefix)
	last := ""
	return x.walkKeys(p, begin, func(st *sqlite.Stmt, rest []byte) error {
		if string(rest) != last && in(st.ColumnInt64(1)) {
			last = string(rest)
			visit(last)
		}
		return nil
	}, pass)
}

// IDs reads the index of ids, or each resource.
func (x *reader) IDs(typ string, rids []int64, visit func(int64, string), pass func(int) error) error {
	row := func(st *sqlite.Stmt) error {
		visit(st.ColumnInt64(0), st.ColumnText(1))
		return nil
	}
	if rids == nil {
		n := 0
		return x.each("SELECT rid, id FROM resources WHERE type = ?", func(st *sqlite.Stmt) error {
			if n++; n%passAtOnce == 0 {
				if err := pass(passAtOnce); err != nil {
					return err
				}
			}
			return row(st)
		}, x.names.id(typ, ""))
	}
	for _, rid := range rids {
		if err := pass(seekEntries); err != nil {
			return err
		}
		if err := x.each("SELECT rid, id FROM resources WHERE rid = ?", row, rid); err != nil {
			return err
		}
	}
	return nil
}

// Places goes to each id.
func (x *reader) Places(typ string, ids []string, to search.Sink) error {
	t := x.names.id(typ, "")
	for _, id := range ids {
		if err := to.Pass(seekEntries); err != nil {
			return err
		}
		if err := x.pour(to, "SELECT rid FROM resources WHERE type = ? AND id = ?", t, id); err != nil {
			return err
		}
	}
	return nil
}

// Brief reads facts.
func (x *reader) Brief(typ string, rids []int64) iter.Seq2[*search.Row, error] {
	return func(yield func(*search.Row, error) bool) {
		for _, rid := range rids {
			var r *row
			err := x.each("SELECT v.version, v.deleted, v.owner, v.facts, r.id FROM resources r JOIN versions v ON v.stamp = r.stamp WHERE r.rid = ?", func(st *sqlite.Stmt) error {
				r = &row{Row: search.Row{Place: rid, Version: st.ColumnInt64(0), Deleted: st.ColumnBool(1), Owner: st.ColumnText(2), PackedFacts: blob(st, 3), Keyless: true}}
				r.Ref, r.Columns = fhir.Ref{Type: typ, ID: st.ColumnText(4)}, r
				return nil
			}, rid)
			if r == nil && err == nil {
				continue
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&r.Row, nil) {
				return
			}
		}
	}
}

// Since reads the log of versions.
func (x *reader) Since(typ string, at json.RawMessage, limit int) (rows []*search.Row, is search.Age, err error) {
	var since mark
	if json.Unmarshal(at, &since) != nil {
		return nil, 0, search.BadLink("Search again.")
	}
	if x.Stamp < since.Stamp {
		return nil, search.Later, nil
	}
	rids, err := x.rids(limit, "SELECT rid FROM versions INDEXED BY versions_of WHERE type = ? AND stamp > ? LIMIT ?", x.names.id(typ, ""), since.Stamp, limit+1)
	if err != nil || len(rids) > limit {
		return nil, search.Distant, err
	}
	read := map[int64]bool{}
	for r, err := range x.Rows(typ, rids) {
		if err != nil {
			return nil, 0, err
		}
		if !read[r.Place] {
			rows, read[r.Place] = append(rows, r), true
		}
	}
	return rows, search.Known, nil
}
