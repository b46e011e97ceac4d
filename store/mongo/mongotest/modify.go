package mongotest

import (
	"slices"
	"strings"
)

// apply is the document after the modification.
func (m *modification) apply(doc document, insertion bool) (document, error) {
	id := field(doc, "_id")
	if m.replacement != nil {
		return m.replace(doc, id)
	}
	after := doc
	for _, o := range m.operations {
		if o.op == "$setOnInsert" && !insertion {
			continue
		}
		var err error
		if after, err = o.apply(after, id); err != nil {
			return nil, err
		}
		if !insertion && encode(field(after, "_id")) != encode(id) {
			return nil, fail(66, "ImmutableField", "Performing an update on the path '_id' would modify the immutable field '_id'")
		}
	}
	return after, nil
}

func (m *modification) replace(_ document, id value) (document, error) {
	list := []pair{{"_id", id}}
	for name, v := range fields(m.replacement) {
		if name != "_id" {
			list = append(list, pair{name, v})
			continue
		}
		if id.Type != 0 && !equal(v, id) {
			return nil, fail(66, "ImmutableField", "After applying the update, the (immutable) field '_id' was found to have been altered to _id: %s", v)
		}
		list[0].v = v
	}
	if id.Type != 0 {
		list[0].v = id
	}
	return build(list...), nil
}

// insertion is the document that an upsert makes of the equalities of the filter and
// the modification.
func (m *modification) insertion(q *query) (document, error) {
	doc := build()
	if err := equalities(q.predicates, &doc, m.replacement != nil); err != nil {
		return nil, err
	}
	return m.apply(doc, true)
}

func equalities(all []*predicate, doc *document, idOnly bool) error {
	for _, p := range all {
		switch {
		case p.op == "$and":
			if err := equalities(p.subs, doc, idOnly); err != nil {
				return err
			}
		case (p.op == "$or" || p.op == "$in" || p.op == "$all") && len(p.subs)+len(p.list) == 1:
			return unmodelled("an upsert whose filter has %s of one", p.op)
		case p.op == "$eq" && (!idOnly || p.path[0] == "_id"):
			o := operation{op: "$set", path: p.path, arg: p.operand}
			if reach(*doc, p.path, false, func(v value) bool { return v.Type != 0 }) {
				return fail(54, "NotSingleValueField", "cannot infer query fields to set, path '%s' is matched twice", strings.Join(p.path, "."))
			}
			after, err := o.apply(*doc, missing)
			if err != nil {
				return err
			}
			*doc = after
		}
	}
	return nil
}

func (o *operation) apply(doc document, id value) (document, error) {
	v, err := o.at(documentValue(doc), o.path, id)
	return v.Data, err
}

// at applies the operation below a value, which is an object or an array.
func (o *operation) at(parent value, path []string, id value) (value, error) {
	old := field(parent.Data, path[0])
	var changed value
	var err error
	switch {
	case len(path) == 1:
		changed, err = o.leaf(old, path[0], id)
	case old.Type == tObject || old.Type == tArray:
		changed, err = o.at(old, path[1:], id)
	case old.Type != 0:
		if !o.creates() {
			return parent, nil
		}
		return parent, fail(28, "PathNotViable", "Cannot create field '%s' in element {%s: %s}", path[1], path[0], old)
	case !o.creates():
		return parent, nil
	default:
		changed, err = o.at(documentValue(build()), path[1:], id)
	}
	if err != nil {
		return parent, err
	}
	return put(parent, path[0], changed)
}

func (o *operation) creates() bool { return o.op != "$unset" && o.op != "$pull" }

// put sets one field or element of a value; missing removes it.
func put(parent value, name string, v value) (value, error) {
	list := pairs(parent.Data)
	i := slices.IndexFunc(list, func(p pair) bool { return p.name == name })
	if parent.Type == tObject {
		switch {
		case i >= 0:
			list[i].v = v
		case v.Type != 0:
			list = append(list, pair{name, v})
		}
		return documentValue(build(list...)), nil
	}
	var elements []value
	for _, p := range list {
		elements = append(elements, p.v)
	}
	switch {
	case i >= 0 && v.Type == 0:
		elements[i] = null
	case i >= 0:
		elements[i] = v
	case v.Type == 0:
	case !isIndex(name):
		return parent, fail(28, "PathNotViable", "Cannot create field '%s' in element of type array", name)
	case name == itoa(len(elements)):
		elements = append(elements, v)
	default:
		return parent, unmodelled("updates beyond the end of an array")
	}
	return arrayValue(elements...), nil
}

// leaf is the new value of the field.
func (o *operation) leaf(old value, name string, id value) (value, error) {
	switch o.op {
	case "$set", "$setOnInsert":
		return o.arg, nil
	case "$unset":
		return missing, nil
	case "$inc":
		return o.increment(old, name, id)
	case "$max":
		if old.Type == 0 || compare(o.arg, old) > 0 {
			return o.arg, nil
		}
		return old, nil
	case "$min":
		if old.Type == 0 || compare(o.arg, old) < 0 {
			return o.arg, nil
		}
		return old, nil
	}
	return o.array(old, name, id)
}

func (o *operation) increment(old value, name string, id value) (value, error) {
	switch {
	case old.Type == 0:
		return o.arg, nil
	case !isNumber(old):
		return old, fail(14, "TypeMismatch", "Cannot apply $inc to a value of non-numeric type. {_id: %s} has the field '%s' of non-numeric type %s", id, name, old.Type)
	case old.Type == tDecimal:
		return old, unmodelled("$inc of decimals")
	case old.Type == tDouble || o.arg.Type == tDouble:
		return doubleValue(old.AsFloat64() + o.arg.AsFloat64()), nil
	}
	a, b := old.AsInt64(), o.arg.AsInt64()
	sum := a + b
	if (sum > a) != (b > 0) && b != 0 {
		return old, badValue("Failed to apply $inc operations to current value (%s) for document {_id: %s}", old, id)
	}
	if old.Type == tInt && o.arg.Type == tInt && int64(int32(sum)) == sum {
		return intValue(int32(sum)), nil
	}
	return longValue(sum), nil
}

// array applies $push, $addToSet and $pull.
func (o *operation) array(old value, name string, id value) (value, error) {
	if old.Type == 0 && o.op == "$pull" {
		return old, nil
	}
	if old.Type != 0 && old.Type != tArray {
		switch o.op {
		case "$pull":
			return old, badValue("Cannot apply $pull to a non-array value")
		case "$addToSet":
			return old, badValue("Cannot apply $addToSet to a non-array field. Field named '%s' has a non-array type %s in the document _id: %s", name, old.Type, id)
		}
		return old, badValue("The field '%s' must be an array but is of type %s in document {_id: %s}", name, old.Type, id)
	}
	var elements []value
	if old.Type == tArray {
		elements = values(old.Data)
	}
	if o.op == "$pull" {
		return arrayValue(slices.DeleteFunc(elements, func(e value) bool { return equal(e, o.arg) })...), nil
	}
	for _, v := range o.each() {
		if o.op == "$push" || !slices.ContainsFunc(elements, func(e value) bool { return equal(e, v) }) {
			elements = append(elements, v)
		}
	}
	return arrayValue(elements...), nil
}

func (o *operation) each() []value {
	if o.arg.Type == tObject {
		if each := field(o.arg.Data, "$each"); each.Type == tArray {
			return values(each.Data)
		}
	}
	return []value{o.arg}
}
