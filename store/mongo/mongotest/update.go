package mongotest

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

func (r *request) updateOne(ns string, d document) (statement, error) {
	var st statement
	if err := onlyFields(documentValue(d), "a statement", "q", "u", "multi", "upsert", "hint"); err != nil {
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
	q, err := newQuery(field(d, "q"), field(d, "hint"))
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
