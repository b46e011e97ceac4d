package access

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// maxRendered is how many records one request may open to see whether they match.
const maxRendered = 20_000

// auditPosition is what is left of a walk. The first page fixes its end, so that it never
// reaches the records of its own pages.
type auditPosition struct {
	Left  map[string]span `json:"l"`           // by source; a log that came later is not part of the walk
	Total int64           `json:"t"`           // -1 if it is not known
	Broad bool            `json:"b,omitempty"` // of a report: the second list
}

// span is records From <= seq < To.
type span struct{ From, To int64 }

// auditWalk visits the records of all logs in the order of their times and renders those
// that may match, as the caller may see them. Within a log, times do not decrease; where
// times are equal, the first log comes first (last, if the oldest come first).
type auditWalk struct {
	*review
	query  *search.Query
	report report
	oldest bool  // records first
	first  bool  // page of the search
	total  int64 // -1 if it is not known
	size   int   // matches per page
	logs   []*logWalk
	budget int // records that may still be rendered
}

// walk starts a walk, or resumes it at the position of a paging link.
func (r *review) walk(ctx context.Context, query *search.Query, rep report, at []byte) (*auditWalk, error) {
	w := &auditWalk{
		review: r, query: query, report: rep, budget: maxRendered, first: len(at) == 0, total: -1,
		oldest: len(query.Sort) > 0 && !query.Sort[0].Desc, size: pageSize(query.Count),
	}
	if query.Summary == "count" {
		w.size = 0
	}
	var position auditPosition
	if !w.first {
		if err := json.Unmarshal(at, &position); err != nil || position.Left == nil {
			return nil, badLink(err)
		}
		w.total, w.report.broad = position.Total, position.Broad
	}
	logs, err := r.gate.logs(ctx)
	if err != nil {
		return nil, err
	}
	filters := w.filters()
	for _, log := range logs {
		left := position.Left[log.Source()]
		if w.first {
			if left.To, err = log.Size(ctx); err != nil {
				return nil, unavailable("records cannot be searched", err)
			}
		}
		w.logs = append(w.logs, &logWalk{log: log, filters: filters, oldest: w.oldest, left: left, batch: w.size + 1})
	}
	return w, nil
}

// walkPage is the next page of a walk, in turns with the long searches of other callers.
func (r *review) walkPage(ctx context.Context, query *search.Query, about report, at []byte) (res *Result, err error) {
	if err := r.unhidden(ctx, query); err != nil {
		return nil, err
	}
	err = r.turns(ctx, r.call.spend(), func(ctx context.Context) error {
		w, err := r.walk(ctx, query, about, at)
		if err != nil {
			return err
		}
		res, err = w.page(ctx)
		return err
	})
	return res, err
}

// filters find the records that may match. Those of a report are narrowed
// only by what every report shows: how many there are to open must reveal nothing about
// others.
func (w *auditWalk) filters() []ledgerbridge.Filter {
	all := narrow(w.query.Where, w.gate.Sealer)
	if w.report.patient == "" {
		return all
	}
	for i := range all {
		all[i].Patient, all[i].Target = "", ""
	}
	return both(w.report.filters(w.gate.Sealer), anyOf(all))
}

// page is the next page of the walk.
func (w *auditWalk) page(ctx context.Context) (*Result, error) {
	res := &Result{Query: w.query, Self: w.query.Self, Warnings: w.query.Warnings}
	for bytes := int64(0); len(res.Matches) < w.size && w.call.room(bytes) > 0; {
		v, err := w.next(ctx)
		if err != nil {
			return nil, err
		}
		if v == nil {
			break
		}
		res.Matches = append(res.Matches, *v)
		bytes += int64(len(v.Body))
	}
	if err := w.hold(sizeOf(res.Matches)); err != nil {
		return nil, err
	}
	here := w.left()
	counts := w.first && (w.query.Summary == "count" || w.query.Total == "accurate" || w.query.Total == "estimate")
	more, err := w.rest(ctx, counts)
	if err != nil {
		return nil, err
	}
	if counts || w.first && more == 0 && w.query.Total != "none" {
		w.total = int64(len(res.Matches)) + more
	}
	res.Total = w.total
	if more > 0 && w.size > 0 {
		res.position, err = json.Marshal(auditPosition{here, w.total, w.report.broad})
	}
	return res, err
}

// rest counts the matches after the page: all, or at most one. If the next match is too
// far away and need not be counted, the next page answers that the search is too costly.
func (w *auditWalk) rest(ctx context.Context, all bool) (n int64, err error) {
	for all || n == 0 {
		v, err := w.next(ctx)
		if kindOf(err) == fhir.TooCostly && !all {
			return 1, nil
		}
		if v == nil || err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// next is the next AuditEvent that matches, nil at the end. Its refusal names maxRendered,
// and what narrows a search (see narrow).
func (w *auditWalk) next(ctx context.Context) (*Version, error) {
	for {
		rec, err := w.pop(ctx)
		if rec == nil || err != nil {
			return nil, err
		}
		if w.budget--; w.budget < 0 {
			return nil, &fhir.Error{Kind: fhir.TooCostly, Detail: "The search would have to open more than 20,000 records. Narrow it by date, patient, entity or agent."}
		}
		if err := w.call.spend().Spend(ctx, store.RowSteps); err != nil {
			return nil, err
		}
		v, err := w.render(ctx, *rec, w.report)
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return nil, unavailable("records cannot be searched", err)
		}
		if v == nil {
			continue
		}
		if matches, err := w.matches(v); matches || err != nil {
			return v, err
		}
	}
}

// matches evaluates the condition on what the caller may see.
func (w *auditWalk) matches(v *Version) (bool, error) {
	if all, ok := w.query.Where.(search.All); ok && len(all) == 0 {
		return true, nil
	}
	return search.Holds(w.query.Where, v.Body, w.gate.Base)
}

// pop takes the next record of all logs, nil at the end.
func (w *auditWalk) pop(ctx context.Context) (*record, error) {
	var next *logWalk
	for _, l := range w.logs {
		rec, err := l.peek(ctx)
		if err != nil {
			return nil, err
		}
		if rec != nil && (next == nil || w.before(rec, &next.ahead[0])) {
			next = l
		}
	}
	if next == nil {
		return nil, nil
	}
	return next.pop(), nil
}

// before says whether a record of a later log comes before one of an earlier log.
func (w *auditWalk) before(a, b *record) bool {
	if w.oldest {
		return !a.entry.Time.After(b.entry.Time)
	}
	return a.entry.Time.After(b.entry.Time)
}

// left is the part of each log that the walk has not visited.
func (w *auditWalk) left() map[string]span {
	left := map[string]span{}
	for _, l := range w.logs {
		left[l.log.Source()] = l.left
	}
	return left
}
