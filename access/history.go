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
	return settled(ctx, g, c, func(r *review) (*Result, error) { return r.historyPage(h) })
}

func (r *review) historyPage(h HistoryRequest) (*Result, error) {
	q := historyQuestion(h)
	res, err := r.history(q, h)
	if err != nil && !isRefusal(err) {
		return nil, err
	}
	d := r.draft(q)
	r.recordHistory(&d, h, res, err)
	if failed := r.gate.record(r.ctx, r.call, d); failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	return res, nil
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

// history decides and runs one page, without recording it.
func (r *review) history(q question, h HistoryRequest) (*Result, error) {
	p := r.request(q)
	if !p.Allow {
		return nil, forbidden(p.Reason)
	}
	l := link{History: &h, Policy: p.Revision}
	if h.Link != "" {
		var err error
		if l, err = r.gate.open(r.call, h.Link); err != nil {
			return nil, err
		}
		if l.History == nil || l.History.Type != h.Type || l.History.ID != h.ID || l.Policy != p.Revision {
			return nil, badLink(nil)
		}
		h = *l.History
	}
	rows := q.interaction
	if rows == "history-system" { // every row has a type, of which the policy is asked
		rows = "history-type"
	}
	page, err := r.gate.Store.History(r.ctx, store.History{
		Type: h.Type, ID: h.ID, Since: h.Since, At: h.At, Visible: r.visible(rows, q.action),
		After: l.Position, Limit: pageSize(h.Count), Count: true,
	})
	if err != nil {
		return nil, unavailable("history cannot be read", err)
	}
	if err := r.check(question{rows, q.action, ""}, page.Matches); err != nil {
		return nil, err
	}
	unfiltered := h.Since.IsZero() && h.At.IsZero() && len(l.Position) == 0
	if h.ID != "" && unfiltered && len(page.Matches) == 0 {
		return nil, notFound()
	}
	res := &Result{Matches: page.Matches, Total: page.Total, position: page.Next}
	return res, r.gate.further(r.call, res, l)
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
