package store

import "context"

// Explainer is a store that says how it would answer a query.
type Explainer interface {
	// Explain says it for each type of the query. It reads index entries of its conditions, at
	// the expense of s.Work, and no resources.
	Explain(ctx context.Context, s Search) ([]Explanation, error)
}

// Explanation is how the resources of one type are found.
type Explanation struct {
	Type  string
	By    string // Places, Order or Sets
	Steps []Step // the conditions, those that drive first
}

// How resources are found.
const (
	Places = "places" // of what the driving conditions share, each is looked at
	Order  = "order"  // the order that is asked for is walked until a page is complete
	Sets   = "sets"   // of the places for which each condition holds
)

// Step is one condition of a query, without its values.
type Step struct {
	Parameters []string // their names in the index
	Drives     bool     // it is looked up in an index; else each candidate is looked at
	About      int64    // resources: see Roughly
}

// leastTold is the lowest estimate that is told: nobody learns from a plan whether there is
// somebody.
const leastTold = 1000

// Roughly is the next power of ten, and never below 1,000.
func Roughly(n uint64) int64 {
	about := int64(leastTold)
	for uint64(about) < n {
		about *= 10
	}
	return about
}
