package access

import (
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// auditQuery is a search over the records. Nothing is indexed in clear: patient,
// entity and agent are looked up by their pseudonyms.
type auditQuery struct {
	id     string
	filter ledgerbridge.Filter
	entity string // "Patient/1": records of that patient; otherwise of that resource
	agent  string
	count  int
	self   []string
}

// auditParameters are the search parameters of AuditEvent; all others are refused.
var auditParameters = []string{"_id", "date", "entity", "patient", "agent", "action", "outcome", "_count"}

// parseAudit reads the parameters; all given must hold.
func parseAudit(params []fhir.Param) (auditQuery, error) {
	q := auditQuery{count: defaultCount}
	for _, p := range params {
		if p.Name == "_format" || p.Name == "_pretty" {
			continue
		}
		if err := q.add(p); err != nil {
			return q, err
		}
		q.self = append(q.self, p.Name+"="+p.Value)
	}
	return q, nil
}

func (q *auditQuery) add(p fhir.Param) error {
	switch p.Name {
	case "_id":
		q.id = p.Value
	case "date":
		return q.date(p)
	case "entity", "patient":
		return q.about(p)
	case "agent":
		q.agent = p.Value
	case "action":
		if !strings.Contains("CRUDE", p.Value) || len(p.Value) != 1 {
			return badAudit(p.Name, "action is one of C, R, U, D, E.")
		}
		q.filter.Action = p.Value
	case "outcome":
		return q.outcome(p)
	case "_count":
		params, err := search.ParseQuery("Patient", []fhir.Param{p}, search.QueryOptions{})
		if err != nil {
			return err
		}
		q.count = pageSize(params.Count)
	default:
		return badAudit(p.Name, "AuditEvents are searched by "+strings.Join(auditParameters, ", ")+".")
	}
	return nil
}

// about names the resource whose records are wanted.
func (q *auditQuery) about(p fhir.Param) error {
	value := p.Value
	if p.Name == "patient" && !strings.Contains(value, "/") {
		value = "Patient/" + value
	}
	ref, err := fhir.ParseRef(value)
	if err != nil || (p.Name == "patient" && ref.Type != "Patient") {
		return badAudit(p.Name, "Give a reference such as Patient/1.")
	}
	if q.entity != "" && q.entity != ref.String() {
		return badAudit(p.Name, "Give one of entity and patient, once.")
	}
	q.entity = ref.String()
	return nil
}

func (q *auditQuery) outcome(p fhir.Param) error {
	classes := map[string][]int{
		"0": {200, 201, 204, 304}, "4": {400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 422, 429},
		"8": {500, 503}, "12": {},
	}
	class, ok := classes[p.Value]
	if !ok {
		return badAudit(p.Name, "outcome is one of 0, 4, 8, 12.")
	}
	q.filter.Outcome = append(slices.Clone(class), -1)
	return nil
}

// date narrows the interval: R4 dates with the prefixes eq, ge, gt, le, lt.
func (q *auditQuery) date(p fhir.Param) error {
	parsed, err := search.ParseQuery("AuditEvent", []fhir.Param{p}, search.QueryOptions{})
	if err != nil {
		return err
	}
	in, ok := theDate(parsed.Where)
	if !ok {
		return badAudit(p.Name, "Give one date with one of the prefixes eq, ge, gt, le, lt.")
	}
	lo, hi := time.UnixMilli(in.Lo), time.UnixMilli(in.Hi+1)
	switch in.Prefix {
	case search.Eq:
		q.from(lo)
		q.to(hi)
	case search.Ge:
		q.from(lo)
	case search.Gt, search.Sa:
		q.from(hi)
	case search.Le:
		q.to(hi)
	case search.Lt, search.Eb:
		q.to(lo)
	default:
		return badAudit(p.Name, "Give one date with one of the prefixes eq, ge, gt, le, lt.")
	}
	return nil
}

// theDate is the one date criterion of a parsed query.
func theDate(c search.Condition) (search.InDates, bool) {
	switch c := c.(type) {
	case search.InDates:
		return c, true
	case search.All:
		if len(c) == 1 {
			return theDate(c[0])
		}
	case search.Any:
		if len(c) == 1 {
			return theDate(c[0])
		}
	}
	return search.InDates{}, false
}

func (q *auditQuery) from(t time.Time) {
	if t.After(q.filter.From) {
		q.filter.From = t
	}
}

func (q *auditQuery) to(t time.Time) {
	if q.filter.To.IsZero() || t.Before(q.filter.To) {
		q.filter.To = t
	}
}

func badAudit(param, detail string) error {
	return &fhir.Error{Kind: fhir.Invalid, Detail: detail, Expression: param}
}
