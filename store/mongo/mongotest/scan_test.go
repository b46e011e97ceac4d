package mongotest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// corpus makes documents, filters and sorts at random, with arrays and missing
// fields in all places that an index may name.
type corpus struct{ *rand.Rand }

func (c corpus) scalar() any {
	return []any{nil, int32(c.IntN(4)), float64(c.IntN(8)) / 2, string(rune('a' + c.IntN(4))), "a" + string(rune('a'+c.IntN(3)))}[c.IntN(5)]
}

func (c corpus) value() any {
	switch c.IntN(4) {
	case 0:
		list := bson.A{}
		for range c.IntN(4) {
			list = append(list, c.scalar())
		}
		return list
	}
	return c.scalar()
}

func (c corpus) object() any {
	d := bson.D{}
	for _, name := range []string{"p", "s"} {
		if c.IntN(5) > 0 {
			d = append(d, bson.E{Key: name, Value: c.scalar()})
		}
	}
	if len(d) == 2 && c.IntN(3) == 0 {
		d[1].Value = c.value()
	}
	return d
}

func (c corpus) document(id int) bson.D {
	d := bson.D{{Key: "_id", Value: id}, {Key: "o", Value: int64(c.IntN(20))}}
	if c.IntN(6) > 0 {
		d = append(d, bson.E{Key: "k", Value: c.value()})
	}
	if c.IntN(6) > 0 {
		d = append(d, bson.E{Key: "x", Value: c.scalar()})
	}
	switch c.IntN(6) {
	case 0:
	case 1:
		d = append(d, bson.E{Key: "d", Value: c.scalar()})
	case 2:
		d = append(d, bson.E{Key: "d", Value: c.object()})
	default:
		list := bson.A{}
		for range c.IntN(4) {
			list = append(list, c.object())
		}
		d = append(d, bson.E{Key: "d", Value: list})
	}
	return d
}

func (c corpus) expression(depth int) any {
	op := []string{"$eq", "$gt", "$gte", "$lt", "$lte", "$ne"}[c.IntN(6)]
	switch c.IntN(8) {
	case 0:
		return c.value()
	case 1:
		return bson.D{{Key: "$in", Value: bson.A{c.scalar(), c.scalar()}}}
	case 2:
		return bson.D{{Key: "$gte", Value: c.scalar()}, {Key: "$lt", Value: c.scalar()}}
	case 3:
		return bson.D{{Key: "$all", Value: bson.A{c.scalar(), c.scalar()}}}
	case 4:
		return bson.D{{Key: "$exists", Value: c.IntN(2) == 0}}
	case 5:
		if depth > 0 {
			return bson.D{{Key: "$elemMatch", Value: c.between()}}
		}
	}
	return bson.D{{Key: op, Value: c.scalar()}}
}

func (c corpus) between() any {
	return bson.D{{Key: "$gte", Value: c.scalar()}, {Key: "$lte", Value: c.scalar()}}
}

func (c corpus) ids() any {
	a, b := c.IntN(120), c.IntN(120)
	return []any{a, bson.D{{Key: "$in", Value: bson.A{b, a, b}}}, bson.D{{Key: "$gt", Value: a}},
		bson.D{{Key: "$gte", Value: a}, {Key: "$lte", Value: b}, {Key: "$lt", Value: 80.5}}}[c.IntN(4)]
}

func (c corpus) filter(depth int) bson.D {
	f := bson.D{}
	for _, name := range []string{"k", "x", "o", "d.p", "d.s", "d"} {
		if c.IntN(4) > 0 {
			continue
		}
		e := c.expression(depth)
		if name == "d" && c.IntN(2) == 0 {
			e = bson.D{{Key: "$elemMatch", Value: bson.D{{Key: "p", Value: c.expression(0)}, {Key: "s", Value: c.between()}}}}
		}
		f = append(f, bson.E{Key: name, Value: e})
	}
	if c.IntN(6) == 0 {
		f = append(f, bson.E{Key: "_id", Value: c.ids()})
	}
	if depth > 0 && c.IntN(4) == 0 {
		f = append(f, bson.E{Key: []string{"$or", "$and", "$nor"}[c.IntN(3)], Value: bson.A{c.filter(0), c.filter(0)}})
	}
	return f
}

func (c corpus) sort() bson.D {
	s := bson.D{}
	for _, name := range []string{[]string{"k", "d.p"}[c.IntN(2)], "o", "x", "_id"} { // arrays are in one of them at most
		if c.IntN(4) == 0 {
			s = append(s, bson.E{Key: name, Value: 1 - 2*c.IntN(2)})
		}
	}
	return s
}

// With every index, and with none, a query finds the same documents in the
// order of its sort.
func TestScansAgree(t *testing.T) {
	s := Start(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := corpus{rand.New(rand.NewPCG(seed, 0))}
	client := dial(t, s)
	for _, key := range []bson.D{{{Key: "k", Value: 1}, {Key: "o", Value: -1}}, {{Key: "x", Value: -1}, {Key: "k", Value: -1}}, {{Key: "d.p", Value: 1}, {Key: "d.s", Value: -1}}, {{Key: "o", Value: 1}}} {
		client.roundTrip(t, mustMarshal(t, bson.D{{Key: "createIndexes", Value: "c"}, {Key: "indexes", Value: bson.A{bson.D{{Key: "key", Value: key},
			{Key: "name", Value: fmt.Sprint(key)}}}}, {Key: "$db", Value: "d"}}))
	}
	for i := range 120 {
		client.roundTrip(t, mustMarshal(t, bson.D{{Key: "insert", Value: "c"}, {Key: "documents", Value: bson.A{c.document(i)}}, {Key: "$db", Value: "d"}}))
	}
	col := s.state.collections["d.c"]
	if col.records.size < 60 || len(col.indexes) != 5 {
		t.Fatalf("%d documents, %d indexes", col.records.size, len(col.indexes))
	}
	found, narrowed := 0, map[string]int{}
	rounds := 2500
	if testing.Short() {
		rounds = 500
	}
	for range rounds {
		filter, sort := mustMarshal(t, c.filter(1)), mustMarshal(t, c.sort())
		want := ids(t, &query{}, filter, sort, &collection{records: col.records})
		found += len(want)
		for _, x := range col.indexes {
			if got := ids(t, &query{hint: stringValue(x.name)}, filter, sort, col); !slices.Equal(got, want) {
				t.Fatalf("seed %d: %s, sort %s, index %s: found %v, want %v", seed, document(filter), document(sort), x.name, got, want)
			}
		}
		q := &query{}
		if got := ids(t, q, filter, sort, col); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %s, sort %s: found %v, want %v", seed, document(filter), document(sort), got, want)
		}
		for _, x := range col.indexes {
			if x.narrow(q.predicates) != nil {
				narrowed[x.name]++
			}
		}
	}
	t.Logf("%d documents found; searches narrowed down: %v", found, narrowed)
	if found == 0 || len(narrowed) != len(col.indexes) {
		t.Errorf("%d documents found, searches narrowed down by %v", found, narrowed)
	}
}

// ids are what a query finds: in the order of its sort, ties by _id.
func ids(t *testing.T, q *query, filter, sort document, c *collection) []string {
	t.Helper()
	var err error
	if q.predicates, err = parseFilter(filter); err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	check(t, q.order(sort))
	hits, err := q.find(c)
	check(t, err)
	var list []string
	last, order := "", []string{}
	for _, h := range hits {
		key, err := "", error(nil)
		if len(q.sort) > 0 {
			key, err = sortKey(h.doc, q.sort)
		}
		check(t, err)
		if key < last {
			t.Fatalf("%s, sort %s: %s comes too late", filter, sort, h.doc)
		}
		if last = key; len(order) == 0 || order[len(order)-1] != key {
			order = append(order, key)
		}
		list = append(list, fmt.Sprintf("%05d %s", len(order), field(h.doc, "_id")))
	}
	slices.Sort(list)
	return list
}
