package mongo

import (
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/store"
)

// TestFewKeysByConstruction says of the data of TestExplain that its bound is certain on
// any server: an index scan examines each key in the bounds that a command gives, perhaps twice,
// and one past the end of each interval, whatever plan is tried first. Counted in the data,
// that is at most 20 keys for each result.
func TestFewKeysByConstruction(t *testing.T) {
	server, spy := newServer(t), &spy{}
	w := &hospital{T: t, store: server.open(t, testOptions(""))}
	w.fill()
	all := keysOf(t, w.store)
	watched := spy.open(t, server, w.store)
	for _, shape := range shapes {
		page, err := watched.Search(t.Context(), store.Search{Query: w.parse(shape.query), Limit: 50})
		if err != nil {
			t.Fatalf("%s: %v", shape.query, err)
		}
		most := 0
		for _, command := range spy.take("find", "resources", "history") {
			most += all.most(t, command)
		}
		n := len(page.Matches) + len(page.Included)
		t.Logf("at most %5d keys for %3d results: %s%s", most, n, shape.query, shape.note())
		if (most > 20*n || n == 0) && shape.why == "" {
			t.Errorf("%s: up to %d keys for %d results", shape.query, most, n)
		}
	}
}

// indexedKeys are the keys of all resources, as the indexes have them.
type indexedKeys struct {
	strings []string
	dates   []dateRange
	numbers []numberRange
	types   []string
}

func keysOf(t *testing.T, s *Store) (all indexedKeys) {
	t.Helper()
	err := eachRaw(t.Context(), s.resources, bson.D{}, options.Find(), func(doc bson.Raw) error {
		var one struct {
			Index index  `bson:",inline"`
			Type  string `bson:"r"`
		}
		err := bson.Unmarshal(doc, &one)
		all.strings, all.dates = append(all.strings, one.Index.Keys...), append(all.dates, one.Index.Dates...)
		all.numbers, all.types = append(all.numbers, one.Index.Numbers...), append(all.types, one.Type)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// most is how many keys a server examines at most for a find command.
func (all *indexedKeys) most(t *testing.T, command bson.Raw) int {
	t.Helper()
	filter := command.Lookup("filter").Document()
	var n, intervals int
	switch first := filter.Index(0); first.Key() {
	case "k":
		n, intervals = all.ofStrings(t, first.Value())
	case "n":
		param := textIn(filter, "n", "$elemMatch", "p")
		from, to := textIn(filter, "n", "$elemMatch", "lo", "$gte"), textIn(filter, "n", "$elemMatch", "lo", "$lte")
		n, intervals = countOf(all.numbers, func(r numberRange) bool { return r.Param == param && r.Lo >= from && r.Lo <= to }), 1
	case "$or":
		n, intervals = all.ofDates(t, first.Value())
	case "_id":
		n = len(values(t, filter.Lookup("_id", "$in")))
		intervals = n
	case "r":
		typ := first.Value().StringValue()
		n, intervals = countOf(all.types, func(r string) bool { return r == typ }), 1
		if in := filter.Lookup("o", "$in"); in.Type != 0 {
			n = len(values(t, in))
			intervals = n
		}
	default:
		t.Fatalf("no bounds are known for %s", filter)
	}
	if limit, ok := command.Lookup("limit").AsInt64OK(); ok && limit > 0 {
		n = min(n, int(limit)) // nothing but the index decides in these data
	}
	if intervals == 1 {
		return n + 1
	}
	return 2*n + intervals
}

func (all *indexedKeys) ofStrings(t *testing.T, v bson.RawValue) (n, intervals int) {
	t.Helper()
	if key, ok := v.StringValueOK(); ok {
		return countOf(all.strings, func(k string) bool { return k == key }), 1
	}
	switch op := v.Document().Index(0); op.Key() {
	case "$in", "$all":
		wanted := values(t, op.Value())
		return countOf(all.strings, func(k string) bool {
			return slices.ContainsFunc(wanted, func(w bson.RawValue) bool { return w.StringValue() == k })
		}), len(wanted)
	case "$elemMatch":
		from, to := textIn(op.Value().Document(), "$gte"), textIn(op.Value().Document(), "$lt")
		return countOf(all.strings, func(k string) bool { return k >= from && k < to }), 1
	}
	t.Fatalf("no bounds are known for %s", v)
	return 0, 0
}

// ofDates has an interval for each class of width. Where ends are bounded, too, a scan may
// seek anew for each start.
func (all *indexedKeys) ofDates(t *testing.T, branches bson.RawValue) (n, intervals int) {
	t.Helper()
	for _, b := range values(t, branches) {
		match := b.Document().Lookup("d", "$elemMatch").Document()
		param, class := textIn(match, "p"), match.Lookup("c").AsInt64()
		from, to := match.Lookup("s", "$gte").AsInt64(), match.Lookup("s", "$lte").AsInt64()
		n += countOf(all.dates, func(r dateRange) bool {
			return r.Param == param && int64(r.Class) == class && r.Lo >= from && r.Lo <= to
		})
		intervals++
	}
	return n, intervals
}

func values(t *testing.T, v bson.RawValue) []bson.RawValue {
	t.Helper()
	all, err := v.Array().Values()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func textIn(doc bson.Raw, path ...string) string {
	return strings.Clone(doc.Lookup(path...).StringValue())
}

func countOf[T any](all []T, is func(T) bool) (n int) {
	for _, one := range all {
		if is(one) {
			n++
		}
	}
	return n
}
