package search

import (
	"encoding/json"
	"slices"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// collector keeps the matches of one page, in order, and counts all.
type collector struct {
	sort  []search.SortBy
	limit int
	bytes int64 // of documents, after which the page ends; 0: no bound
	count bool
	at    cursor
	total int64
	kept  []match // up to one more than the page has, which tells whether there is another
	size  int64   // of the documents of kept

	several bool // types, of which each begins anew
	before  struct {
		kept        []match
		size, total int64
	}
}

// match is a row with its position in the walk.
type match struct {
	row   *Row
	place int64
	sort  [][]byte
}

func newCollector(q *store.Search, at cursor) *collector {
	c := &collector{limit: q.Limit, bytes: q.Bytes, count: q.Count, at: at, sort: q.Query.Sort}
	if q.NoBody {
		c.limit, c.sort = 0, nil
	}
	c.several = len(q.Query.Parts()) > 1
	return c
}

// begin says that the matches of another type follow.
func (c *collector) begin() {
	if !c.several {
		return
	}
	c.before.kept, c.before.size, c.before.total = slices.Clone(c.kept), c.size, c.total
}

// reset forgets all matches since the last begin.
func (c *collector) reset() {
	c.kept, c.size, c.total = slices.Clone(c.before.kept), c.before.size, c.before.total
}

// needsAll says that the walk must begin at the first row again.
func (c *collector) needsAll() bool { return c.count || len(c.sort) > 0 }

// add takes a match. Its sort values are those of then, the row when the walk began,
// so that a resource changed during the walk keeps its position.
func (c *collector) add(r, then *Row) (more bool, err error) {
	c.total++
	m := match{row: r, place: r.Place}
	if len(c.sort) == 0 {
		if r.Place > c.at.Place && c.wants(r.Place) {
			c.insert(m)
		}
		return c.count || c.wants(r.Place), nil
	}
	if m.sort, err = c.values(then); err != nil {
		return false, err
	}
	if c.at.Place > 0 && c.compare(m, match{place: c.at.Place, sort: c.at.Sort}) <= 0 {
		return true, nil
	}
	c.insert(m)
	return true, nil
}

// wants says whether a match at a place may be among the first, if nothing sorts them.
func (c *collector) wants(place int64) bool {
	return !c.full() || c.several && place < c.kept[len(c.kept)-1].place
}

// insert keeps the first matches. Most rows of a long scan are beyond the last one kept,
// which costs one comparison.
func (c *collector) insert(m match) {
	n := len(c.kept)
	if c.full() && c.compare(m, c.kept[n-1]) > 0 {
		return
	}
	i := n
	if len(c.sort) > 0 || c.several {
		i, _ = slices.BinarySearchFunc(c.kept, m, c.compare)
	}
	c.kept = slices.Insert(c.kept, i, m)
	for c.size += m.row.size(); c.spills(1); {
		last := len(c.kept) - 1
		c.size -= c.kept[last].row.size()
		c.kept[last] = match{}
		c.kept = c.kept[:last]
	}
}

// full says that the last one kept is of the next page.
func (c *collector) full() bool { return c.spills(0) }

// spills says that, without some last matches, the last one is of the next page: there are
// more than limit, or those before it have enough bytes.
func (c *collector) spills(without int) bool {
	n := len(c.kept) - without
	if n > c.limit {
		return true
	}
	if c.bytes == 0 || n < 2 {
		return false
	}
	size := c.size
	for _, m := range c.kept[n-1:] {
		size -= m.row.size()
	}
	return size >= c.bytes
}

// compare orders by the sort values, then by creation, in the direction of the last of
// them. Resources without a value come last in either direction.
func (c *collector) compare(a, b match) int {
	for i, s := range c.sort {
		if n := compareValues(a.sort[i], b.sort[i], s.Desc); n != 0 {
			return n
		}
	}
	return comparePlaces(a.place, b.place, len(c.sort) > 0 && c.sort[len(c.sort)-1].Desc)
}

// values are a row's sort values: the lowest going up, the highest going down.
func (c *collector) values(r *Row) ([][]byte, error) {
	values := make([][]byte, len(c.sort))
	for i := range c.sort {
		var err error
		if values[i], err = (&Order{SortBy: c.sort[i]}).value(r); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// most is how many matches the page can have.
func (c *collector) most() int {
	if c.full() {
		return len(c.kept) - 1
	}
	return len(c.kept)
}

// page gives the first n matches and the cursor of the next page, nil if there is none.
func (c *collector) page(r Reader, n int) (_ []*Row, next []byte, err error) {
	rows := make([]*Row, n)
	for i := range rows {
		rows[i] = c.kept[i].row
	}
	if len(c.kept) <= n || n == 0 {
		return rows, nil, nil
	}
	if c.at.Mark == nil {
		if c.at.Mark, err = r.Mark(); err != nil {
			return nil, nil, err
		}
	}
	last := c.kept[n-1]
	next, err = json.Marshal(cursor{Mark: c.at.Mark, Place: last.place, Sort: last.sort})
	return rows, next, err
}
