package search

import (
	"slices"
	"sync"

	"github.com/aceso-health/aceso/fhir"
)

// Order says where the values are by which a parameter sorts (see Sort).
type Order struct {
	In    OrderKind
	Signs string // with InKeys: of the keys that begin with such a value; Bare tells which of them are one
}

// OrderKind is a kind of index.
type OrderKind uint8

// The kinds of index by whose entries a search can sort.
const (
	InNone         OrderKind = iota // in none
	InIDs                           // the ids of resources
	InDateStarts                    // the starts of the DateRanges of the parameter
	InNumberStarts                  // the starts of all NumberRanges whose name begins with the parameter
	InKeys                          // what follows the sign in the keys of the parameter
)

// OrderOf says where the values of a parameter of a type are.
func OrderOf(typ, param string) Order {
	def, ok := findParam(typ, param)
	if !ok || !sortable(def) {
		return Order{}
	}
	switch {
	case param == "_id":
		return Order{In: InIDs}
	case def.Kind == "date":
		return Order{In: InDateStarts}
	case def.Kind == "number", def.Kind == "quantity":
		return Order{In: InNumberStarts}
	case def.Kind == "string":
		return Order{InKeys, string(rune(opFolded))}
	case def.Kind == "token":
		return Order{InKeys, string(rune(opOrder)) + string(rune(opToken))}
	case def.Kind == "reference", def.Kind == "uri":
		return Order{InKeys, string(rune(opReference))}
	}
	return Order{}
}

// Bare says whether what follows the sign of a token's key has no system in it. If it has
// one, all keys of this system, and no others, begin with system.
func Bare(sign byte, value string) (system string, bare bool) {
	if sign != opToken {
		return "", true
	}
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '|':
			return value[:i+1], false
		}
	}
	return "", true
}

// Principal are the parameters by which most lists of a type are sorted: a date and a
// name, "" if it has none.
func Principal(typ string) (date, name string) {
	p := principals()[typ]
	return p[0], p[1]
}

// dateParams and nameParams are the parameters that date and name a resource for those who
// read a list, the best first.
var (
	dateParams = slices.Concat([]string{"authoredon", "authored", "authored-on"}, timeParams, []string{"birthdate"})
	nameParams = []string{"family", "name", "title"}
)

// principals finds those of all types once.
var principals = sync.OnceValue(func() map[string][2]string {
	all := map[string][2]string{}
	for _, typ := range fhir.ResourceTypes() {
		all[typ] = [2]string{principal(typ, dateParams), principal(typ, nameParams)}
	}
	return all
})

// principal is the best of some parameters that a type has.
func principal(typ string, best []string) string {
	for _, name := range best {
		if def, ok := findParam(typ, name); ok && (def.Kind == "date" || def.Kind == "string") && sortable(def) {
			return name
		}
	}
	return ""
}
