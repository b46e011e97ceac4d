package mongotest

import (
	"maps"
	"slices"
	"strings"
)

// alter changes the catalog outside transactions, after those that have used the
// collection.
func (r *request) alter(ns string, do func(current *state) (*state, error)) error {
	s := r.server
	for t := range s.active {
		if !t.uses[ns] {
			continue
		}
		if err := r.wait(t); err != nil {
			return err
		}
		return r.alter(ns, do)
	}
	next, err := do(s.state)
	if err == nil && next != nil {
		s.state = next
	}
	return err
}

// with is the state with another version of a collection.
func (st *state) with(ns string, c *collection) *state {
	next := &state{seq: st.seq + 1, collections: maps.Clone(st.collections)}
	c.changed = next.seq
	next.collections[ns] = c
	return next
}

func createIndexes(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	specs := r.elements("indexes")
	if len(specs) == 0 {
		return nil, badValue("Must specify at least one index to create")
	}
	if err := r.checkCommitQuorum(); err != nil {
		return nil, err
	}
	var reply document
	err = r.alter(ns, func(current *state) (*state, error) {
		v := r.server.newView()
		existed := current.collections[ns] != nil
		c := v.own(ns)
		before := len(c.indexes)
		for _, spec := range specs {
			if err := v.addIndex(c, spec.Data); err != nil {
				return nil, err
			}
		}
		list := []pair{{"numIndexesBefore", intValue(int32(before))}, {"numIndexesAfter", intValue(int32(len(c.indexes)))}}
		if len(c.indexes) == before {
			reply = okay(append(list, pair{"note", stringValue("all indexes already exist")})...)
			return nil, nil
		}
		reply = okay(append([]pair{{"createdCollectionAutomatically", boolValue(!existed)}}, list...)...)
		return current.with(ns, c), nil
	})
	return reply, err
}

// checkCommitQuorum accepts what a set of one member fulfils at once.
func (r *request) checkCommitQuorum() error {
	quorum := r.field("commitQuorum")
	name, _ := quorum.StringValueOK()
	switch {
	case quorum.Type == 0:
	case r.server.standalone:
		return badValue("Standalones can't specify commitQuorum")
	case name == "majority", name == "votingMembers", isNumber(quorum) && whole(quorum) == 1:
	default:
		return unmodelled("the commit quorum %s", quorum)
	}
	return nil
}

func (v *view) addIndex(c *collection, spec document) error {
	name, _ := field(spec, "name").StringValueOK()
	key := field(spec, "key")
	if key.Type != tObject || name == "" {
		return failedToParse("The 'key' and 'name' fields are required properties of an index specification")
	}
	if err := checkIndexOptions(spec); err != nil {
		return err
	}
	list, err := parseKeyPattern(key.Data)
	if err != nil {
		return err
	}
	x := &index{name: name, spec: key.Data, fields: list, unique: truth(field(spec, "unique"))}
	if exists, err := c.compareIndexes(x); exists || err != nil {
		return err
	}
	var failed error
	c.records.ascend("", "", func(record string, doc document) bool {
		failed = x.fill(v.owner, c.ns, record, doc)
		return failed == nil
	})
	c.indexes = append(c.indexes, x)
	return failed
}

func checkIndexOptions(spec document) error {
	if len(field(spec, "key").Data) == 5 {
		return fail(67, "CannotCreateIndex", "Error in specification %s :: caused by :: Index keys cannot be empty.", spec)
	}
	if field(spec, "sparse").Type != 0 && field(spec, "partialFilterExpression").Type != 0 {
		return fail(67, "CannotCreateIndex", "Error in specification %s :: caused by :: cannot mix \"partialFilterExpression\" and \"sparse\" options", spec)
	}
	for option := range fields(spec) {
		if !slices.Contains([]string{"key", "name", "unique", "background", "v"}, option) {
			return unmodelled("the index option %s", option)
		}
	}
	if v := field(spec, "v"); v.Type != 0 && whole(v) != 2 {
		return unmodelled("index version %s", v)
	}
	return nil
}

// compareIndexes says whether the same index exists already.
func (c *collection) compareIndexes(x *index) (bool, error) {
	for _, o := range c.indexes {
		same := string(o.spec) == string(x.spec) || encode(documentValue(o.spec)) == encode(documentValue(x.spec))
		switch {
		case same && o.unique == x.unique && o.name == x.name, same && o.id():
			return true, nil
		case same && o.name == x.name:
			return false, fail(86, "IndexKeySpecsConflict", "An existing index has the same name as the requested index, but other options: %s", x.name)
		case same:
			return false, fail(85, "IndexOptionsConflict", "Index with name: %s already exists with a different name", x.name)
		case o.name == x.name:
			return false, fail(86, "IndexKeySpecsConflict", "Index must have unique name. The existing index %s has the same name as the requested index %s", o.spec, x.spec)
		}
	}
	return false, nil
}

func (x *index) fill(o *owner, ns, record string, doc document) error {
	keys, err := keysOf(doc, x.fields)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if _, taken := x.holder(k.encoded); taken && x.unique {
			return x.duplicate(ns, k)
		}
		x.entries.put(o, k.encoded+record, recordOf(record))
	}
	return nil
}

func (x *index) description() value {
	list := []pair{{"v", intValue(2)}}
	if x.unique && !x.id() {
		list = append(list, pair{"unique", boolValue(true)})
	}
	return documentValue(build(append(list, pair{"key", documentValue(x.spec)}, pair{"name", stringValue(x.name)})...))
}

func listIndexes(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	if err := onlyFields(r.field("cursor"), "the cursor"); err != nil {
		return nil, err
	}
	c := r.server.state.collections[ns]
	if c == nil {
		return nil, fail(26, "NamespaceNotFound", "ns does not exist: %s", ns)
	}
	var list []value
	for _, x := range c.indexes {
		list = append(list, x.description())
	}
	return okay(pair{"cursor", documentValue(build(pair{"id", longValue(0)}, pair{"ns", stringValue(ns)}, pair{"firstBatch", arrayValue(list...)}))}), nil
}

func dropIndexes(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	which := r.field("index")
	if which.Type != tString {
		return nil, unmodelled("dropIndexes by %s", which)
	}
	var reply document
	err = r.alter(ns, func(current *state) (*state, error) {
		if current.collections[ns] == nil {
			return nil, fail(26, "NamespaceNotFound", "ns not found %s", ns)
		}
		v := r.server.newView()
		c := v.own(ns)
		was := len(c.indexes)
		name := which.StringValue()
		switch i := slices.IndexFunc(c.indexes, func(x *index) bool { return x.name == name }); {
		case name == "_id_":
			return nil, invalidOptions("cannot drop _id index")
		case name == "*":
			c.indexes = c.indexes[:1]
		case i < 0:
			return nil, fail(27, "IndexNotFound", "index not found with name [%s]", name)
		default:
			c.indexes = slices.Delete(c.indexes, i, i+1)
		}
		reply = okay(pair{"nIndexesWas", intValue(int32(was))})
		return current.with(ns, c), nil
	})
	return reply, err
}

func create(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	return okay(), r.alter(ns, func(current *state) (*state, error) {
		if current.collections[ns] != nil {
			return nil, fail(48, "NamespaceExists", "Collection already exists. NS: %s", ns)
		}
		return current.with(ns, newCollection(ns)), nil
	})
}

func listCollections(r *request) (document, error) {
	if err := onlyFields(r.field("cursor"), "the cursor"); err != nil {
		return nil, err
	}
	q, err := newQuery(r.field("filter"), missing)
	if err != nil {
		return nil, err
	}
	var list []value
	for _, ns := range slices.Sorted(maps.Keys(r.server.state.collections)) {
		if database(ns) != r.db {
			continue
		}
		all := []pair{{"name", stringValue(strings.TrimPrefix(ns, r.db+"."))}, {"type", stringValue("collection")}}
		if !truth(r.field("nameOnly")) {
			all = append(all, pair{"options", documentValue(build())}, pair{"info", documentValue(build(pair{"readOnly", boolValue(false)}))},
				pair{"idIndex", r.server.state.collections[ns].indexes[0].description()})
		}
		if doc := build(all...); matches(q.predicates, doc) {
			list = append(list, documentValue(doc))
		}
	}
	return okay(pair{"cursor", documentValue(build(pair{"id", longValue(0)}, pair{"ns", stringValue(r.db + ".$cmd.listCollections")},
		pair{"firstBatch", arrayValue(list...)}))}), nil
}
