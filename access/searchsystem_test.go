package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
)

// A search over several types shows, counts and records what a search of each would; a type
// that the caller may not search is as if it had nothing.
func TestSearchOverSeveralTypes(t *testing.T) {
	h := ward(t)
	told := h.told()
	allTypes := h.policy.Decider
	all, only := []string(nil), func(types ...string) []string { return types }
	for _, one := range []struct {
		name, query   string
		types         []string
		found, record string
	}{
		{"two types", "_type=Patient,Observation&_total=accurate", all, "2 Observation/s1 Patient/seen", "permit 200 search-system  _type=Patient,Observation&_total=accurate [hidden seen] [GET Observation/s1 GET Patient/seen]"},
		{"all types", "_id=seen,s1,h1,hidden&_total=accurate", all, "2 Observation/s1 Patient/seen", "permit 200 search-system  _id=seen,s1,h1,hidden&_total=accurate [hidden seen] [GET Observation/s1 GET Patient/seen]"},
		{"a type that may not be searched", "_type=Patient,Observation&_total=accurate", only("Observation"), "1 Observation/s1", "permit 200 search-system  _type=Patient,Observation&_total=accurate [hidden seen] [GET Observation/s1]"},
		{"all types, of which one may be searched", "_sort=_id", only("Observation"), "1 Observation/s1", "permit 200 search-system  _sort=_id [hidden seen] [GET Observation/s1]"},
		{"no type that may be searched", "_type=Patient&_id=hidden", only("Observation"), "forbidden", "deny 403 search-system  _id=hidden&_type=Patient [hidden] []"},
		{"_has through a type that may not be searched", "_has:Observation:patient:_id=s1", only("Patient"), "0", "permit 200 search-system  _has:Observation:patient:_id=s1 [seen] []"},
		{"a name that is nobody's", "_id=nobody", all, "0", "permit 200 search-system  _id=nobody [] []"},
		{"hidden data", "_type=Observation&_id=h1", all, "0", "permit 200 search-system  _id=h1&_type=Observation [hidden] []"},
	} {
		h.policy.Decider = allTypes
		if one.types != nil {
			h.policy.Decider = typesOnly{allTypes, one.types}
		}
		res, err := h.Search(t.Context(), h.as(agent.Practitioner, "TREAT"), SearchRequest{Params: params(one.query)})
		if got := foundBy(res, err); got != one.found {
			t.Errorf("%s: found %q, want %q", one.name, got, one.found)
		}
		if got := told(); len(got) != 1 || got[0] != one.record {
			t.Errorf("%s:\n got %q\nwant %q", one.name, got, one.record)
		}
	}
}

// A token that names the types whose data it is for does not let a caller search over all.
func TestSearchOverAllTypesNeedsAScopeForThem(t *testing.T) {
	h := ward(t)
	h.refuses([]asked{{"search", searchFor("", "_type=Observation"), 0, "deny 403 search-system  _type=Observation [hidden seen] []"}})
	c := h.as(agent.Practitioner, "TREAT")
	c.Agent.Scopes[0].Type = "Observation"
	if _, err := h.Search(t.Context(), c, SearchRequest{Params: params("_type=Observation")}); kindOf(err) != fhir.Forbidden {
		t.Error(err)
	}
}

// typesOnly refuses searches of all but some types.
type typesOnly struct {
	Decider
	types []string
}

func (p typesOnly) Decide(ctx context.Context, in policy.Input) (policy.Decision, error) {
	d, err := p.Decider.Decide(ctx, in)
	if in.Interaction == "search-type" && !slices.Contains(p.types, in.Type) {
		d = policy.Decision{Reason: "type-not-allowed", Revision: d.Revision}
	}
	return d, err
}

func foundBy(res *Result, err error) string {
	switch {
	case kindOf(err) == fhir.Forbidden:
		return "forbidden"
	case err != nil:
		return err.Error()
	}
	all := []string{fmt.Sprint(res.Total)}
	var refs []string
	for _, v := range res.Matches {
		refs = append(refs, v.Ref.String())
	}
	return strings.Join(append(all, slices.Sorted(slices.Values(refs))...), " ")
}

// The pages of such a search add up, in the order asked for.
func TestPagesOverSeveralTypes(t *testing.T) {
	h := ward(t)
	for i := range 5 {
		h.put(patientDoc(fmt.Sprint("p", i)), observationDoc(fmt.Sprint("o", i), fmt.Sprint("p", i)))
	}
	for query, want := range map[string]string{
		"_type=Patient,Observation&_count=3":            "seen s1 p0 o0 p1 o1 p2 o2 p3 o3 p4 o4",
		"_type=Patient,Observation&_count=3&_sort=-_id": "seen s1 p4 p3 p2 p1 p0 o4 o3 o2 o1 o0",
		"_count=3&_sort=_id":                            "o0 o1 o2 o3 o4 p0 p1 p2 p3 p4 s1 seen",
	} {
		var got []string
		s := SearchRequest{Params: params(query)}
		for pages := 0; pages < 9; pages++ {
			res, err := h.Search(t.Context(), h.as(agent.Practitioner, "TREAT"), s)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range res.Matches {
				if v.Ref.Type == "Patient" || v.Ref.Type == "Observation" {
					got = append(got, v.Ref.ID)
				}
			}
			if s = (SearchRequest{Link: res.Next}); res.Next == "" {
				break
			}
		}
		if is := strings.Join(got, " "); is != want {
			t.Errorf("%s:\n got %s\nwant %s", query, is, want)
		}
	}
}
