package access

import (
	"errors"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// read answers a GET entry: from this change if it writes the resource.
func (t *change) read(s *step) error {
	if s.Ref.ID == "" {
		return t.find(s)
	}
	if other := t.taken[s.Ref]; other != nil && other.write != nil && s.Version == 0 {
		v := other.version()
		if v.Deleted {
			return gone()
		}
		s.effect = Effect{Status: 200, Version: &v}
		return nil
	}
	v, err := t.fetch(s)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return unavailable("resource cannot be read", err)
	}
	answer, err := t.answer(s.question, v, err == nil)
	s.before, s.effect = v, Effect{Status: 200, Version: answer}
	return err
}

func (t *change) fetch(s *step) (Version, error) {
	if s.Version != 0 {
		return t.gate.Store.GetVersion(t.ctx, s.Ref, s.Version)
	}
	return t.gate.Store.Get(t.ctx, s.Ref)
}

// find answers a GET entry that searches. It cannot see what the same change is
// about to write, so it is refused next to writes instead of answering wrongly.
func (t *change) find(s *step) error {
	if slices.ContainsFunc(t.steps, func(other *step) bool { return other.write != nil }) {
		return &fhir.Error{Kind: fhir.NotAllowed, Detail: "A transaction that writes cannot search. Send the search by itself or in a batch."}
	}
	query, err := search.ParseQuery(s.Ref.Type, s.Criteria, search.QueryOptions{Base: t.gate.Base})
	if err != nil {
		return err
	}
	res, err := t.search(s.question, query, link{})
	if err != nil {
		return err
	}
	s.effect = Effect{Status: 200, Result: res}
	return t.gate.further(t.call, res, link{Search: &SearchRequest{Type: s.Ref.Type, Params: s.Criteria}, Policy: t.request(s.question).Revision})
}
