package mongotest

import (
	"math/rand/v2"
)

// A cursor holds what a find or aggregate has not returned yet.
type cursor struct {
	ns      string
	rest    []document
	session string
	txn     *transaction
}

// collection is what the request sees of a collection: its transaction's view,
// or what is committed. Nil if there is none.
func (r *request) collection(ns string) (*collection, error) {
	if r.txn == nil {
		return r.server.state.collections[ns], nil
	}
	v := r.txn.view
	now, then := r.server.state.collections[ns], v.base.collections[ns]
	r.txn.uses[ns] = true
	if now != nil && now.changed > v.base.seq || now == nil && then != nil {
		return nil, fail(246, "SnapshotUnavailable", "Unable to read from a snapshot due to pending collection catalog changes; please retry the operation.")
	}
	return v.collection(ns), nil
}

func (r *request) query(filter string) (*query, error) {
	q, err := newQuery(r.field(filter), r.field("hint"))
	if err != nil {
		return nil, err
	}
	if s := r.field("sort"); s.Type == tObject {
		if err := q.order(s.Data); err != nil {
			return nil, err
		}
	}
	if q.skip, err = r.count("skip"); err != nil {
		return nil, err
	}
	q.limit, err = r.count("limit")
	return q, err
}

func (r *request) count(name string) (int64, error) {
	v := r.field(name)
	switch {
	case v.Type == 0:
		return 0, nil
	case !isNumber(v):
		return 0, failedToParse("Failed to parse: %s. '%s' field must be numeric.", r.body, name)
	case whole(v) < 0:
		return 0, badValue("%s value must be non-negative, but received: %s", name, v)
	}
	return whole(v), nil
}

func find(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	q, err := r.query("filter")
	if err != nil {
		return nil, err
	}
	project, err := parseProjection(r.field("projection").Data)
	if err != nil {
		return nil, err
	}
	size, err := r.batchSize(r.field("batchSize"), 101)
	if err != nil {
		return nil, err
	}
	col, err := r.collection(ns)
	if err != nil {
		return nil, err
	}
	if col == nil {
		return okay(pair{"cursor", documentValue(build(pair{"id", longValue(0)}, pair{"ns", stringValue(ns)}, pair{"firstBatch", arrayValue()}))}), nil
	}
	var docs []document
	err = r.unlocked(func() error {
		hits, err := q.find(col)
		for _, h := range hits {
			docs = append(docs, project.apply(h.doc))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	batch, id := r.open(ns, docs, size, truth(r.field("singleBatch")) || q.limit > 0 && int64(len(docs)) <= size && size > 0)
	return okay(pair{"cursor", documentValue(build(pair{"firstBatch", batch}, pair{"id", longValue(id)}, pair{"ns", stringValue(ns)}))}), nil
}

// unlocked reads without mu: a collection that a request has got does not change.
func (r *request) unlocked(read func() error) error {
	r.server.mu.Unlock()
	defer r.server.mu.Lock()
	return read()
}

func (r *request) batchSize(v value, otherwise int64) (int64, error) {
	if v.Type == 0 {
		return otherwise, nil
	}
	if !isNumber(v) {
		return 0, failedToParse("'batchSize' field must be numeric.")
	}
	if whole(v) < 0 {
		return 0, badValue("BatchSize value must be non-negative, but received: %s", v)
	}
	return whole(v), nil
}

// open is the first batch, and a cursor for the rest.
func (r *request) open(ns string, docs []document, size int64, single bool) (value, int64) {
	batch, rest := take(docs, size)
	if single || len(rest) == 0 && size > 0 {
		return batch, 0
	}
	id := rand.Int64N(1<<62) + 1
	r.server.cursors[id] = &cursor{ns: ns, rest: rest, session: r.lsid, txn: r.txn}
	return batch, id
}

// take is a batch of at most size documents and 16 MB, and what is left.
func take(docs []document, size int64) (value, []document) {
	var list []value
	total := 0
	for i, d := range docs {
		total += len(d)
		if int64(i) >= size || i > 0 && total > maxDocument-16*1024 {
			return arrayValue(list...), docs[i:]
		}
		list = append(list, documentValue(d))
	}
	return arrayValue(list...), nil
}

func getMore(r *request) (document, error) {
	id, _ := r.field("getMore").AsInt64OK()
	c := r.server.cursors[id]
	if c == nil {
		return nil, fail(43, "CursorNotFound", "cursor id %d not found", id)
	}
	if name, _ := r.field("collection").StringValueOK(); r.db+"."+name != c.ns {
		return nil, fail(13, "Unauthorized", "Requested getMore on namespace '%s.%s', but cursor belongs to a different namespace %s", r.db, name, c.ns)
	}
	if c.txn != r.txn {
		return nil, location(50740, "Cannot run getMore on cursor %d, which was not created in this transaction", id)
	}
	if c.session != "" && c.session != r.lsid {
		return nil, location(50738, "Cannot run getMore on cursor %d, which was created in another session", id)
	}
	size, err := r.batchSize(r.field("batchSize"), maxBatch*100)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		size = maxBatch * 100
	}
	batch, rest := take(c.rest, size)
	if c.rest = rest; len(rest) == 0 {
		delete(r.server.cursors, id)
		id = 0
	}
	return okay(pair{"cursor", documentValue(build(pair{"nextBatch", batch}, pair{"id", longValue(id)}, pair{"ns", stringValue(c.ns)}))}), nil
}

func killCursors(r *request) (document, error) {
	var killed, unknown []value
	for _, v := range r.elements("cursors") {
		id, _ := v.AsInt64OK()
		if r.server.cursors[id] == nil {
			unknown = append(unknown, v)
			continue
		}
		delete(r.server.cursors, id)
		killed = append(killed, v)
	}
	return okay(pair{"cursorsKilled", arrayValue(killed...)}, pair{"cursorsNotFound", arrayValue(unknown...)},
		pair{"cursorsAlive", arrayValue()}, pair{"cursorsUnknown", arrayValue()}), nil
}

func count(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	q, err := r.query("query")
	if err != nil {
		return nil, err
	}
	col, n := r.server.state.collections[ns], 0
	err = r.unlocked(func() error {
		hits, err := q.find(col)
		n = len(hits)
		return err
	})
	return okay(pair{"n", intValue(int32(n))}), err
}
