package mongotest

import "strings"

func aggregate(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	if r.field("cursor").Type != tObject {
		return nil, failedToParse("The 'cursor' option is required, except for aggregate with the explain argument")
	}
	col, err := r.collection(ns)
	if err != nil {
		return nil, err
	}
	a := &aggregation{query: &query{hint: r.field("hint")}, collection: col}
	if err := r.unlocked(func() error { return a.run(r.elements("pipeline")) }); err != nil {
		return nil, err
	}
	size, err := r.batchSize(field(r.field("cursor").Data, "batchSize"), 101)
	if err != nil {
		return nil, err
	}
	batch, id := r.open(ns, a.docs, size, false)
	return okay(pair{"cursor", documentValue(build(pair{"firstBatch", batch}, pair{"id", longValue(id)}, pair{"ns", stringValue(ns)}))}), nil
}

// An aggregation gathers the first stages in a query, which may use an index;
// the others work on its documents.
type aggregation struct {
	query      *query
	collection *collection
	docs       []document
	ran        bool
}

func (a *aggregation) run(stages []value) error {
	for _, st := range stages {
		if err := a.stage(st); err != nil {
			return err
		}
	}
	_, err := a.result()
	return err
}

func (a *aggregation) result() ([]document, error) {
	if a.ran {
		return a.docs, nil
	}
	a.ran = true
	hits, err := a.query.find(a.collection)
	for _, h := range hits {
		a.docs = append(a.docs, h.doc)
	}
	return a.docs, err
}

var unmodelledStages = map[string]bool{"$bucket": true, "$bucketAuto": true, "$changeStream": true, "$collStats": true,
	"$currentOp": true, "$facet": true, "$geoNear": true, "$graphLookup": true, "$indexStats": true, "$listSessions": true, "$lookup": true,
	"$merge": true, "$out": true, "$planCacheStats": true, "$redact": true, "$replaceRoot": true, "$replaceWith": true, "$sample": true,
	"$sortByCount": true, "$unionWith": true, "$unset": true}

func (a *aggregation) stage(st value) error {
	list := pairs(st.Data)
	if st.Type != tObject || len(list) != 1 {
		return location(40323, "A pipeline stage specification object must contain exactly one field.")
	}
	name, v := list[0].name, list[0].v
	switch name {
	case "$match":
		return a.match(v)
	case "$sort":
		return a.sort(v)
	case "$skip", "$limit":
		return a.cut(name, v)
	case "$project":
		return a.project(v)
	case "$count":
		return a.count(v)
	case "$group":
		return a.group(v)
	case "$unwind":
		return a.unwind(v)
	case "$set", "$addFields":
		return a.set(name, v)
	}
	if unmodelledStages[name] {
		return unmodelled("the stage %s", name)
	}
	return location(40324, "Unrecognized pipeline stage name: '%s'", name)
}

func (a *aggregation) match(v value) error {
	if v.Type != tObject {
		return location(15959, "the match filter must be an expression in an object")
	}
	predicates, err := parseFilter(v.Data)
	if err != nil {
		return err
	}
	if !a.ran && len(a.query.sort) == 0 && a.query.skip == 0 && a.query.limit == 0 {
		a.query.predicates = append(a.query.predicates, predicates...)
		return nil
	}
	docs, err := a.result()
	a.docs = nil
	for _, d := range docs {
		if matches(predicates, d) {
			a.docs = append(a.docs, d)
		}
	}
	return err
}

func (a *aggregation) sort(v value) error {
	if v.Type != tObject || len(v.Data) == 5 {
		return location(15976, "$sort stage must have at least one sort key")
	}
	if !a.ran && len(a.query.sort) == 0 && a.query.skip == 0 && a.query.limit == 0 {
		return a.query.order(v.Data)
	}
	docs, err := a.result()
	if err != nil {
		return err
	}
	q := &query{}
	if err := q.order(v.Data); err != nil {
		return err
	}
	hits := make([]hit, len(docs))
	for i, d := range docs {
		hits[i] = hit{uint64(i), d}
	}
	if err := sortHits(hits, q.sort); err != nil {
		return err
	}
	for i, h := range hits {
		docs[i] = h.doc
	}
	return nil
}

func (a *aggregation) cut(name string, v value) error {
	if !isNumber(v) || whole(v) < 0 || name == "$limit" && whole(v) == 0 {
		return location(15958, "the %s must be positive, got %s", name, v)
	}
	n := whole(v)
	if !a.ran && a.query.limit == 0 {
		if name == "$limit" {
			a.query.limit = n
			return nil
		}
		if a.query.skip == 0 {
			a.query.skip = n
			return nil
		}
	}
	docs, err := a.result()
	k := min(n, int64(len(docs)))
	if a.docs = docs[k:]; name == "$limit" {
		a.docs = docs[:k]
	}
	return err
}

func (a *aggregation) project(v value) error {
	if v.Type != tObject || len(v.Data) == 5 {
		return location(51272, "Invalid $project :: caused by :: projection specification must have at least one field")
	}
	p, err := parseProjection(v.Data)
	if err != nil {
		return err
	}
	docs, err := a.result()
	a.docs = nil
	for _, d := range docs {
		a.docs = append(a.docs, p.apply(d))
	}
	return err
}

func (a *aggregation) count(v value) error {
	if v.Type != tString || v.StringValue() == "" {
		return location(40156, "the count field must be a non-empty string")
	}
	docs, err := a.result()
	a.docs = nil
	if n := len(docs); n > 0 {
		a.docs = []document{build(pair{v.StringValue(), intValue(int32(n))})}
	}
	return err
}

func (a *aggregation) set(name string, v value) error {
	if v.Type != tObject {
		return location(40272, "%s specification stage must be an object, got %s", name, v.Type)
	}
	docs, err := a.result()
	if err != nil {
		return err
	}
	after := make([]document, len(docs))
	for i, d := range docs {
		if after[i], err = setFields(d, v.Data); err != nil {
			return err
		}
	}
	a.docs = after
	return nil
}

// unwind is one document per element of an array.
func (a *aggregation) unwind(v value) error {
	path, _ := v.StringValueOK()
	if !strings.HasPrefix(path, "$") || strings.Contains(path, ".") {
		return unmodelled("$unwind with other arguments than one field")
	}
	docs, err := a.result()
	a.docs = nil
	for _, d := range docs {
		switch f := field(d, path[1:]); f.Type {
		case tArray:
			for _, e := range fields(f.Data) {
				changed, err := put(documentValue(d), path[1:], e)
				if err != nil {
					return err
				}
				a.docs = append(a.docs, changed.Data)
			}
		case 0, tNull, tUndefined:
		default:
			a.docs = append(a.docs, d)
		}
	}
	return err
}
