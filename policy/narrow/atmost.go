package narrow

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
)

// AtMost says whether a decision permits nothing that another one does not: whatever
// resources and Consents there are. Where it is not certain it says no.
func AtMost(d, other policy.Decision) bool {
	switch {
	case !d.Allow:
		return true
	case !other.Allow:
		return false
	}
	return consentAtMost(d, other) && rowsAtMost(d.Constraints, other.Constraints) && obligedAtLeast(d.Obligations, other.Obligations)
}

// obligedAtLeast: every element that others mask is masked, by itself or with more, and
// whatever else they oblige to stands here, too.
func obligedAtLeast(words, others []string) bool {
	mask, err := fhir.R4().Mask(policy.Masked(words))
	masks := policy.Masked(others)
	if err != nil || slices.ContainsFunc(masks, func(path string) bool { return !mask.Covers(path) }) {
		return false
	}
	return holdsAll(words, slices.DeleteFunc(slices.Clone(others), func(word string) bool { return len(policy.Masked([]string{word})) > 0 }))
}

// consentAtMost: Consents that must permit bind at least as much as those that may forbid.
// For who is only exempt of the own Consents, those of others must permit.
func consentAtMost(d, other policy.Decision) bool {
	strict := []string{policy.None, policy.Forbids, policy.Permits}
	if other.Consent == policy.None && other.Constraints.Compartment != "" {
		return d.Consent == policy.Permits || d.Consent == policy.None && d.Constraints.Compartment == other.Constraints.Compartment
	}
	return slices.Index(strict, d.Consent) >= slices.Index(strict, other.Consent)
}

// rowsAtMost: every row that satisfies c satisfies other.
func rowsAtMost(c, other policy.Constraints) bool {
	switch {
	case !typesAtMost(c.Types, other.Types),
		!among(c.Compartment, other.Compartment),
		!among(c.Owner, other.Owner),
		!among(c.Author, other.Author),
		!among(c.Search, other.Search) && !holdsAll(strings.Split(c.Search, "&"), strings.Split(other.Search, "&")),
		!barsAll(c.Labels, other.Labels):
		return false
	}
	return freeAtMost(c, other)
}

// barsAll: what other labels bar is barred.
func barsAll(labels, other []string) bool {
	return !slices.ContainsFunc(consent.Barred(other), func(l fhir.Coding) bool {
		return !consent.Bars(labels, []fhir.Coding{l})
	})
}

// among: a constraint to one value, if there is one, is the same.
func among(one, other string) bool { return other == "" || one == other }

// typesAtMost: no list means all types.
func typesAtMost(types, other []string) bool {
	return len(other) == 0 || len(types) > 0 && holdsAll(other, types)
}

// freeAtMost compares the types of rows that are in no compartment. With a compartment
// only shared ones are shown; without, those of the list, if there is one, and shared ones.
func freeAtMost(c, other policy.Constraints) bool {
	mine, all := free(c)
	theirs, every := free(other)
	return every || !all && holdsAll(theirs, mine)
}

func free(c policy.Constraints) (types []string, all bool) {
	switch {
	case c.Compartment == "" && c.Uncompartmented == nil && len(c.Types) == 0:
		return nil, true
	case c.Compartment == "" && c.Uncompartmented == nil:
		return c.Types, false
	}
	types = c.SharedTypes
	if c.Compartment == "" {
		types = slices.Concat(types, c.Uncompartmented)
	}
	if len(c.Types) == 0 {
		return types, false
	}
	return slices.DeleteFunc(slices.Clone(types), func(t string) bool { return !slices.Contains(c.Types, t) }), false
}

// holdsAll says whether a list has all members of another.
func holdsAll(list, members []string) bool {
	for _, m := range members {
		if !slices.Contains(list, m) {
			return false
		}
	}
	return true
}
