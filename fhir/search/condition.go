package search

import "github.com/aceso-health/aceso/fhir"

// Condition is a search criterion compiled to index keys: the one language that
// every store, and the brute-force evaluator (Match), understands.
type Condition interface{ condition() }

type (
	// All holds if every member holds; the empty All holds.
	All []Condition
	// Any holds if one member holds; the empty Any does not hold.
	Any []Condition
	// Not holds if C does not.
	Not struct{ C Condition }
	// HasKey holds if the key is present.
	HasKey struct{ Key string }
	// KeyRange holds if a key k with From <= k < To is present (prefix search).
	KeyRange struct{ From, To string }
	// Contains holds if a '^' key of Param contains the folded Needle anywhere, or ends in
	// it. It searches only as much of a long value as its key holds; its end is unknown.
	Contains struct {
		Param, Needle string
		AtEnd         bool
	}
	// InDates compares the date ranges of Param with [Lo, Hi].
	InDates struct {
		Param  string
		Prefix Prefix
		Lo, Hi int64
	}
	// InNumbers compares the number ranges of Param with [Lo, Hi].
	InNumbers struct {
		Param  string
		Prefix Prefix
		Lo, Hi string
	}
	// Chain holds if a reference of Param points at a visible resource of one of
	// Types for which Where holds. The reference key is Param + ">" + Type/id; a
	// canonical points at whatever has its URL, and version if it says one.
	Chain struct {
		Param string
		Types []string
		Where Condition
	}
	// Reverse (_has) holds if Param of a visible resource of Type points at this
	// one and Where holds for that resource.
	Reverse struct {
		Type, Param string
		Where       Condition
	}
)

func (All) condition()       {}
func (Any) condition()       {}
func (Not) condition()       {}
func (HasKey) condition()    {}
func (KeyRange) condition()  {}
func (Contains) condition()  {}
func (InDates) condition()   {}
func (InNumbers) condition() {}
func (Chain) condition()     {}
func (Reverse) condition()   {}

// Holder is one resource as Match sees it.
type Holder struct {
	Ref   fhir.Ref
	Index *Index
}
