package mongotest

import (
	"slices"
	"strings"
)

// A modification is the u of an update: a replacement or operators.
type modification struct {
	replacement document
	operations  []operation // in the order of their paths
}

type operation struct {
	op   string
	path []string
	arg  value
}

var unmodelledUpdates = []string{"$mul", "$rename", "$currentDate", "$pop", "$pullAll", "$bit", "$pushAll"}

func parseModification(u value) (*modification, error) {
	if u.Type == tArray {
		return nil, unmodelled("updates by a pipeline")
	}
	if u.Type != tObject {
		return nil, failedToParse("Update argument must be either an object or an array")
	}
	m := &modification{}
	first := true
	for name, v := range fields(u.Data) {
		if first && !strings.HasPrefix(name, "$") {
			return parseReplacement(u.Data)
		}
		first = false
		if err := m.parse(name, v); err != nil {
			return nil, err
		}
	}
	if first {
		m.replacement = u.Data
		return m, nil
	}
	slices.SortStableFunc(m.operations, func(a, b operation) int { return slices.Compare(a.path, b.path) })
	return m, m.conflicts()
}

func parseReplacement(u document) (*modification, error) {
	for name := range fields(u) {
		if strings.HasPrefix(name, "$") {
			return nil, fail(52, "DollarPrefixedFieldName", "The dollar ($) prefixed field '%s' in '%s' is not valid for storage.", name, name)
		}
	}
	return &modification{replacement: u}, nil
}

func (m *modification) parse(op string, v value) error {
	switch op {
	case "$set", "$unset", "$inc", "$setOnInsert", "$push", "$addToSet", "$pull", "$max", "$min":
	default:
		if slices.Contains(unmodelledUpdates, op) && (v.Type != tObject || len(v.Data) > 5) {
			return unmodelled("%s", op)
		}
		if !slices.Contains(unmodelledUpdates, op) {
			return failedToParse("Unknown modifier: %s. Expected a valid update modifier or pipeline-style update specified as an array", op)
		}
	}
	if v.Type != tObject {
		return failedToParse("Modifiers operate on fields but we found type %s instead. For example: {$mod: {<field>: ...}} not {%s: %s}", v.Type, op, v)
	}
	if len(v.Data) == 5 {
		return failedToParse("'%s' is empty. You must specify a field like so: {%s: {<field>: ...}}", op, op)
	}
	for name, arg := range fields(v.Data) {
		o := operation{op: op, path: splitPath(name), arg: arg}
		if err := o.check(name); err != nil {
			return err
		}
		m.operations = append(m.operations, o)
	}
	return nil
}

func (o *operation) check(name string) error {
	if slices.Contains(o.path, "") {
		return fail(56, "EmptyFieldName", "The update path '%s' contains an empty field name, which is not allowed.", name)
	}
	for _, part := range o.path {
		if strings.HasPrefix(part, "$") {
			return unmodelled("positional updates (%s)", name)
		}
	}
	switch o.op {
	case "$inc":
		if !isNumber(o.arg) {
			return fail(14, "TypeMismatch", "Cannot increment with non-numeric argument: {%s: %s}", name, o.arg)
		}
		if o.arg.Type == tDecimal {
			return unmodelled("$inc with decimals")
		}
	case "$push", "$addToSet":
		return o.checkEach()
	case "$pull":
		if o.arg.Type == tRegex || o.arg.Type == tObject {
			return unmodelled("$pull by a condition")
		}
	}
	return nil
}

func (o *operation) checkEach() error {
	if o.arg.Type != tObject || field(o.arg.Data, "$each").Type == 0 {
		return nil
	}
	for name, v := range fields(o.arg.Data) {
		if name != "$each" {
			return unmodelled("%s of %s", name, o.op)
		}
		if v.Type != tArray {
			return badValue("The argument to $each in %s must be an array but it was of type: %s", o.op, v.Type)
		}
	}
	return nil
}

// conflicts refuses two operations on one path, or one below the other.
func (m *modification) conflicts() error {
	for i, a := range m.operations {
		for _, b := range m.operations[i+1:] {
			n := min(len(a.path), len(b.path))
			if slices.Equal(a.path[:n], b.path[:n]) {
				long, short := b, a
				if len(a.path) > len(b.path) {
					long, short = a, b
				}
				return fail(40, "ConflictingUpdateOperators", "Updating the path '%s' would create a conflict at '%s'",
					strings.Join(long.path, "."), strings.Join(short.path, "."))
			}
		}
	}
	return nil
}
