package access

import (
	"context"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
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

// find answers a GET entry that searches.
func (t *change) find(ctx context.Context, s *step) error {
	customs, err := t.keyed(ctx)
	if err != nil {
		return err
	}
	query, err := parseSearch(s.Ref.Type, s.Criteria, search.QueryOptions{Base: t.gate.Base, Codes: t.codes(ctx, s.question), Customs: customs})
	if err != nil {
		return err
	}
	t.criteria(s.Ref.Type, query)
	if slices.ContainsFunc(t.steps, func(other *step) bool { return other.write != nil }) {
		if query.Type == "" {
			return &fhir.Error{Kind: fhir.Invalid, Detail: "A transaction that writes searches one type at a time. Send a search over several types by itself or in a batch."}
		}
		return t.findBeside(ctx, s, query)
	}
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

// findBeside answers a search next to writes: with what will be there once they are made.
// What it rests on is checked again at the commit, so it must be selective, and whole.
func (t *change) findBeside(ctx context.Context, s *step, query *search.Query) error {
	if len(query.Include) > 0 || len(query.Sort) > 0 && t.touches(query.Types()) {
		return besideWrites("has no _include and _revinclude, and no _sort of a type that is written")
	}
	q := s.question
	visible, sight := t.visible(ctx, q.interaction, q.action), t.sight(ctx, q.interaction, q.action)
	most := pageSize(query.Count)
	guard := store.Guard{Query: query, Want: make([]fhir.Ref, most+t.replaces(s.Ref.Type))}
	ask := guard.Search(t.guards)
	ask.Visible, ask.Sight, ask.Within, ask.Bytes = visible, sight, t.requires(ctx, q.interaction, q.action), t.call.room(t.held)
	page, err := t.seek(ctx, ask)
	if kindOf(err) == fhir.TooCostly {
		return besideWrites("must be selective: this one would have to examine more than 2,000 resources, or all conditions and searches of the Bundle more than 20,000 and 10 for each")
	}
	if err != nil {
		return unavailable("search cannot be run", err)
	}
	t.told(query, page)
	if err := t.check(ctx, q, page.Matches); err != nil {
		return err
	}
	found, err := t.among(ctx, query, page.Matches, visible)
	if err != nil {
		return err
	}
	if len(page.Next) > 0 || len(found) > most {
		return besideWrites("must fit into one page: give a higher _count, which may be 1,000")
	}
	t.guardFound(query, page, visible, sight, ask.Within)
	return t.answerFound(ctx, s, query, page.Matches, found)
}

func besideWrites(what string) error {
	return &fhir.Error{Kind: fhir.Invalid, Detail: "A search in a transaction that writes " + what + ". Or send it by itself, or in a batch."}
}

// guardFound lets the commit fail if the search would find something else by then, or
// another version of it.
func (t *change) guardFound(query *search.Query, page store.Page, visible store.Visible, sight store.Sights, within store.Within) {
	bare := *query
	bare.Sort, bare.Include = nil, nil
	guard := store.Guard{Query: &bare, Within: within, Want: refs(page.Matches), At: page.At}
	guard.Visible, guard.Sight = t.asOf(visible, sight, page.Epoch)
	for i := range page.Matches {
		guard.Versions = append(guard.Versions, page.Matches[i].Version)
	}
	t.review.change.Guards = append(t.review.change.Guards, guard)
}

// answerFound is the page: of each resource the version that is there after the change.
func (t *change) answerFound(ctx context.Context, s *step, query *search.Query, stored []Version, found []fhir.Ref) error {
	res := &Result{Query: query, Total: int64(len(found)), Self: query.Self, Warnings: query.Warnings}
	for _, ref := range found {
		if query.Summary == "count" {
			break
		}
		i := slices.IndexFunc(stored, func(v Version) bool { return v.Ref == ref })
		if other := t.taken[ref]; other != nil && other.write != nil {
			v := other.version()
			epoch, err := t.today(ctx, other)
			if err != nil {
				return err
			}
			v.Epoch = epoch
			res.Matches = append(res.Matches, v)
		} else if i >= 0 {
			res.Matches = append(res.Matches, stored[i])
		}
	}
	s.effect = Effect{Status: 200, Result: res}
	return t.hold(sizeOf(res.Matches))
}
