package sqlite

import (
	"math"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// lane is a part of an index with a value and a row id in the order of an Order.
type lane struct {
	from   string // a query for value and rid with conditions that choose the part
	args   []any  // of from
	column string // the value's
	kind   kind

	skip  func(place int64) bool
	ends  bool         // it is of ranges: in the index their ends are between the values and the rids
	ahead []plan.Entry // read, and not given yet
	after *plan.Entry  // where reading goes on; nil: it begins
	ended bool
}

// kind says how the values of a lane are written in the index.
type kind interface {
	// column is a value in the index.
	column(value []byte) any
	// value is the inverse.
	value(st *sqlite.Stmt) []byte
	// ends are the lowest value and one above the highest, nil if the lane has no end.
	ends() (lowest, above any)
	// skip says whether a value is not of the order, and that all that begin like prefix
	// are not.
	skip(value []byte) (prefix string, skips bool)
}

type (
	texts   struct{}
	times   struct{ from, above any } // milliseconds; nil: no end
	keys    struct{ sign byte }
	missing struct{ all any } // has one value, which stands for none
)

func (texts) column(value []byte) any        { return string(value) }
func (texts) value(st *sqlite.Stmt) []byte   { return append([]byte{}, st.ColumnText(0)...) }
func (texts) ends() (lowest, above any)      { return nil, nil }
func (texts) skip([]byte) (string, bool)     { return "", false }
func (times) value(st *sqlite.Stmt) []byte   { return search.AppendTime(nil, st.ColumnInt64(0)) }
func (t times) ends() (lowest, above any)    { return t.from, t.above }
func (times) skip([]byte) (string, bool)     { return "", false }
func (k keys) column(value []byte) any       { return string(rune(k.sign)) + string(value) }
func (k keys) value(st *sqlite.Stmt) []byte  { return append([]byte{}, st.ColumnText(0)[1:]...) }
func (k keys) ends() (lowest, above any)     { return string(rune(k.sign)), string(rune(k.sign + 1)) }
func (k missing) column([]byte) any          { return k.all }
func (k missing) value(*sqlite.Stmt) []byte  { return nil }
func (k missing) ends() (lowest, above any)  { return nil, nil }
func (k missing) skip([]byte) (string, bool) { return "", false }

func (times) column(value []byte) any {
	ms, _ := search.ParseTime(string(value)) // of a link that nobody else can make
	return ms
}

// skip leaves out tokens with their system.
func (k keys) skip(value []byte) (prefix string, skips bool) {
	system, bare := search.Bare(k.sign, string(value))
	return system, !bare
}

// chunk is how many entries of a lane are read at first, and maxChunk at most.
const (
	chunk    = 32
	maxChunk = 1024
)

// merge gives the entries of lanes in their order. It is false when no more are wanted.
func (x *reader) merge(lanes []*lane, o plan.Order, pass func(int) error, yield func(plan.Entry, error) bool) bool {
	for n := chunk; ; {
		var first *lane
		for _, l := range lanes {
			if err := x.fill(l, o.Desc, n, pass); err != nil {
				yield(plan.Entry{}, err)
				return false
			}
			if len(l.ahead) > 0 && (first == nil || o.Compare(l.ahead[0], first.ahead[0]) < 0) {
				first = l
			}
		}
		if first == nil {
			return true
		}
		e := first.ahead[0]
		if first.ahead = first.ahead[1:]; len(first.ahead) == 0 {
			n = min(2*n, maxChunk)
		}
		if !yield(e, nil) {
			return false
		}
	}
}

// fill reads until there is an entry ahead, if there is one.
func (x *reader) fill(l *lane, desc bool, n int, pass func(int) error) error {
	for ; len(l.ahead) == 0 && !l.ended; n = min(2*n, maxChunk) {
		read, err := x.read(l, desc, n)
		if err != nil {
			return err
		}
		if err := pass(read + store.RowSteps); err != nil {
			return err
		}
	}
	return nil
}

// portion is what is read of a lane at once.
type portion struct {
	entries []plan.Entry // those that are wanted
	read    int          // with the others
	last    plan.Entry   // of all, if there are as many as were asked for; of those that are wanted otherwise

	alike   bool      // it ends before ranges that begin alike and end differently
	differs bool      // it did
	span    [2]string // of the last range
}

// read reads about n entries after l.after: of the same value, then of others.
func (x *reader) read(l *lane, desc bool, n int) (read int, err error) {
	var p portion
	if l.after != nil {
		if err = x.readSame(&p, l, desc, n); err != nil {
			return 0, err
		}
	}
	if _, one := l.kind.(missing); !one && p.read < n {
		if err = x.readOthers(&p, l, desc, n); err != nil {
			return 0, err
		}
	}
	l.ended = p.read < n
	l.take(p, desc)
	return p.read, nil
}

// readSame reads those of the value of l.after.
func (x *reader) readSame(p *portion, l *lane, desc bool, n int) error {
	value := l.kind.column(l.after.Value)
	more, args := " AND "+l.column+" = ?", []any{value}
	alike, err := x.endAlike(l, value)
	if err != nil {
		return err
	}
	if alike { // in the order of the index, which SQLite need not sort
		more, args = more+" AND hi = ("+l.end("max")+")", append(append(args, l.args...), value)
	}
	if desc {
		more += " AND rid < ? ORDER BY rid DESC LIMIT ?"
	} else {
		more += " AND rid > ? ORDER BY rid LIMIT ?"
	}
	return x.entries(p, l, n, more, append(args, l.after.Place, n)...)
}

// end selects the lowest or highest end of the ranges that begin with a value.
func (l *lane) end(which string) string {
	return strings.Replace(l.from, "lo, rid, hi", which+"(hi)", 1) + " AND lo = ?"
}

// endAlike says whether all ranges that begin with a value have one end.
func (x *reader) endAlike(l *lane, value any) (bool, error) {
	if !l.ends {
		return false, nil
	}
	args := append(l.args[:len(l.args):len(l.args)], value)
	n, err := x.number("SELECT ("+l.end("min")+") = ("+l.end("max")+")", append(args, args...)...)
	return n == 1, err
}

// readOthers reads those of other values. Ranges are read in the order of the index, and
// sorted only if some begin alike and end differently.
func (x *reader) readOthers(p *portion, l *lane, desc bool, n int) error {
	more, args := l.others(desc)
	args = append(args, n-p.read)
	if !l.ends {
		return x.entries(p, l, n, more, args...)
	}
	tried := *p
	tried.alike = true
	order := either(desc, ", hi DESC, rid", ", hi, rid")
	if err := x.entries(&tried, l, n, strings.Replace(more, ", rid", order, 1), args...); err != nil {
		return err
	}
	if tried.read == n && !tried.differs {
		alike, err := x.endAlike(l, l.kind.column(tried.last.Value))
		if err != nil {
			return err
		}
		tried.differs = !alike
	}
	if tried.differs {
		return x.entries(p, l, n, more, args...)
	}
	*p = tried
	return nil
}

// either is a or b.
func either[T any](one bool, a, b T) T {
	if one {
		return a
	}
	return b
}

// breaks says whether a range begins like the last one and ends differently.
func (p *portion) breaks(st *sqlite.Stmt) bool {
	span := [2]string{st.ColumnText(0), st.ColumnText(2)}
	p.differs = p.span[0] == span[0] && p.span[1] != span[1]
	p.span = span
	return p.differs
}

// others are the conditions for the values after l.after.
func (l *lane) others(desc bool) (more string, args []any) {
	from, to := l.kind.ends()
	order := " ORDER BY " + l.column + ", rid LIMIT ?"
	ops := [2]string{" > ?", " < ?"}
	if l.after == nil {
		ops[0] = " >= ?"
	}
	if desc {
		order = " ORDER BY " + l.column + " DESC, rid DESC LIMIT ?"
		ops = [2]string{" >= ?", " < ?"}
	}
	if l.after != nil && desc {
		to = l.kind.column(l.after.Value)
	} else if l.after != nil {
		from = l.kind.column(l.after.Value)
	}
	for i, end := range []any{from, to} {
		if end != nil {
			more, args = more+" AND "+l.column+ops[i], append(args, end)
		}
	}
	return more + order, args
}

// entries reads pairs of a value and a row id, until a portion has n.
func (x *reader) entries(p *portion, l *lane, n int, more string, args ...any) error {
	return x.each(l.from+more, func(st *sqlite.Stmt) error {
		if p.alike && p.breaks(st) {
			return errStop
		}
		p.read++
		place := st.ColumnInt64(1)
		unwanted := l.skip != nil && l.skip(place)
		if unwanted && p.read < n {
			return nil
		}
		p.last = plan.Entry{Value: l.kind.value(st), Place: place}
		if !unwanted {
			p.entries = append(p.entries, p.last)
		}
		return nil
	}, append(l.args[:len(l.args):len(l.args)], args...)...)
}

// take keeps what was read, and goes on after it, or after what the order leaves out.
func (l *lane) take(p portion, desc bool) {
	l.after = &p.last
	for _, e := range p.entries {
		prefix, skips := l.kind.skip(e.Value)
		if !skips {
			l.ahead = append(l.ahead, e)
			continue
		}
		if !strings.HasPrefix(string(p.last.Value), prefix) {
			continue // they end before the last one
		}
		l.after = &plan.Entry{Value: []byte(prefix), Place: -1}
		if !desc {
			l.after = &plan.Entry{Value: []byte(max(string(p.last.Value), prefix+lastRune)), Place: math.MaxInt64}
		}
		return
	}
}

// lastRune sorts after all others.
const lastRune = "\U0010FFFF"
