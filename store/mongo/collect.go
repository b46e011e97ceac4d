package mongo

import (
	"cmp"
	"iter"
	"regexp"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir/search"
	plan "github.com/aceso-health/aceso/store/search"
)

// Collect finds the places of a condition. Queries hint their index where they can:
// otherwise the server may choose another.
func (x *reader) Collect(typ string, c search.Condition, limit int, pass func(int) error) (places []int64, err error) {
	filter, index := x.filter(typ, c)
	if filter == nil {
		return nil, nil
	}
	if _, scans := c.(search.Contains); scans {
		if err := pass(scanned); err != nil {
			return nil, err
		}
	}
	o := options.Find().SetProjection(placeOnly).SetLimit(int64(limit) + 1).SetBatchSize(int32(limit) + 1)
	if index != "" {
		o.SetHint(index)
	}
	err = eachRaw(x.ctx, x.s.resources, filter, o, func(doc bson.Raw) error {
		places = append(places, doc.Lookup("o").AsInt64())
		return nil
	})
	if err == nil {
		err = pass(len(places))
	}
	return places, err
}

// scanned is how many entries of the index a search for a part of a text counts as passing
// over. The database does not say how many they were.
const scanned = 100_000

// filter translates a condition for the database and names the index with its bounds.
// A nil filter finds nothing.
func (x *reader) filter(typ string, c search.Condition) (filter bson.D, index string) {
	in := x.s.in(typ)
	switch c := c.(type) {
	case search.HasKey:
		return bson.D{{Key: "k", Value: in + c.Key}}, keyIndex
	case search.Any:
		if len(c) == 0 {
			return nil, ""
		}
		keys := make(bson.A, len(c))
		for i, k := range c {
			keys[i] = in + k.(search.HasKey).Key
		}
		return bson.D{{Key: "k", Value: bson.D{{Key: "$in", Value: keys}}}}, keyIndex
	case search.KeyRange:
		return anyKey(span(in+c.From, in+c.To)), keyIndex
	case search.Contains:
		begin := in + c.Prefix()
		all := span(begin, begin[:len(begin)-1]+"_")
		if strings.ContainsRune(c.Needle, 0) {
			return anyKey(all), keyIndex // no $regex may have it
		}
		return anyKey(append(all, contains(begin, c.Needle))), keyIndex
	case search.InDates:
		return x.dates(in, c), "" // the branches of an $or are planned one by one
	case search.InNumbers:
		return anyOf("n", in+c.Param, numbers(c)), numberIndex
	}
	return nil, ""
}

// anyKey holds if one key satisfies all of what. Without $elemMatch, different keys
// could satisfy its parts.
func anyKey(what bson.D) bson.D {
	return bson.D{{Key: "k", Value: bson.D{{Key: "$elemMatch", Value: what}}}}
}

func span(from, to string) bson.D {
	return bson.D{{Key: "$gte", Value: from}, {Key: "$lt", Value: to}}
}

// contains searches the text of a key, without the hash at the end of a cut one.
func contains(begin, needle string) bson.E {
	return bson.E{Key: "$regex", Value: "^" + regexp.QuoteMeta(begin) + "[^\x7f]*" + regexp.QuoteMeta(needle)}
}

// anyOf holds if one range of a parameter satisfies all of match.
func anyOf(field, param string, match bson.D) bson.D {
	match = append(bson.D{{Key: "p", Value: param}}, match...)
	return bson.D{{Key: field, Value: bson.D{{Key: "$elemMatch", Value: match}}}}
}

// classStep is how many bits of width share a class of date ranges: few classes,
// because each is a place of its own in the index.
const classStep = 4

// dateClass is the width of a range in bits, rounded up. A range ends not much
// later than it begins, depending on its class, which bounds a search for ends.
func dateClass(lo, hi int64) int {
	return (plan.Width(lo, hi) + classStep - 1) / classStep * classStep
}

// dates searches every class.
func (x *reader) dates(in string, c search.InDates) bson.D {
	is := compared(c.Prefix, [2]int64{c.Lo, c.Hi}, [2]string{"s", "e"})
	if c.Prefix == search.Ne {
		return anyOf("d", in+c.Param, is)
	}
	widest := 64
	if c.Prefix == search.Eq {
		widest = dateClass(c.Lo, c.Hi) // what lies inside is not wider
	}
	var classes bson.A
	for class := 0; class <= widest; class += classStep {
		from, to := plan.DateSpan(c, class)
		within := bson.D{{Key: "c", Value: class}, {Key: "s", Value: bson.D{{Key: "$gte", Value: from}, {Key: "$lte", Value: to}}}}
		classes = append(classes, anyOf("d", in+c.Param, append(within, is...)))
	}
	return bson.D{{Key: "$or", Value: classes}}
}

func numbers(c search.InNumbers) bson.D {
	from, to := plan.NumberSpan(c)
	bounds := bson.E{Key: "lo", Value: bson.D{{Key: "$gte", Value: from}, {Key: "$lte", Value: to}}}
	return append(bson.D{bounds}, compared(c.Prefix, [2]string{c.Lo, c.Hi}, [2]string{"lo", "hi"})...)
}

var operators = map[string]string{"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}

// compared says in the language of the database what a prefix means for the
// fields of a stored range and the searched range.
func compared[T int64 | string](p search.Prefix, searched [2]T, fields [2]string) bson.D {
	var alternatives bson.A
	for _, all := range p.Meaning() {
		var is bson.D
		for _, c := range all {
			is = append(is, bson.E{Key: fields[c.End], Value: bson.D{{Key: operators[c.Op], Value: searched[c.With]}}})
		}
		alternatives = append(alternatives, is)
	}
	if len(alternatives) == 1 {
		return alternatives[0].(bson.D)
	}
	return bson.D{{Key: "$or", Value: alternatives}}
}

// Rows reads in growing chunks, because a page is often complete early.
func (x *reader) Rows(typ string, places []int64) iter.Seq2[*plan.Row, error] {
	return func(yield func(*plan.Row, error) bool) {
		for n := 64; len(places) > 0; n = min(4*n, 1024) {
			some := places[:min(n, len(places))]
			places = places[len(some):]
			filter := bson.D{{Key: "r", Value: x.s.in(typ)}, {Key: "o", Value: bson.D{{Key: "$in", Value: some}}}}
			rows, err := x.s.rows(x.ctx, x.s.resources, filter, options.Find().SetHint(typeIndex).SetBatchSize(int32(n)))
			slices.SortFunc(rows, func(a, b *plan.Row) int { return cmp.Compare(a.Place, b.Place) })
			if !hand(rows, err, yield) {
				return
			}
		}
	}
}

// Scan also reads in growing chunks. $all takes its bounds from the first key.
func (x *reader) Scan(typ string, keys []string, after int64) iter.Seq2[*plan.Row, error] {
	if len(keys) > 0 && slices.Contains(x.large, x.s.in(typ)) {
		return x.scanLarge(typ, keys, after)
	}
	filter, index := bson.D{{Key: "r", Value: x.s.in(typ)}, {Key: "st", Value: false}}, typeIndex
	if len(keys) > 0 {
		all := make(bson.A, len(keys))
		for i, k := range keys {
			all[i] = x.s.in(typ) + k
		}
		filter, index = bson.D{{Key: "k", Value: bson.D{{Key: "$all", Value: all}}}}, keyIndex
	}
	return func(yield func(*plan.Row, error) bool) {
		for n := 64; ; n = min(4*n, 1024) {
			from := bson.E{Key: "o", Value: bson.D{{Key: "$gt", Value: after}}}
			rows, err := x.s.rows(x.ctx, x.s.resources, append(filter[:len(filter):len(filter)], from), options.Find().SetHint(index).
				SetSort(bson.D{{Key: "o", Value: 1}}).SetLimit(int64(n)).SetBatchSize(int32(n)))
			if !hand(rows, err, yield) || len(rows) < n {
				return
			}
			after = rows[n-1].Place
		}
	}
}

// scanLarge is Scan for a type of which some resources have further key documents: any of
// the documents of a resource may have the first key, and others the other keys.
func (x *reader) scanLarge(typ string, keys []string, after int64) iter.Seq2[*plan.Row, error] {
	return func(yield func(*plan.Row, error) bool) {
		for n := 64; ; n = min(4*n, 1024) {
			var places []int64
			filter := bson.D{{Key: "k", Value: x.s.in(typ) + keys[0]}, {Key: "o", Value: bson.D{{Key: "$gt", Value: after}}}}
			err := eachRaw(x.ctx, x.s.resources, filter, options.Find().SetHint(keyIndex).SetProjection(placeOnly).
				SetSort(bson.D{{Key: "o", Value: 1}}).SetLimit(int64(n)).SetBatchSize(int32(n)), func(doc bson.Raw) error {
				places = append(places, doc.Lookup("o").AsInt64())
				return nil
			})
			if err != nil {
				yield(nil, err)
				return
			}
			for r, err := range x.Rows(typ, places) {
				has := err == nil
				if has && len(keys) > 1 {
					has, err = hasAll(r, keys[1:])
				}
				if (has || err != nil) && (!yield(r, err) || err != nil) {
					return
				}
			}
			if len(places) < n {
				return
			}
			after = places[n-1]
		}
	}
}

// placeOnly is answered from the index.
var placeOnly = bson.D{{Key: "_id", Value: 0}, {Key: "o", Value: 1}}

// hasAll says whether a resource has some keys.
func hasAll(r *plan.Row, keys []string) (bool, error) {
	index, err := r.Index()
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(keys, func(k string) bool {
		_, found := slices.BinarySearch(index.Keys, k)
		return !found
	}), nil
}

// hand passes rows on; it is false when the caller wants no more.
func hand(rows []*plan.Row, err error, yield func(*plan.Row, error) bool) bool {
	if err != nil {
		yield(nil, err)
		return false
	}
	for _, r := range rows {
		if !yield(r, nil) {
			return false
		}
	}
	return true
}
