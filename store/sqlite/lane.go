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
	times   struct{}
	keys    struct{ sign byte }
	missing struct{ all any } // has one value, which stands for none
)

func (texts) column(value []byte) any        { return string(value) }
func (texts) value(st *sqlite.Stmt) []byte   { return append([]byte{}, st.ColumnText(0)...) }
func (texts) ends() (lowest, above any)      { return nil, nil }
func (texts) skip([]byte) (string, bool)     { return "", false }
func (times) value(st *sqlite.Stmt) []byte   { return search.AppendTime(nil, st.ColumnInt64(0)) }
func (times) ends() (lowest, above any)      { return nil, nil }
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
	for len(l.ahead) == 0 && !l.ended {
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

// read reads about n entries after l.after: of the same value, then of others.
func (x *reader) read(l *lane, desc bool, n int) (read int, err error) {
	var all []plan.Entry
	if l.after != nil {
		more := " AND " + l.column + " = ? AND rid > ? ORDER BY rid LIMIT ?"
		if desc {
			more = " AND " + l.column + " = ? AND rid < ? ORDER BY rid DESC LIMIT ?"
		}
		if all, err = x.entries(all, l, more, l.kind.column(l.after.Value), l.after.Place, n); err != nil {
			return 0, err
		}
	}
	if _, one := l.kind.(missing); one {
		l.ended = len(all) < n
	} else if len(all) < n {
		some := len(all)
		more, args := l.others(desc)
		if all, err = x.entries(all, l, more, append(args, n-some)...); err != nil {
			return 0, err
		}
		l.ended = len(all) < n
	}
	l.take(all, desc)
	return len(all), nil
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

// entries reads pairs of a value and a row id.
func (x *reader) entries(to []plan.Entry, l *lane, more string, args ...any) ([]plan.Entry, error) {
	err := x.each(l.from+more, func(st *sqlite.Stmt) error {
		to = append(to, plan.Entry{Value: l.kind.value(st), Place: st.ColumnInt64(1)})
		return nil
	}, append(l.args[:len(l.args):len(l.args)], args...)...)
	return to, err
}

// take keeps what was read, and goes on after it, or after what the order leaves out.
func (l *lane) take(all []plan.Entry, desc bool) {
	if len(all) == 0 {
		return
	}
	last := all[len(all)-1]
	l.after = &last
	for _, e := range all {
		prefix, skips := l.kind.skip(e.Value)
		if !skips {
			l.ahead = append(l.ahead, e)
			continue
		}
		if !strings.HasPrefix(string(last.Value), prefix) {
			continue // they end before the last one
		}
		l.after = &plan.Entry{Value: []byte(prefix), Place: -1}
		if !desc {
			l.after = &plan.Entry{Value: []byte(max(string(last.Value), prefix+lastRune)), Place: math.MaxInt64}
		}
		return
	}
}

// lastRune sorts after all others.
const lastRune = "\U0010FFFF"
