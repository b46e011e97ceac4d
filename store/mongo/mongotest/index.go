package mongotest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// An index maps the encoded keys of documents, each with the record number
// behind it, to record numbers. It is changed by copying.
type index struct {
	name    string
	spec    document // key pattern
	fields  []indexField
	unique  bool
	entries tree[uint64]
}

type indexField struct {
	path []string
	name string
	desc bool
}

func (x *index) id() bool { return x.name == "_id_" }

// indexKey is one key of a document: its values, and their encoding.
type indexKey struct {
	values  []value
	encoded string
}

// parseKeyPattern reads {a: 1, b: -1}.
func parseKeyPattern(spec document) ([]indexField, error) {
	var list []indexField
	for name, v := range fields(spec) {
		if !isNumber(v) {
			return nil, unmodelled("indexes of type %s", v)
		}
		path := splitPath(name)
		if slices.ContainsFunc(path, isIndex) {
			return nil, unmodelled("index fields with array positions (%s)", name)
		}
		list = append(list, indexField{path: path, name: name, desc: whole(v) < 0})
	}
	return list, nil
}

// cursor is how far the path of an index field has been followed.
type pathCursor struct {
	v     value
	rest  []string
	place string // the path followed so far
	fixed bool   // a value to be used as it is
}

// keysOf gives the keys of a document for the fields, without duplicates.
func keysOf(doc document, list []indexField) ([]indexKey, error) {
	g := &keyMaker{fields: list}
	cursors := make([]pathCursor, len(list))
	for i, f := range list {
		cursors[i] = pathCursor{v: documentValue(doc), rest: f.path}
	}
	if err := g.expand(cursors); err != nil {
		return nil, err
	}
	return g.keys, nil
}

type keyMaker struct {
	fields []indexField
	keys   []indexKey
	known  map[string]struct{} // keys, encoded
}

// expand follows all paths until they end or meet an array, and then goes on
// with each element of that array. There may be one such array at a time.
func (g *keyMaker) expand(cursors []pathCursor) error {
	var array *pathCursor
	for i := range cursors {
		c := &cursors[i]
		c.follow()
		if c.fixed {
			continue
		}
		if array != nil && array.place != c.place {
			return fail(171, "CannotIndexParallelArrays", "cannot index parallel arrays [%s] [%s]", last(c.place), last(array.place))
		}
		array = c
	}
	if array == nil {
		g.emit(cursors)
		return nil
	}
	place := array.place
	elements := values(array.v.Data)
	if len(elements) == 0 {
		return g.expand(enter(cursors, place, undefined))
	}
	for _, e := range elements {
		if err := g.expand(enter(cursors, place, e)); err != nil {
			return err
		}
	}
	return nil
}

func last(place string) string { return place[strings.LastIndexByte(place, '.')+1:] }

// follow walks objects; the cursor is fixed unless it stops at an array.
func (c *pathCursor) follow() {
	for !c.fixed {
		if c.v.Type == tArray {
			return
		}
		if len(c.rest) == 0 || c.v.Type != tObject {
			if len(c.rest) > 0 || c.v.Type == 0 {
				c.v = null
			}
			c.fixed = true
			return
		}
		c.place += "." + c.rest[0]
		c.v, c.rest = field(c.v.Data, c.rest[0]), c.rest[1:]
	}
}

// enter puts one element in the place of the array.
func enter(cursors []pathCursor, place string, e value) []pathCursor {
	next := slices.Clone(cursors)
	for i := range next {
		c := &next[i]
		if c.fixed || c.place != place {
			continue
		}
		c.v = e
		switch {
		case len(c.rest) == 0:
			c.fixed = true
		case e.Type != tObject:
			c.v, c.fixed = null, true
		}
	}
	return next
}

func (g *keyMaker) emit(cursors []pathCursor) {
	k := indexKey{values: make([]value, len(cursors))}
	var b []byte
	for i, c := range cursors {
		k.values[i] = c.v
		b = appendComponent(b, c.v, g.fields[i].desc)
	}
	k.encoded = string(b)
	if _, known := g.known[k.encoded]; known {
		return
	}
	if g.known == nil {
		g.known = map[string]struct{}{}
	}
	g.known[k.encoded] = struct{}{}
	g.keys = append(g.keys, k)
}

func appendComponent(b []byte, v value, desc bool) []byte {
	start := len(b)
	b = appendValue(b, v)
	if desc {
		invert(b[start:])
	}
	return b
}

func component(v value, desc bool) string { return string(appendComponent(nil, v, desc)) }

func recordOf(key string) uint64 { return binary.BigEndian.Uint64([]byte(key)) }

func recordKey(record uint64) string {
	return string(binary.BigEndian.AppendUint64(nil, record))
}

// holder is the record that has a key of a unique index.
func (x *index) holder(encoded string) (record uint64, ok bool) {
	x.entries.ascend(encoded, encoded+"\xff", func(_ string, r uint64) bool {
		record, ok = r, true
		return false
	})
	return record, ok
}

func (x *index) duplicate(ns string, k indexKey) *failure {
	var shown []string
	var keyValue []pair
	for i, f := range x.fields {
		keyValue = append(keyValue, pair{f.name, k.values[i]})
		shown = append(shown, fmt.Sprintf("%s: %s", f.name, k.values[i]))
	}
	f := fail(11000, "DuplicateKey", "E11000 duplicate key error collection: %s index: %s dup key: { %s }", ns, x.name, strings.Join(shown, ", "))
	f.fields = []pair{{"keyPattern", documentValue(x.spec)}, {"keyValue", documentValue(build(keyValue...))}}
	return f
}
