package search

import (
	"slices"
	"strings"
)

// insideOf turns the condition at the end of a chain into that of a resource with such a
// target inside it: contained, or the first of a Bundle. It is false for what cannot hold
// of these.
func insideOf(param string, where Condition) (Condition, bool) {
	c, ok := within(param+".", where)
	if !ok {
		return nil, false
	}
	switch k := c.(type) {
	case HasKey:
		if !strings.HasSuffix(k.Key, "|") && !strings.HasSuffix(k.Key, string(opPresent)) {
			return c, true
		}
	case KeyRange, Contains, InDates, InNumbers:
		return c, true
	}
	return All{HasKey{insideKey(param)}, c}, true // few have one: found at once
}

// within puts a prefix before the parameters of a condition.
func within(prefix string, c Condition) (_ Condition, ok bool) {
	switch c := c.(type) {
	case HasKey:
		return HasKey{prefix + c.Key}, !strings.HasPrefix(c.Key, "_id"+string(opToken))
	case KeyRange:
		return KeyRange{prefix + c.From, prefix + c.To}, true
	case Contains:
		c.Param = prefix + c.Param
		return c, true
	case InDates:
		c.Param = prefix + c.Param
		return c, !strings.HasSuffix(c.Param, "_lastUpdated")
	case InNumbers:
		c.Param = prefix + c.Param
		return c, true
	case Near:
		c.Param = prefix + c.Param
		return c, true
	case Not:
		c.C, ok = within(prefix, c.C)
		return c, ok
	case Chain:
		c.Param = prefix + c.Param
		return c, true
	case All:
		return withinAll(prefix, c)
	case Any:
		return withinAny(prefix, c)
	}
	return nil, false // nothing refers to what is inside another resource
}

func withinAll(prefix string, all All) (Condition, bool) {
	list := make(All, len(all))
	for i, m := range all {
		var ok bool
		if list[i], ok = within(prefix, m); !ok {
			return nil, false
		}
	}
	return list, len(list) > 0
}

func withinAny(prefix string, some Any) (Condition, bool) {
	var list []Condition
	for _, m := range some {
		if LooksInside(m) {
			continue // what is inside another resource has nothing inside
		}
		if c, ok := within(prefix, m); ok {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil, false
	}
	return anyOf(list), true
}

// LooksInside says whether a condition is about resources inside the one for which it holds.
func LooksInside(c Condition) bool {
	dotted := func(param string) bool {
		i := strings.IndexFunc(param, func(r rune) bool { return strings.ContainsRune(keyOperators, r) })
		return i > 0 && param[i] == '.'
	}
	switch c := c.(type) {
	case HasKey:
		return dotted(c.Key)
	case KeyRange:
		return dotted(c.From)
	case Contains:
		return dotted(c.Param)
	case InDates:
		return dotted(c.Param)
	case InNumbers:
		return dotted(c.Param)
	case Chain:
		return dotted(c.Param)
	case Not:
		return LooksInside(c.C)
	case All:
		return slices.ContainsFunc(c, LooksInside)
	}
	return false
}

// keyOperators end the first part of a key.
const keyOperators = ".=#@^!>/~?<|*"
