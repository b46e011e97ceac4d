package mongotest

import (
	"strconv"
	"strings"
)

// reach calls visit with every value that the dotted path reaches in a
// document, the way a filter looks at it: through arrays, with missing where an
// object ends early. With leaf, the elements of an array at the end come one by
// one before the array itself. It stops when visit says true, and says so.
func reach(doc []byte, path []string, leaf bool, visit func(value) bool) bool {
	v := field(doc, path[0])
	rest := path[1:]
	for len(rest) > 0 && v.Type == tObject {
		v, rest = field(v.Data, rest[0]), rest[1:]
	}
	if v.Type != tArray {
		if len(rest) > 0 {
			v = missing
		}
		return visit(v)
	}
	if len(rest) == 0 && !leaf {
		return visit(v)
	}
	return reachArray(v, rest, leaf, visit)
}

func reachArray(array value, rest []string, leaf bool, visit func(value) bool) bool {
	for index, e := range fields(array.Data) {
		if len(rest) == 0 {
			if visit(e) {
				return true
			}
			continue
		}
		if e.Type == tObject && reach(e.Data, rest, leaf, visit) {
			return true
		}
		if index == rest[0] && reachOffset(e, rest[1:], leaf, visit) {
			return true
		}
	}
	return len(rest) == 0 && visit(array)
}

// reachOffset goes on from an element that the path named by its index.
func reachOffset(e value, rest []string, leaf bool, visit func(value) bool) bool {
	switch {
	case len(rest) == 0:
		return visit(e)
	case e.Type == tObject:
		return reach(e.Data, rest, leaf, visit)
	case e.Type == tArray:
		return reachArray(e, rest, leaf, visit)
	}
	return false
}

func splitPath(path string) []string { return strings.Split(path, ".") }

func isIndex(name string) bool {
	n, err := strconv.Atoi(name)
	return err == nil && strconv.Itoa(n) == name && n >= 0
}
