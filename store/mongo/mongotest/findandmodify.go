package mongotest

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
	q, err := newQuery(r.field("query"), r.field("hint"))
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
