package access

import (
	"context"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/policy"
)

// searchQuestion is what the policy is asked about a search of a type, or, if that is "",
// over several.
func searchQuestion(typ string) question {
	if typ == "" {
		return question{"search-system", "s", ""}
	}
	return question{"search-type", "s", typ}
}

// parseSearch parses a search of a type, or, if that is "", over several.
func parseSearch(typ string, params []fhir.Param, o search.QueryOptions) (*search.Query, error) {
	if typ == "" {
		return search.ParseSystem(params, o)
	}
	return search.ParseQuery(typ, params, o)
}

// searchable leaves of the types of a search those that the policy lets the caller search: of
// the others it is as if there were nothing. If that are all of them, the search is refused.
func (r *review) searchable(ctx context.Context, query *search.Query) error {
	var may []search.Part
	var refused *policy.Decision
	for _, part := range query.Among {
		d := r.decide(ctx, question{"search-type", "s", part.Type})
		switch {
		case d.Reason == tooSlow:
			return r.refuse(d)
		case !d.Allow:
			refused = &d
		case len(d.Constraints.Types) == 0 || slices.Contains(d.Constraints.Types, part.Type):
			may = append(may, part)
		}
	}
	if refused != nil && len(may) == 0 {
		return r.refuse(*refused)
	}
	if query.Type == "" {
		query.Among = may
	}
	return nil
}
