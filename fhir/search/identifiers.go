package search

import "strings"

// identifierToken begins the keys of a resource by which its identifiers are found.
const identifierToken = "identifier" + string(opToken)

// Identifiers are the values of the identifiers that a resource bears, without their systems.
// Of one that is cut, because system and value are long, it is both together; one whose system
// or value alone is too long is not among them.
func (x *Index) Identifiers() (values []string) {
	for _, k := range x.from(identifierToken) {
		if !strings.HasPrefix(k, identifierToken) {
			break
		}
		if v, whole := identifierIn(k); v != "" && whole {
			values = append(values, v)
		}
	}
	return values
}

// identifierIn is the value in a key of an identifier, "" if there is none; whole if no other
// key of the resource has it.
func identifierIn(key string) (value string, whole bool) {
	tail := strings.TrimPrefix(key, identifierToken)
	switch bar, cut := barAt(tail), strings.ContainsRune(tail, hashMark); {
	case bar < 0 && cut: // perhaps a system that many have
		return "", false
	case bar < 0 || cut:
		return tail, true
	default:
		return tail[bar+1:], false
	}
}

// Pinned are the values of identifiers of which whatever satisfies a condition bears one;
// none if it may bear others.
func Pinned(c Condition) (values []string) {
	switch c := c.(type) {
	case HasKey:
		if !strings.HasPrefix(c.Key, identifierToken) {
			return nil
		}
		if v, _ := identifierIn(c.Key); v != "" {
			return []string{v}
		}
	case All:
		for _, m := range c {
			values = append(values, Pinned(m)...)
		}
	case Any:
		for _, m := range c {
			some := Pinned(m)
			if len(some) == 0 {
				return nil
			}
			values = append(values, some...)
		}
	}
	return values
}

// barAt is where the bar between system and value stands, -1 if there is none. Bars in
// them are escaped.
func barAt(tail string) int {
	for i := 0; i < len(tail); i++ {
		switch tail[i] {
		case '\\':
			i++
		case '|':
			return i
		}
	}
	return -1
}
