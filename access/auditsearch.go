package access

import (
	"context"
	"slices"
	"strings"

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
	return g.auditPage(ctx, c, question{"audit-search", "s", auditEvent}, s, "")
}

// auditPage answers one page over all logs.
func (g *Gate) auditPage(ctx context.Context, c *Call, q question, s SearchRequest, patient string) (*Result, error) {
	s.Type, s.Compartment = auditEvent, patient
	return answer(ctx, g, c, func(r *review) (*Result, error) {
		if patient != "" {
			r.mention([]string{patient})
		}
		return r.searchPage(ctx, q, s, func(d policy.Decision, query *search.Query, at []byte) (*Result, error) {
			if slices.ContainsFunc(query.Sort, func(s search.SortBy) bool { return s.Param != "date" && s.Param != "_lastUpdated" }) {
				return nil, &fhir.Error{Kind: fhir.Invalid, Expression: "_sort", Detail: "AuditEvents are sorted by date: _sort=date gives the oldest first, _sort=-date the newest."}
			}
			if err := aboutAnother(s.Params, patient); err != nil {
				return nil, err
			}
			about := report{patient: patient, broad: asksBroad(s.Params)}
			if own := d.Constraints.Compartment; patient != "" && own != "" {
				if own != patient {
					return nil, r.refuseRow(notFound())
				}
				about.reader = r.gate.Sealer.AgentPseudonym(c.Agent.Subject)
			}
			res, err := r.walkPage(ctx, query, about, at)
			if err == nil {
				r.entry.Count = int64(len(res.Matches))
			}
			return res, err
		})
	})
}

// aboutAnother refuses a report that is asked to be about another patient, too: the answer
// would be about neither.
func aboutAnother(params []fhir.Param, patient string) error {
	for _, p := range params {
		name := p.Name
		if i := strings.IndexAny(name, ":."); i >= 0 {
			name = name[:i]
		}
		same := p.Name == name && (p.Value == patient || "Patient/"+p.Value == patient)
		if patient != "" && name == "patient" && !same {
			return &fhir.Error{Kind: fhir.Invalid, Expression: "patient", Detail: "The address names the patient whose report this is. Leave out the parameter patient, or ask for the other patient's report."}
		}
	}
	return nil
}
