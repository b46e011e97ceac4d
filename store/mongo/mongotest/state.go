package mongotest

import (
	"maps"
	"slices"
	"strings"
)

// A state is all data at one moment. It never changes.
type state struct {
	seq         uint64 // counts commits
	collections map[string]*collection
}

type collection struct {
	ns      string
	changed uint64 // the commit that made it or changed its indexes
	records tree[document]
	indexes []*index
}

func newCollection(ns string) *collection {
	spec := build(pair{"_id", intValue(1)})
	list, _ := parseKeyPattern(spec)
	return &collection{ns: ns, indexes: []*index{{name: "_id_", spec: spec, fields: list, unique: true}}}
}

// A view is a state with the changes of one writer.
type view struct {
	base        *state
	owner       *owner
	collections map[string]*collection // those that the writer has changed
	log         []change
	keys        []string                  // what the changes touched: records and unique keys
	claim       func(keys []string) error // called before each change
	next        func() uint64             // numbers for records and collections
}

// A change is one document before and after; one of them may be nil.
type change struct {
	ns            string
	record        uint64
	before, after document
}

func (v *view) collection(ns string) *collection {
	if c, ok := v.collections[ns]; ok {
		return c
	}
	return v.base.collections[ns]
}

// own is the writer's copy of a collection, made on first use.
func (v *view) own(ns string) *collection {
	if c, ok := v.collections[ns]; ok && c != nil {
		return c
	}
	var own collection
	if c := v.base.collections[ns]; c != nil {
		own = *c
		own.indexes = slices.Clone(c.indexes)
		for i, x := range own.indexes {
			copied := *x
			own.indexes[i] = &copied
		}
	} else {
		own = *newCollection(ns)
	}
	v.collections[ns] = &own
	return &own
}

// keyChange is a change of one index.
type keyChange struct {
	removed, added []indexKey
}

// write applies one change, unless it breaks a unique index or another
// writer's claim. Nothing is changed then.
func (v *view) write(c change) error {
	col := v.own(c.ns)
	if c.before == nil && c.record == 0 {
		c.record = v.next()
	}
	claims := []string{c.ns + "\x00" + recordKey(c.record)}
	if v.base.collections[c.ns] == nil {
		claims = append(claims, c.ns)
	}
	changes := make([]keyChange, len(col.indexes))
	for i, x := range col.indexes {
		kc, err := x.change(c)
		if err != nil {
			return err
		}
		changes[i] = kc
		if x.unique {
			claims = append(claims, x.claims(c.ns, kc)...)
		}
		if err := x.check(c, kc, true); err != nil {
			return err
		}
	}
	if err := v.claim(claims); err != nil {
		return err
	}
	for i, x := range col.indexes {
		if err := x.check(c, changes[i], false); err != nil {
			return err
		}
	}
	v.apply(col, c, changes)
	v.log = append(v.log, c)
	v.keys = append(v.keys, claims...)
	return nil
}

func (x *index) change(c change) (kc keyChange, err error) {
	var before, after []indexKey
	if c.before != nil {
		if before, err = keysOf(c.before, x.fields); err != nil {
			return kc, err
		}
	}
	if c.after != nil {
		if after, err = keysOf(c.after, x.fields); err != nil {
			return kc, err
		}
	}
	kc.removed, kc.added = without(before, after), without(after, before)
	return kc, nil
}

// without is keys less others.
func without(keys, others []indexKey) []indexKey {
	if len(others) == 0 {
		return keys
	}
	known := map[string]bool{}
	for _, k := range others {
		known[k.encoded] = true
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k indexKey) bool { return known[k.encoded] })
}

func (x *index) claims(ns string, kc keyChange) []string {
	var all []string
	for _, k := range slices.Concat(kc.removed, kc.added) {
		all = append(all, ns+"\x00"+x.name+"\x00"+k.encoded)
	}
	return all
}

// check looks for duplicates: for _id before, for other unique indexes after
// the claims of others, in the order of the real server.
func (x *index) check(c change, kc keyChange, beforeClaims bool) error {
	if !x.unique || x.id() != beforeClaims {
		return nil
	}
	for _, k := range kc.added {
		if r, ok := x.holder(k.encoded); ok && r != c.record {
			return x.duplicate(c.ns, k)
		}
	}
	return nil
}

func (v *view) apply(col *collection, c change, changes []keyChange) {
	record := recordKey(c.record)
	if c.after == nil {
		col.records.delete(v.owner, record)
	} else {
		col.records.put(v.owner, record, c.after)
	}
	for i, x := range col.indexes {
		for _, k := range changes[i].removed {
			x.entries.delete(v.owner, k.encoded+record)
		}
		for _, k := range changes[i].added {
			x.entries.put(v.owner, k.encoded+record, c.record)
		}
	}
}

// commit is the state with the changes of the view. If others have committed since
// the view began, it makes the changes again on top of theirs: claims have kept the
// two apart.
func (v *view) commit(current *state) *state {
	if len(v.collections) == 0 {
		return current
	}
	seq := current.seq + 1
	next := &state{seq: seq, collections: maps.Clone(current.collections)}
	if current != v.base {
		again := &view{base: current, owner: new(owner), collections: map[string]*collection{}, next: v.next}
		for _, c := range v.log {
			again.redo(c)
		}
		v.collections = again.collections
	}
	for ns, c := range v.collections {
		if current.collections[ns] == nil {
			c.changed = seq
		}
		next.collections[ns] = c
	}
	return next
}

func (v *view) redo(c change) {
	col := v.own(c.ns)
	changes := make([]keyChange, len(col.indexes))
	for i, x := range col.indexes {
		changes[i], _ = x.change(c)
	}
	v.apply(col, c, changes)
}

func database(ns string) string {
	db, _, _ := strings.Cut(ns, ".")
	return db
}
