package access

import (
	"cmp"
	"context"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

const (
	defaultCount = 50
	maximumCount = 1000
)

// Search answers a search or a further page of one. Every page is decided and
// recorded again.
func (g *Gate) Search(ctx context.Context, c *Call, s SearchRequest) (*Result, error) {
	return answer(ctx, g, c, func(r *review) (*Result, error) {
		q := question{"search-type", "s", s.Type}
		return r.searchPage(ctx, searchQuestion(s.Type), s, func(d policy.Decision, query *search.Query, at []byte) (*Result, error) {
			if err := r.searchable(ctx, query); err != nil {
				return nil, err
			}
			res, err := r.search(ctx, q, query, at)
			if err == nil {
				r.discloseResult(res)
			}
			return res, err
		})
	})
}

// searchPage parses, decides and runs one page; at is the position of a paging link. The
// query is parsed before the policy is asked, so that the record of a refusal says what
// was asked; only callers who may ask learn that it is malformed.
func (r *review) searchPage(ctx context.Context, q question, s SearchRequest, run func(d policy.Decision, query *search.Query, at []byte) (*Result, error)) (*Result, error) {
	r.entry.Target = s.Compartment
	query, l, malformed := r.parse(ctx, q, &s)
	d, err := r.ask(ctx, q)
	if err = cmp.Or(err, malformed); err != nil {
		return nil, err
	}
	if l.Policy != "" && l.Policy != d.Revision {
		return nil, badLink(nil)
	}
	res, err := run(d, query, l.Position)
	if err != nil {
		return nil, err
	}
	l.Search, l.Policy = &s, d.Revision
	if err := r.back(res, l); err != nil {
		return nil, err
	}
	return res, r.further(res, l)
}

// parse parses the query; with a paging link that is what the first page was asked.
func (r *review) parse(ctx context.Context, q question, s *SearchRequest) (query *search.Query, l link, err error) {
	ofRecords := s.Type == auditEvent
	if s.Link != "" {
		if l, err = r.open(s.Link); err != nil {
			return nil, l, err
		}
		if l.Search == nil || l.Search.Type != s.Type || ofRecords && l.Search.Compartment != s.Compartment {
			return nil, l, badLink(nil)
		}
		*s = *l.Search
		r.entry.Target = s.Compartment
	}
	o := search.QueryOptions{Lenient: s.Lenient, Base: r.gate.Base, Now: r.gate.Now, Alone: ofRecords}
	if !ofRecords {
		if o.Customs, err = r.keyed(ctx); err != nil {
			return nil, l, err
		}
		o.Compartment, o.Codes = s.Compartment, r.codes(ctx, q)
	}
	query, err = parseSearch(s.Type, s.Params, o)
	if err == nil {
		r.entry.Query = query.Self
		r.asks(query)
	}
	return query, l, err
}

// search runs one page.
func (r *review) search(ctx context.Context, q question, query *search.Query, at []byte) (*Result, error) {
	counted := query.Summary == "count"
	page, err := r.seek(ctx, store.Search{
		Query: query, Visible: r.visible(ctx, q.interaction, q.action), Sight: r.sight(ctx, q.interaction, q.action), Within: r.requires(ctx, q.interaction, q.action), After: at,
		Limit: pageSize(query.Count), Bytes: r.call.room(r.held), NoBody: counted,
		Count: counted || query.Total == "accurate" || query.Total == "estimate",
	})
	if err != nil {
		return nil, unavailable("search cannot be run", err)
	}
	r.told(query, page)
	if err := r.check(ctx, q, page.Matches, page.Included); err != nil {
		return nil, err
	}
	if err := r.hold(sizeOf(page.Matches) + sizeOf(page.Included)); err != nil {
		return nil, err
	}
	if page.Total < 0 && len(page.Next) == 0 && len(at) == 0 && query.Total != "none" {
		page.Total = int64(len(page.Matches))
	}
	return &Result{
		Query: query, Matches: page.Matches, Included: page.Included, Total: page.Total,
		Self: query.Self, Warnings: query.Warnings, position: page.Next,
	}, nil
}

// discloseResult adds every version of a page to the record.
func (r *review) discloseResult(res *Result) {
	r.entry.Count += int64(len(res.Matches) + len(res.Included))
	for _, versions := range [][]Version{res.Matches, res.Included} {
		for i := range versions {
			r.disclose(&versions[i], "GET")
		}
	}
}

// sizeOf is what documents count against the bytes of an answer.
func sizeOf(versions []Version) (n int64) {
	for i := range versions {
		n += versions[i].Weight()
	}
	return n
}

func pageSize(count int) int {
	if count <= 0 {
		return defaultCount
	}
	return min(count, maximumCount)
}
