package mongo

import (
	"encoding/json"
	"iter"

	"github.com/aceso-health/aceso/fhir/search"
	plan "github.com/aceso-health/aceso/store/search"
)

// Ordered says that no order is kept.
func (x *reader) Ordered(string, search.SortBy) bool { return false }

// Walk gives nothing.
func (x *reader) Walk(string, plan.Order, func(int) error) iter.Seq2[plan.Entry, error] {
	return func(func(plan.Entry, error) bool) {}
}

// Written is asked for walks only.
func (x *reader) Written(string, json.RawMessage, int) ([]int64, error) { return nil, nil }
