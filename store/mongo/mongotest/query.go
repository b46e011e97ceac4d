package mongotest

import (
	"slices"
	"strings"
)

// A query is a filter with order and limits, of find, update, delete and aggregate.
type query struct {
	filter      document
	predicates  []*predicate
	hint        value
	sort        []indexField
	skip, limit int64 // a limit of 0 is none
}

// A hit is a document that a query found.
type hit struct {
	record uint64
	doc    document
}

func newQuery(filter, hint value) (*query, error) {
	switch filter.Type {
	case 0:
		filter = documentValue(build())
	case tObject:
	default:
		return nil, failedToParse("Failed to parse: filter: %s. 'filter' field must be of BSON type object.", filter)
	}
	predicates, err := parseFilter(filter.Data)
	return &query{filter: filter.Data, predicates: predicates, hint: hint}, err
}

func (q *query) order(spec document) error {
	for name, v := range fields(spec) {
		if !isNumber(v) {
			return unmodelled("a sort by %s", v)
		}
		if n := whole(v); n != 1 && n != -1 {
			return location(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)")
		}
		if name == "$natural" {
			return unmodelled("$natural")
		}
		q.sort = append(q.sort, indexField{path: splitPath(name), name: name, desc: whole(v) < 0})
	}
	return nil
}

// find returns the matches in the order of the sort, or else of the hinted index, or else
// in any order.
func (q *query) find(c *collection) ([]hit, error) {
	if c == nil {
		return nil, nil
	}
	hinted, err := q.hinted(c)
	if err != nil {
		return nil, err
	}
	var found []hit
	q.scan(c, hinted, func(h hit) bool {
		if matches(q.predicates, h.doc) {
			found = append(found, h)
		}
		return len(q.sort) > 0 || q.limit == 0 || int64(len(found)) < q.skip+q.limit
	})
	if len(q.sort) > 0 {
		if err := q.checkMemory(found); err != nil {
			return nil, err
		}
		if err := sortHits(found, q.sort); err != nil {
			return nil, err
		}
	}
	found = found[min(q.skip, int64(len(found))):]
	if q.limit > 0 && int64(len(found)) > q.limit {
		found = found[:q.limit]
	}
	return found, nil
}

// maxSort is internalQueryMaxBlockingSortMemoryUsageBytes.
const maxSort = 100 << 20

// checkMemory refuses to sort too much without an index. With a limit, the
// server keeps no more documents than that.
func (q *query) checkMemory(found []hit) error {
	if q.limit > 0 && q.skip+q.limit < int64(len(found)) {
		return nil
	}
	size := 0
	for _, h := range found {
		size += len(h.doc)
	}
	if size > maxSort {
		return fail(292, "QueryExceededMemoryLimitNoDiskUseAllowed", "Executor error during find command :: caused by :: Sort exceeded memory limit of %d bytes, but did not opt in to external sorting.", maxSort)
	}
	return nil
}

// sortKey is the smallest key in an index on the fields. By _id alone, an array is one
// value.
func sortKey(doc document, order []indexField) (string, error) {
	if len(order) == 1 && order[0].name == "_id" {
		return component(field(doc, "_id"), order[0].desc), nil
	}
	keys, err := keysOf(doc, order)
	if err != nil {
		return "", badValue("cannot sort with keys that are parallel arrays")
	}
	least := keys[0].encoded
	for _, k := range keys[1:] {
		least = min(least, k.encoded)
	}
	return least, nil
}

func sortHits(found []hit, order []indexField) error {
	keys := make(map[uint64]string, len(found))
	for _, h := range found {
		k, err := sortKey(h.doc, order)
		if err != nil {
			return err
		}
		keys[h.record] = k
	}
	slices.SortStableFunc(found, func(a, b hit) int { return strings.Compare(keys[a.record], keys[b.record]) })
	return nil
}
