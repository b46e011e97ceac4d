package mongotest

func deleteCommand(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	list := r.elements("deletes")
	for _, d := range list {
		if l := field(d.Data, "limit"); !isNumber(l) || whole(l) != 0 && whole(l) != 1 {
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
	if err := onlyFields(documentValue(d), "a statement", "q", "limit", "hint"); err != nil {
		return st, err
	}
	q, err := newQuery(field(d, "q"), field(d, "hint"))
	if err != nil {
		return st, err
	}
	q.limit = whole(field(d, "limit"))
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
