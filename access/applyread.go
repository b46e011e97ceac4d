package access

import (
	"context"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// full refuses to read more than the answer may carry.
func (t *change) full() error {
	if t.call.room(t.held) > 0 {
		return nil
	}
	return &fhir.Error{Kind: fhir.TooLarge, Detail: "The answer to this Bundle would have more than 32 MB of documents. Send what reads in several Bundles, or by itself."}
}

// get answers a GET entry: from this change if it writes the resource.
func (t *change) get(ctx context.Context, s *step) error {
	if err := t.full(); err != nil {
		return err
	}
	if s.Ref.ID == "" {
		return t.find(ctx, s)
	}
	if other := t.taken[s.Ref]; other != nil && other.write != nil && s.Version == 0 {
		return t.getWritten(ctx, s, other)
	}
	v, err := t.fetch(ctx, s.question, s.Ref, s.Version)
	if err != nil {
		return err
	}
	if v.Deleted {
		return gone()
	}
	s.effect = Effect{Status: 200, Version: v}
	return nil
}

// getWritten answers with what another entry writes, to those who may see it.
func (t *change) getWritten(ctx context.Context, s, other *step) (err error) {
	v := other.version()
	if v.Epoch, err = t.today(ctx, other); err != nil {
		return err
	}
	may, err := t.row(ctx, s.question, rowOf(&v))
	switch {
	case err != nil:
		return err
	case !may:
		return t.refuseRow(notFound())
	case v.Deleted:
		return gone()
	}
	s.effect = Effect{Status: 200, Version: &v}
	return nil
}

// find answers a GET entry that searches. It cannot see what the same change is
// about to write, so it is refused next to writes instead of answering wrongly.
func (t *change) find(ctx context.Context, s *step) error {
	if slices.ContainsFunc(t.steps, func(other *step) bool { return other.write != nil }) {
		return &fhir.Error{Kind: fhir.NotAllowed, Detail: "A transaction that writes cannot search. Send the search by itself or in a batch."}
	}
	query, err := parseSearch(s.Ref.Type, s.Criteria, search.QueryOptions{Base: t.gate.Base, Codes: t.codes(ctx, s.question)})
	if err != nil {
		return err
	}
	t.criteria(s.Ref.Type, query)
	d := t.decide(ctx, s.question)
	if err := t.searchable(ctx, query); err != nil {
		return err
	}
	res, err := t.search(ctx, question{"search-type", "s", s.Ref.Type}, query, nil)
	if err != nil {
		return err
	}
	s.effect = Effect{Status: 200, Result: res}
	return t.further(res, link{Search: &SearchRequest{Type: s.Ref.Type, Params: s.Criteria}, Policy: d.Revision})
}
