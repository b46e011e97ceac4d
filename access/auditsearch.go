package access

import (
	"cmp"
	"context"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/policy"
)

// auditEvent is the type that is rendered from records. Its search parameters are those
// of R4 and Aceso's own: decision, purpose, reason and request (see package fhir).
const auditEvent = "AuditEvent"

// SearchAuditEvents searches the records of all nodes, newest first unless _sort says
// otherwise.
func (g *Gate) SearchAuditEvents(ctx context.Context, c *Call, s SearchRequest) (*Result, error) {
	return answer(ctx, g, c, func(r *review) (*Result, error) {
		return r.auditPage(ctx, question{"audit-search", "s", auditEvent}, s, "")
	})
}

// AccessReport lists who accessed a patient's data: the AuditEvents of all records that
// touched the patient, without what they say about others. Search parameters narrow the
// report; they are evaluated on what it shows, so they reveal nothing about others.
func (g *Gate) AccessReport(ctx context.Context, c *Call, patient fhir.Ref, s SearchRequest) (*Result, error) {
	return answer(ctx, g, c, func(r *review) (*Result, error) {
		return r.auditPage(ctx, question{"access-report", "r", "Patient"}, s, patient.String())
	})
}

// auditPage parses, decides and runs one page over all logs, like searchPage.
func (r *review) auditPage(ctx context.Context, q question, s SearchRequest, patient string) (*Result, error) {
	s.Compartment, r.entry.Target = patient, patient
	query, l, malformed := r.parseAudit(&s)
	if patient != "" {
		r.mention([]string{patient})
	}
	d, err := r.ask(ctx, q)
	if err = cmp.Or(err, malformed); err != nil {
		return nil, err
	}
	res, err := r.searchAudit(ctx, d, query, patient, l)
	if err != nil {
		return nil, err
	}
	r.entry.Count = int64(len(res.Matches))
	return res, r.further(res, link{Search: &s, Policy: d.Revision})
}

// parseAudit parses the query, like parse.
func (r *review) parseAudit(s *SearchRequest) (query *search.Query, l link, err error) {
	if s.Link != "" {
		if l, err = r.open(s.Link); err != nil {
			return nil, l, err
		}
		if l.Search == nil || l.Search.Type != s.Type || l.Search.Compartment != s.Compartment {
			return nil, l, badLink(nil)
		}
		*s = *l.Search
	}
	query, err = search.ParseQuery(auditEvent, s.Params, search.QueryOptions{Lenient: s.Lenient, Base: r.gate.Base, Now: r.gate.Now, Alone: true})
	if err != nil {
		return nil, l, err
	}
	r.entry.Query = query.Self
	r.mention(query.Patients)
	return query, l, checkAuditSort(query.Sort)
}

// checkAuditSort allows the one order that logs have.
func checkAuditSort(sort []search.SortBy) error {
	for _, s := range sort {
		if s.Param != "date" && s.Param != "_lastUpdated" {
			return &fhir.Error{Kind: fhir.Invalid, Expression: "_sort", Detail: "AuditEvents are sorted by date: _sort=date gives the oldest first, _sort=-date the newest."}
		}
	}
	return nil
}

// searchAudit runs one page.
func (r *review) searchAudit(ctx context.Context, d policy.Decision, query *search.Query, patient string, l link) (*Result, error) {
	if l.Policy != "" && l.Policy != d.Revision {
		return nil, badLink(nil)
	}
	if own := d.Constraints.Compartment; patient != "" && own != "" && own != patient {
		return nil, r.refuseRow(notFound())
	}
	w, err := r.walk(ctx, query, patient, l.Position)
	if err != nil {
		return nil, err
	}
	return w.page(ctx)
}
