package mongotest

import (
	"slices"
	"strings"
)

// evaluate is the value of an aggregation expression for a document: literals,
// "$paths" and a few operators.
func evaluate(e value, doc document) (value, error) {
	switch {
	case e.Type == tString && strings.HasPrefix(e.StringValue(), "$$"):
		return missing, unmodelled("the variable %s", e.StringValue())
	case e.Type == tString && strings.HasPrefix(e.StringValue(), "$"):
		return lookup(documentValue(doc), splitPath(e.StringValue()[1:])), nil
	case e.Type == tArray:
		return evaluateArray(e, doc)
	case e.Type == tObject:
		return evaluateObject(e, doc)
	}
	return e, nil
}

// lookup follows a path as expressions do: an array gives the values of its
// elements.
func lookup(v value, path []string) value {
	if len(path) == 0 {
		return v
	}
	switch v.Type {
	case tObject:
		return lookup(field(v.Data, path[0]), path[1:])
	case tArray:
		var list []value
		for _, e := range fields(v.Data) {
			if e.Type != tObject && e.Type != tArray {
				continue
			}
			if f := lookup(e, path); f.Type != 0 {
				list = append(list, f)
			}
		}
		return arrayValue(list...)
	}
	return missing
}

func evaluateArray(e value, doc document) (value, error) {
	list, err := evaluateAll(e, doc)
	for i := range list {
		if list[i].Type == 0 {
			list[i] = null
		}
	}
	return arrayValue(list...), err
}

func evaluateAll(e value, doc document) ([]value, error) {
	args := []value{e}
	if e.Type == tArray {
		args = values(e.Data)
	}
	list := make([]value, len(args))
	for i, a := range args {
		v, err := evaluate(a, doc)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

func evaluateObject(e value, doc document) (value, error) {
	var list []pair
	for name, v := range fields(e.Data) {
		if strings.HasPrefix(name, "$") {
			return operate(name, v, doc)
		}
		f, err := evaluate(v, doc)
		if err != nil {
			return missing, err
		}
		list = append(list, pair{name, f})
	}
	return documentValue(build(list...)), nil
}

func operate(name string, arg value, doc document) (value, error) {
	if name == "$literal" {
		return arg, nil
	}
	list, err := evaluateAll(arg, doc)
	if err != nil {
		return missing, err
	}
	switch name {
	case "$add":
		return add(list)
	case "$size":
		if len(list) != 1 || list[0].Type != tArray {
			return missing, location(17124, "The argument to $size must be an array, but was of type: %s", typeName(list[0]))
		}
		return intValue(int32(len(values(list[0].Data)))), nil
	case "$ifNull":
		return ifNull(list)
	case "$in":
		if len(list) != 2 || list[1].Type != tArray {
			return missing, location(40081, "$in requires an array as a second argument, found: %s", typeName(list[len(list)-1]))
		}
		return boolValue(slices.ContainsFunc(values(list[1].Data), func(v value) bool { return equal(v, list[0]) })), nil
	case "$eq", "$ne", "$gt", "$gte", "$lt", "$lte":
		if len(list) != 2 {
			return missing, location(16020, "Expression %s takes exactly 2 arguments. %d were passed in.", name, len(list))
		}
		return boolValue(ordered(name, compare(list[0], list[1]))), nil
	}
	return missing, unmodelled("the expression %s", name)
}

func typeName(v value) string {
	if v.Type == 0 {
		return "missing"
	}
	return v.Type.String()
}

func ordered(op string, c int) bool {
	switch op {
	case "$eq":
		return c == 0
	case "$ne":
		return c != 0
	case "$gt":
		return c > 0
	case "$gte":
		return c >= 0
	case "$lt":
		return c < 0
	}
	return c <= 0
}

func ifNull(list []value) (value, error) {
	if len(list) != 2 {
		return missing, location(16020, "Expression $ifNull takes exactly 2 arguments. %d were passed in.", len(list))
	}
	if t := list[0].Type; t == 0 || t == tNull || t == tUndefined {
		return list[1], nil
	}
	return list[0], nil
}

// add knows integers and doubles; null or missing makes the sum null.
func add(list []value) (value, error) {
	sum := intValue(0)
	for _, v := range list {
		switch v.Type {
		case 0, tNull, tUndefined:
			return null, nil
		case tInt, tLong, tDouble:
		default:
			return missing, unmodelled("$add and $sum of other types than integers and doubles")
		}
		next, err := (&operation{op: "$inc", arg: v}).increment(sum, "", null)
		if err != nil {
			return missing, unmodelled("sums beyond 64 bits")
		}
		sum = next
	}
	return sum, nil
}
