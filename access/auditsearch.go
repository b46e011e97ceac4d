package access

import (
	"context"

	"github.com/aceso-health/aceso/fhir"
)

// auditEvent is the type that is rendered from the records. Its search parameters are
// those of package fhir: R4's, and purpose, decision, reason and request.
const auditEvent = "AuditEvent"

// SearchAuditEvents searches the records of all nodes, newest first unless _sort says
// otherwise.
func (g *Gate) SearchAuditEvents(ctx context.Context, c *Call, s SearchRequest) (*Result, error) {
	return g.audit(ctx, c, question{"audit-search", "s", auditEvent}, s, "")
}

// AccessReport says who accessed a patient's data: the AuditEvents of all records
// that touched the patient, without what they say about others. Parameters narrow the
// report; they are held against what it shows, so they find nothing out about others.
func (g *Gate) AccessReport(ctx context.Context, c *Call, patient fhir.Ref, s SearchRequest) (*Result, error) {
	return g.audit(ctx, c, question{"access-report", "r", "Patient"}, s, patient.String())
}

// audit is decide, find, record, return for records.
func (g *Gate) audit(ctx context.Context, c *Call, q question, s SearchRequest, patient string) (*Result, error) {
	s.Compartment = patient
	r := g.review(ctx, c)
	query, l, err := r.readAudit(q, &s)
	var res *Result
	if err == nil {
		res, err = r.audit(q, query, patient, l)
	}
	if err != nil && !isRefusal(err) {
		return nil, err
	}
	d := r.draft(q)
	d.Outcome, d.Target = 200, patient
	if err != nil {
		r.refuse(&d, Version{}, err)
	} else {
		d.Count = int64(len(res.Matches))
	}
	if kindOf(err) == fhir.NotFound { // the report about somebody else
		d.Decision, d.Reason = "deny", "row-refused"
	}
	if query != nil {
		d.Query = query.Self
		r.touchNamed(&d, query.Patients)
	}
	if patient != "" {
		r.touchNamed(&d, []string{patient})
	}
	if failed := g.record(ctx, c, d); failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	if err := g.further(c, res, link{Search: &s, Policy: d.Policy}); err != nil {
		return nil, err
	}
	return res, nil
}

// readAudit parses the query, or takes that of the first page from a paging link.
func (r *review) readAudit(q question, s *SearchRequest) (query *fhir.Query, l link, err error) {
	if p := r.request(q); !p.Allow {
		return nil, l, forbidden(p.Reason)
	}
	if s.Link != "" {
		if l, err = r.gate.open(r.call, s.Link); err != nil {
			return nil, l, err
		}
		if l.Search == nil || l.Search.Type != s.Type || l.Search.Compartment != s.Compartment {
			return nil, l, badLink(nil)
		}
		*s = *l.Search
	}
	query, err = fhir.ParseQuery(auditEvent, s.Params, fhir.QueryOptions{
		Lenient: s.Lenient, Base: r.gate.Base, Now: r.gate.Now, Alone: true,
	})
	if err == nil {
		err = checkAuditSort(query.Sort)
	}
	return query, l, err
}

// checkAuditSort allows the one order that the logs have.
func checkAuditSort(sort []fhir.SortBy) error {
	for _, s := range sort {
		if s.Param != "date" && s.Param != "_lastUpdated" {
			return &fhir.Error{Kind: fhir.Invalid, Expression: "_sort", Detail: "AuditEvents are sorted by date: _sort=date gives the oldest first, _sort=-date the newest."}
		}
	}
	return nil
}

// audit decides, and runs one page over all logs.
func (r *review) audit(q question, query *fhir.Query, patient string, l link) (*Result, error) {
	p := r.request(q)
	switch about := p.Constraints.Compartment; {
	case !p.Allow:
		return nil, forbidden(p.Reason)
	case l.Policy != "" && l.Policy != p.Revision:
		return nil, badLink(nil)
	case patient != "" && about != "" && about != patient:
		return nil, notFound()
	}
	w, err := r.walk(query, patient, l.Position)
	if err != nil {
		return nil, err
	}
	return w.page()
}
