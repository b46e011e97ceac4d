package search

import "cmp"

// Prefix is a comparison of ordered values (R4 search, 3.1.1.4.5).
type Prefix uint8

// The prefixes of search values.
const (
	Eq Prefix = iota // eq, or no prefix: inside
	Ne               // ne: not equal
	Gt               // gt: greater
	Lt               // lt: less
	Ge               // ge: greater or equal
	Le               // le: less or equal
	Sa               // sa: starts after
	Eb               // eb: ends before
	Ap               // ap: about; ParseQuery has widened the searched range
	Co               // co of filters: covers
)

// meanings is the one place that says what the prefixes mean.
var meanings = [...][][]Comparison{
	Eq: {inside},
	Ne: {{{Lo, "<", Lo}}, {{Hi, ">", Hi}}},
	Gt: {{{Hi, ">", Hi}}},
	Lt: {{{Lo, "<", Lo}}},
	Ge: {{{Hi, ">", Hi}}, inside},
	Le: {{{Lo, "<", Lo}}, inside},
	Sa: {{{Lo, ">", Hi}}},
	Eb: {{{Hi, "<", Lo}}},
	Ap: {{{Lo, "<=", Hi}, {Hi, ">=", Lo}}},
	Co: {{{Lo, "<=", Lo}, {Hi, ">=", Hi}}},
}

var inside = []Comparison{{Lo, ">=", Lo}, {Hi, "<=", Hi}}

// Meaning gives the alternatives of a prefix: it holds for a stored range if all
// comparisons of one of them hold. Stores translate them into their language.
func (p Prefix) Meaning() [][]Comparison { return meanings[p] }

// Comparison compares one end of a stored range with one end of the searched range.
type Comparison struct {
	End  End
	Op   string // < <= > >=
	With End
}

// End is an end of a range.
type End uint8

// The ends of a range.
const (
	Lo End = iota
	Hi
)

// holds applies a prefix to a stored and a searched range.
func holds[T int64 | string](p Prefix, stored, searched [2]T) bool {
	for _, all := range p.Meaning() {
		ok := true
		for _, c := range all {
			ok = ok && c.holds(cmp.Compare(stored[c.End], searched[c.With]))
		}
		if ok {
			return true
		}
	}
	return false
}

func (c Comparison) holds(order int) bool {
	switch c.Op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}
