package mongotest

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
