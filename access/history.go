package access

import (
	"context"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// History returns versions newest first: of one resource, of a type, or of all.
// A history of which nothing may be known answers like that of an absent resource.
func (g *Gate) History(ctx context.Context, c *Call, h HistoryRequest) (*Result, error) {
	var l link
	if h.Link != "" {
		var err error
		if l, err = g.open(c, h.Link); err != nil {
			return nil, err
		}
		if l.History == nil || l.History.Type != h.Type || l.History.ID != h.ID {
			return nil, badLink(nil)
		}
		h = *l.History
	}
	r := g.review(ctx, c)
	q := historyQuestion(h)
	res, err := r.history(q, h, l)
	if err != nil && !isRefusal(err) {
		return nil, err
	}
	d := r.draft(q)
	r.recordHistory(&d, h, res, err)
	if failed := g.record(ctx, c, d); failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	if len(res.position) > 0 {
		res.Next, err = g.seal(c, link{History: &h, Position: res.position, Policy: d.Policy})
	}
	return res, err
}

func historyQuestion(h HistoryRequest) question {
	switch {
	case h.ID != "":
		return question{"history-instance", "r", h.Type}
	case h.Type != "":
		return question{"history-type", "s", h.Type}
	}
	return question{"history-system", "s", ""}
}

func (r *review) history(q question, h HistoryRequest, l link) (*Result, error) {
	p := r.request(q)
	if !p.Allow {
		return nil, forbidden(p.Reason)
	}
	if l.Policy != "" && l.Policy != p.Revision {
		return nil, badLink(nil)
	}
	page, err := r.gate.Store.History(r.ctx, store.History{
		Type: h.Type, ID: h.ID, Since: h.Since, At: h.At, Visible: r.visible(q.interaction, q.action),
		After: l.Position, Limit: pageSize(h.Count), Count: true,
	})
	if err != nil {
		return nil, unavailable("history cannot be read", err)
	}
	unfiltered := h.Since.IsZero() && h.At.IsZero() && len(l.Position) == 0
	if h.ID != "" && unfiltered && len(page.Matches) == 0 {
		return nil, notFound()
	}
	return &Result{Matches: page.Matches, Total: page.Total, position: page.Next}, nil
}

func (r *review) recordHistory(d *ledgerbridge.Draft, h HistoryRequest, res *Result, err error) {
	d.Outcome = 200
	ref := fhir.Ref{Type: h.Type, ID: h.ID}
	if h.ID != "" {
		d.Target = ref.String()
	}
	if err == nil {
		d.Count = int64(len(res.Matches))
		for i := range res.Matches {
			r.disclose(d, &res.Matches[i], "GET")
		}
		return
	}
	d.Outcome = status(err)
	if h.ID == "" {
		return
	}
	if v, missing := r.gate.Store.Get(r.ctx, ref); missing == nil {
		r.refuse(d, v, err)
	}
}
