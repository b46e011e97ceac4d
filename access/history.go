package access

import (
	"context"
	"errors"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// History returns versions newest first: of one resource, of a type, or of all.
// The history of a hidden resource answers like that of an absent one.
func (g *Gate) History(ctx context.Context, c *Call, h HistoryRequest) (*Result, error) {
	return answer(ctx, g, c, func(r *review) (*Result, error) { return r.historyPage(ctx, h) })
}

// historyPage decides and reads one page.
func (r *review) historyPage(ctx context.Context, h HistoryRequest) (*Result, error) {
	q := historyQuestion(h)
	if h.ID != "" {
		r.entry.Target = fhir.Ref{Type: h.Type, ID: h.ID}.String()
	}
	d, err := r.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	res, err := r.history(ctx, q, d, h)
	if err != nil {
		return nil, err
	}
	r.discloseResult(res)
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

func (r *review) history(ctx context.Context, q question, d policy.Decision, h HistoryRequest) (*Result, error) {
	l, err := r.historyLink(&h, d)
	if err != nil {
		return nil, err
	}
	rows := q.interaction
	if rows == "history-system" { // the policy is asked about the type of every row
		rows = "history-type"
	}
	page, err := r.lookBack(ctx, store.History{
		Type: h.Type, ID: h.ID, Since: h.Since, At: h.At, Until: h.Until, Visible: r.visible(ctx, rows, q.action), Sight: r.sight(ctx, rows, q.action),
		After: l.Position, Limit: pageSize(h.Count), Bytes: r.call.room(r.held), Count: h.counted(),
	})
	if err != nil {
		return nil, unavailable("history cannot be read", err)
	}
	if err := r.check(ctx, question{rows, q.action, ""}, page.Matches); err != nil {
		return nil, err
	}
	if err := r.hold(sizeOf(page.Matches)); err != nil {
		return nil, err
	}
	unfiltered := h.Since.IsZero() && h.At.IsZero() && len(l.Position) == 0
	if h.ID != "" && unfiltered && len(page.Matches) == 0 {
		return nil, r.noHistory(ctx, fhir.Ref{Type: h.Type, ID: h.ID})
	}
	res := &Result{Matches: page.Matches, Total: page.Total, Self: h.Self, position: page.Next}
	if err := r.further(res, l); err != nil {
		return nil, err
	}
	return res, r.back(res, l)
}

// counted says whether all versions are counted, which costs as much as to show them all.
func (h *HistoryRequest) counted() bool { return h.Total || h.ID != "" }

// historyLink is what the page's own link carries; with a paging link, h becomes what the
// first page was asked.
func (r *review) historyLink(h *HistoryRequest, d policy.Decision) (link, error) {
	if h.Link == "" {
		return link{History: h, Policy: d.Revision}, nil
	}
	l, err := r.open(h.Link)
	if err != nil {
		return l, err
	}
	if l.History == nil || l.History.Type != h.Type || l.History.ID != h.ID || l.Policy != d.Revision {
		return l, badLink(nil)
	}
	*h = *l.History
	return l, nil
}

// noHistory answers for a resource with no version that the caller may know. Absent and
// hidden answer alike; the record tells them apart.
func (r *review) noHistory(ctx context.Context, ref fhir.Ref) error {
	_, err := r.gate.Store.Get(ctx, ref)
	if errors.Is(err, store.ErrNotFound) {
		return notFound()
	}
	if err != nil {
		return unavailable("history cannot be read", err)
	}
	return r.refuseRow(notFound())
}
