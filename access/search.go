package access

import (
	"context"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

const (
	defaultCount = 50
	maximumCount = 1000
)

// Search answers a search or a further page of one. Every page is decided and
// recorded again.
func (g *Gate) Search(ctx context.Context, c *Call, s SearchRequest) (*Result, error) {
	return settled(ctx, g, c, func(r *review) (*Result, error) { return r.searchPage(s) })
}

func (r *review) searchPage(s SearchRequest) (*Result, error) {
	q := question{"search-type", "s", s.Type}
	query, l, err := r.read(q, &s)
	var res *Result
	if err == nil {
		res, err = r.search(q, query, l)
	}
	if err != nil && !isRefusal(err) {
		return nil, err
	}
	d := r.draft(q)
	r.recordSearch(&d, query, s, res, err)
	if failed := r.gate.record(r.ctx, r.call, d); failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	if err := r.gate.further(r.call, res, link{Search: &s, Policy: d.Policy}); err != nil {
		return nil, err
	}
	return res, nil
}

// read makes out what is searched for; with a paging link that is what the first
// page was asked. The error of a bad question is for those who may ask at all.
func (r *review) read(q question, s *SearchRequest) (query *search.Query, l link, err error) {
	if p := r.request(q); !p.Allow {
		return nil, l, forbidden(p.Reason)
	}
	if s.Link != "" {
		if l, err = r.gate.open(r.call, s.Link); err != nil {
			return nil, l, err
		}
		if l.Search == nil || l.Search.Type != s.Type {
			return nil, l, badLink(nil)
		}
		*s = *l.Search
	}
	query, err = search.ParseQuery(s.Type, s.Params, search.QueryOptions{Lenient: s.Lenient, Base: r.gate.Base, Compartment: s.Compartment})
	return query, l, err
}

// search decides and runs one page, without recording it.
func (r *review) search(q question, query *search.Query, l link) (*Result, error) {
	p := r.request(q)
	if !p.Allow {
		return nil, forbidden(p.Reason)
	}
	if l.Policy != "" && l.Policy != p.Revision {
		return nil, badLink(nil)
	}
	counted := query.Summary == "count"
	page, err := r.gate.Store.Search(r.ctx, store.Search{
		Query: query, Visible: r.visible(q.interaction, q.action), After: l.Position,
		Limit: pageSize(query.Count), NoBody: counted,
		Count: counted || query.Total == "accurate" || query.Total == "estimate",
	})
	if err != nil {
		return nil, unavailable("search cannot be run", err)
	}
	if err := r.check(q, page.Matches, page.Included); err != nil {
		return nil, err
	}
	if page.Total < 0 && len(page.Next) == 0 && len(l.Position) == 0 && query.Total != "none" {
		page.Total = int64(len(page.Matches))
	}
	return &Result{
		Query: query, Matches: page.Matches, Included: page.Included, Total: page.Total,
		Self: query.Self, Warnings: query.Warnings, position: page.Next,
	}, nil
}

// recordSearch completes the record of a page: what was asked, whom it concerns,
// and every version disclosed.
func (r *review) recordSearch(d *ledgerbridge.Draft, query *search.Query, s SearchRequest, res *Result, err error) {
	d.Outcome = 200
	if s.Compartment != "" {
		d.Target = s.Compartment
	}
	if err != nil {
		d.Outcome = status(err)
	} else {
		d.Count = int64(len(res.Matches) + len(res.Included))
		for i := range res.Matches {
			r.disclose(d, &res.Matches[i], "GET")
		}
		for i := range res.Included {
			r.disclose(d, &res.Included[i], "GET")
		}
	}
	if query != nil {
		d.Query = query.Self
		r.touchNamed(d, query.Patients)
	}
}

func pageSize(count int) int {
	if count <= 0 {
		return defaultCount
	}
	return min(count, maximumCount)
}
