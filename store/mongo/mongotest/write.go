package mongotest

import (
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A batch is the result of an insert, update or delete command.
type batch struct {
	n, modified int32
	upserted    []value
	errors      []value
}

// statements runs each statement of a write command and gathers results and
// errors. In a transaction any error ends it.
func (r *request) statements(list []value, run func(value) (statement, error)) (*batch, error) {
	if len(list) == 0 || len(list) > maxBatch {
		return nil, fail(16, "InvalidLength", "Write batch sizes must be between 1 and %d. Got %d operations.", maxBatch, len(list))
	}
	ordered := r.field("ordered")
	b := &batch{}
	for i, v := range list {
		st, err := r.statement(i, v, run)
		b.n += st.n
		b.modified += st.modified
		if st.upserted.Type != 0 {
			b.upserted = append(b.upserted, documentValue(build(pair{"index", intValue(int32(i))}, pair{"_id", st.upserted})))
		}
		if err == nil {
			continue
		}
		f := r.failed(err)
		if len(f.labels) > 0 || f.code == 238 {
			return nil, f
		}
		b.errors = append(b.errors, documentValue(build(append(append([]pair{{"index", intValue(int32(i))}, {"code", intValue(f.code)}},
			f.fields...), pair{"errmsg", stringValue(f.msg)})...)))
		if r.txn != nil {
			r.server.abort(r.txn)
			return b, nil
		}
		if ordered.Type == 0 || truth(ordered) {
			return b, nil
		}
	}
	return b, nil
}

// statement runs one statement, unless it is of a retryable write and has had
// its effect before.
func (r *request) statement(i int, v value, run func(value) (statement, error)) (statement, error) {
	if r.txn == nil && r.session != nil {
		if st, ok := r.session.done[i]; ok {
			return st, nil
		}
	}
	st, err := run(v)
	if err == nil && r.txn == nil && r.session != nil && (st.n > 0 && r.name != "update" || st.modified > 0 || st.upserted.Type != 0) {
		r.session.done[i] = st
	}
	return st, err
}

func (b *batch) reply(update bool) document {
	list := []pair{{"n", intValue(b.n)}}
	if update {
		list = append(list, pair{"nModified", intValue(b.modified)})
	}
	if len(b.upserted) > 0 {
		list = append(list, pair{"upserted", arrayValue(b.upserted...)})
	}
	if len(b.errors) > 0 {
		list = append(list, pair{"writeErrors", arrayValue(b.errors...)})
	}
	return okay(list...)
}

// write makes changes in the transaction of the request, or else at once; then
// it waits for transactions that are in the way and looks again.
func (r *request) write(ns string, do func(*view) error) error {
	s := r.server
	if r.txn != nil {
		if _, err := r.collection(ns); err != nil {
			return err
		}
		return do(r.txn.view)
	}
	for {
		var blocker *transaction
		v := s.newView()
		v.claim = func(keys []string) error {
			for _, k := range keys {
				if t := s.claims[k]; t != nil && !s.expire(t) {
					blocker = t
					return writeConflict()
				}
			}
			return nil
		}
		err := do(v)
		if blocker == nil {
			s.install(v)
			return err
		}
		if err := r.wait(blocker); err != nil {
			return err
		}
	}
}

func insert(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	b, err := r.statements(r.elements("documents"), func(v value) (statement, error) {
		doc, err := r.newDocument(v.Data)
		if err != nil {
			return statement{}, err
		}
		err = r.write(ns, func(view *view) error { return view.write(change{ns: ns, after: doc}) })
		if err != nil {
			return statement{}, err
		}
		return statement{n: 1}, nil
	})
	if err != nil {
		return nil, err
	}
	return b.reply(false), nil
}

// newDocument checks a document to be inserted and puts _id first.
func (r *request) newDocument(doc document) (document, error) {
	if len(doc) > maxDocument {
		return nil, badValue("object to insert too large. size in bytes: %d, max size: %d", len(doc), maxDocument)
	}
	for name := range fields(doc) {
		if name != "" && name[0] == '$' {
			return nil, badValue("Document can't have $ prefixed field names: %s", name)
		}
	}
	return r.identify(doc)
}

// identify puts _id first, and makes one if there is none.
func (r *request) identify(doc document) (document, error) {
	id := field(doc, "_id")
	switch id.Type {
	case 0:
		oid := bson.NewObjectIDFromTimestamp(r.server.Now())
		id = value{Type: tObjectID, Data: bsoncore.AppendObjectID(nil, oid)}
	case tArray:
		return nil, badValue("can't use an array for _id")
	case tRegex:
		return nil, badValue("can't use a regex for _id")
	case tUndefined:
		return nil, badValue("can't use a undefined for _id")
	}
	list := []pair{{"_id", id}}
	for name, v := range fields(doc) {
		if name != "_id" {
			list = append(list, pair{name, v})
		}
	}
	return build(list...), nil
}

func update(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	b, err := r.statements(r.elements("updates"), func(v value) (statement, error) { return r.updateOne(ns, v.Data) })
	if err != nil {
		return nil, err
	}
	return b.reply(true), nil
}

func checkStatement(d document, known ...string) error {
next:
	for name := range fields(d) {
		for _, k := range known {
			if name == k {
				continue next
			}
		}
		return unmodelled("%s in a write statement", name)
	}
	return nil
}

func (r *request) updateOne(ns string, d document) (statement, error) {
	var st statement
	if err := checkStatement(d, "q", "u", "multi", "upsert", "hint"); err != nil {
		return st, err
	}
	multi := truth(field(d, "multi"))
	if multi && r.txn == nil && r.session != nil {
		return st, invalidOptions("Cannot use retryable writes with multi=true")
	}
	m, err := parseModification(field(d, "u"))
	if err != nil {
		return st, err
	}
	if multi && m.replacement != nil {
		return st, failedToParse("multi update is not supported for replacement-style update")
	}
	q, err := newQuery(field(d, "q").Data, field(d, "hint"))
	if err != nil {
		return st, err
	}
	if !multi {
		q.limit = 1
	}
	err = r.write(ns, func(v *view) error {
		st = statement{}
		found, err := q.find(v.collection(ns))
		if err != nil {
			return err
		}
		for _, hit := range found {
			changed, err := r.modify(v, ns, hit, m)
			if err != nil {
				return err
			}
			st.n++
			if changed != nil {
				st.modified++
			}
		}
		if len(found) == 0 && truth(field(d, "upsert")) {
			doc, err := r.upsert(v, ns, q, m)
			if err == nil {
				st.n, st.upserted = 1, field(doc, "_id")
			}
			return err
		}
		return nil
	})
	return st, err
}

// modify changes one document; it is nil if that leaves it as it is.
func (r *request) modify(v *view, ns string, hit hit, m *modification) (document, error) {
	after, err := m.apply(hit.doc, false)
	if err != nil || string(after) == string(hit.doc) {
		return nil, err
	}
	if len(after) > maxDocument {
		return nil, location(17419, "Resulting document after update is larger than %d", maxDocument)
	}
	return after, v.write(change{ns: ns, record: hit.record, before: hit.doc, after: after})
}

func (r *request) upsert(v *view, ns string, q *query, m *modification) (document, error) {
	doc, err := m.insertion(q)
	if err != nil {
		return nil, err
	}
	if doc, err = r.identify(doc); err != nil {
		return nil, err
	}
	if len(doc) > maxDocument {
		return nil, location(17420, "Document to upsert is larger than %d", maxDocument)
	}
	return doc, v.write(change{ns: ns, after: doc})
}

func deleteCommand(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	list := r.elements("deletes")
	for _, d := range list {
		if l := field(d.Data, "limit"); !isNumber(l) || l.AsInt64() != 0 && l.AsInt64() != 1 {
			return nil, failedToParse("The limit field in delete objects must be 0 or 1. Got %s", l)
		}
	}
	b, err := r.statements(list, func(v value) (statement, error) { return r.deleteOne(ns, v.Data) })
	if err != nil {
		return nil, err
	}
	return b.reply(false), nil
}

func (r *request) deleteOne(ns string, d document) (statement, error) {
	var st statement
	if err := checkStatement(d, "q", "limit", "hint"); err != nil {
		return st, err
	}
	q, err := newQuery(field(d, "q").Data, field(d, "hint"))
	if err != nil {
		return st, err
	}
	q.limit = field(d, "limit").AsInt64()
	if q.limit == 0 && r.txn == nil && r.session != nil {
		return st, invalidOptions("Cannot use retryable writes with limit=0")
	}
	err = r.write(ns, func(v *view) error {
		st = statement{}
		found, err := q.find(v.collection(ns))
		for _, hit := range found {
			if err = v.write(change{ns: ns, record: hit.record, before: hit.doc}); err != nil {
				return err
			}
			st.n++
		}
		return err
	})
	return st, err
}

func findAndModify(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	if r.txn == nil && r.session != nil && r.session.reply != nil {
		return r.session.reply, nil
	}
	remove := truth(r.field("remove"))
	if !remove && !r.has("update") {
		return nil, failedToParse("Either an update or remove=true must be specified")
	}
	if remove && (r.has("update") || truth(r.field("new")) || truth(r.field("upsert"))) {
		return nil, failedToParse("Cannot specify both an update and remove=true")
	}
	q, err := newQuery(r.field("query").Data, r.field("hint"))
	if err != nil {
		return nil, err
	}
	if q.limit = 1; r.field("sort").Type == tObject {
		if err := q.order(r.field("sort").Data); err != nil {
			return nil, err
		}
	}
	project, err := parseProjection(r.field("fields").Data)
	if err != nil {
		return nil, err
	}
	var reply document
	var effect bool
	err = r.write(ns, func(v *view) error {
		if remove {
			reply, effect, err = r.findAndRemove(v, ns, q, project)
		} else {
			reply, effect, err = r.findAndUpdate(v, ns, q, project)
		}
		return err
	})
	if err == nil && effect && r.txn == nil && r.session != nil {
		r.session.reply = reply
	}
	return reply, err
}

func (r *request) findAndRemove(v *view, ns string, q *query, project *projection) (document, bool, error) {
	found, err := q.find(v.collection(ns))
	if err != nil {
		return nil, false, err
	}
	if len(found) == 0 {
		return okay(pair{"lastErrorObject", documentValue(build(pair{"n", intValue(0)}))}, pair{"value", null}), false, nil
	}
	err = v.write(change{ns: ns, record: found[0].record, before: found[0].doc})
	return okay(pair{"lastErrorObject", documentValue(build(pair{"n", intValue(1)}))},
		pair{"value", documentValue(project.apply(found[0].doc))}), true, err
}

func (r *request) findAndUpdate(v *view, ns string, q *query, project *projection) (document, bool, error) {
	m, err := parseModification(r.field("update"))
	if err != nil {
		return nil, false, err
	}
	found, err := q.find(v.collection(ns))
	if err != nil {
		return nil, false, err
	}
	last := func(n int32, existing bool, upserted, v value) document {
		return okay(pair{"lastErrorObject", documentValue(build(pair{"n", intValue(n)}, pair{"updatedExisting", boolValue(existing)},
			pair{"upserted", upserted}))}, pair{"value", v})
	}
	after := truth(r.field("new"))
	if len(found) > 0 {
		changed, err := r.modify(v, ns, found[0], m)
		shown := found[0].doc
		if after && changed != nil {
			shown = changed
		}
		return last(1, true, missing, documentValue(project.apply(shown))), changed != nil, err
	}
	if !truth(r.field("upsert")) {
		return last(0, false, missing, null), false, nil
	}
	doc, err := r.upsert(v, ns, q, m)
	if err != nil {
		return nil, false, err
	}
	shown := null
	if after {
		shown = documentValue(project.apply(doc))
	}
	return last(1, false, field(doc, "_id"), shown), true, nil
}
