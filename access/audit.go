package access

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// record is one entry of a log with the parts that the reader may see.
type record struct {
	log   ledgerbridge.Log
	row   ledgerbridge.Row
	entry ledgerbridge.Entry
}

// ReadAuditEvent renders one record as an AuditEvent. Reading the log is recorded, too.
func (g *Gate) ReadAuditEvent(ctx context.Context, c *Call, id string) (*Version, error) {
	return answer(ctx, g, c, func(r *review) (*Version, error) {
		return look(ctx, r, question{"audit-read", "r", "AuditEvent"}, id, func(ctx context.Context, rec record) (*Version, error) {
			return r.render(ctx, rec, "")
		})
	})
}

// look shows one record in some way. That somebody looked at it, or was refused, is
// recorded, too.
func look[T any](ctx context.Context, r *review, q question, id string, show func(context.Context, record) (T, error)) (T, error) {
	var none T
	r.entry.Target = "AuditEvent/" + id
	if _, err := r.ask(ctx, q); err != nil {
		return none, err
	}
	rec, err := r.gate.find(ctx, id)
	if err != nil {
		return none, err
	}
	r.entry.Count = 1
	return show(ctx, rec)
}

// find reads the record that an AuditEvent's id (node.log.seq) names.
func (g *Gate) find(ctx context.Context, id string) (record, error) {
	cut := strings.LastIndexByte(id, '.')
	if cut < 0 {
		return record{}, notFound()
	}
	seq, err := strconv.ParseInt(id[cut+1:], 10, 64)
	if err != nil || seq < 0 || strconv.FormatInt(seq, 10) != id[cut+1:] {
		return record{}, notFound()
	}
	logs, err := g.logs(ctx)
	if err != nil {
		return record{}, err
	}
	for _, log := range logs {
		if auditID(log.Source(), seq) == id {
			return g.load(ctx, log, seq)
		}
	}
	return record{}, notFound()
}

// logs are the change logs and access logs of all nodes.
func (g *Gate) logs(ctx context.Context) ([]ledgerbridge.Log, error) {
	logs, err := store.AllLogs(ctx, g.Store)
	if err != nil {
		return nil, unavailable("records cannot be found", err)
	}
	return logs, nil
}

// load reads one record of a log.
func (g *Gate) load(ctx context.Context, log ledgerbridge.Log, seq int64) (record, error) {
	rec := record{log: log}
	found := false
	err := rec.log.Rows(ctx, seq, seq+1, func(row ledgerbridge.Row) error {
		rec.row, found = row, true
		var err error
		rec.entry, err = ledgerbridge.ParseEntry(row.Entry)
		return err
	})
	if err != nil {
		return rec, unavailable("record cannot be read", err)
	}
	if !found {
		return rec, notFound()
	}
	return rec, nil
}

// nodeOf is the node whose log a source is.
func nodeOf(source string) string { return strings.Split(source, "/")[1] }

// auditID is node.log.seq: no slash, at most 64 characters.
func auditID(source string, seq int64) string {
	parts := strings.Split(source, "/")
	return parts[1] + "." + parts[2] + "." + strconv.FormatInt(seq, 10)
}

// render opens the parts and tells them as an AuditEvent. With a patient given,
// only that patient's part is opened.
func (r *review) render(ctx context.Context, rec record, patient string) (*Version, error) {
	g, e := r.gate, rec.entry
	a := fhir.Access{
		ID: auditID(rec.log.Source(), rec.row.Seq), Recorded: e.Time, Interaction: e.Interaction,
		Action: e.Action, Status: int(e.Outcome), Decision: e.Decision, Reason: e.Reason, Policy: e.Policy,
		Record: rec.row.Receipt(rec.log.Source()).String(), Request: e.Request,
		Organization: e.Organization, Client: e.Client, Purpose: e.Purpose, Node: nodeOf(e.Source), Site: g.Organization,
	}
	for _, part := range rec.row.Parts {
		if patient != "" && part.Patient != "" && part.Patient != g.Sealer.PatientPseudonym(patient) {
			continue
		}
		clear, err := g.Sealer.OpenPart(ctx, part)
		if errors.Is(err, ledgerbridge.ErrErased) {
			a.Erased++
			continue
		}
		if err != nil {
			return nil, unavailable("record cannot be opened", err)
		}
		tell(&a, clear, patient != "")
	}
	body, err := fhir.AuditEvent(a)
	if err != nil {
		return nil, err
	}
	return &Version{
		Ref: fhir.Ref{Type: "AuditEvent", ID: a.ID}, Version: 1, LastUpdated: e.Time, Method: "POST", Body: body,
	}, nil
}

// tell adds an opened part; own leaves out what concerns no patient, and what may
// name others: the query, and the target if that is another patient.
func tell(a *fhir.Access, clear ledgerbridge.Opened, own bool) {
	var items []ledgerbridge.Item
	if p := clear.Request; p != nil {
		a.Agent, a.Name, a.Role, a.Address = p.Agent, p.Name, p.Role, p.Address
		if !own {
			a.Target, a.Query, items = p.Target, p.Query, p.Items
		}
	}
	if p := clear.Patient; p != nil {
		a.Patients = append(a.Patients, p.Patient)
		a.Consents = append(a.Consents, p.Consents...)
		items = p.Items
		if !own {
			a.Query = p.Query
		}
		others := own && p.Target != p.Patient && strings.HasPrefix(p.Target, "Patient/")
		if len(items) == 0 && !others {
			a.Target = p.Target
		}
	}
	for _, i := range items {
		if item := i.Ref + "/_history/" + strconv.FormatInt(i.Version, 10); !slices.Contains(a.Items, item) {
			a.Items = append(a.Items, item)
		}
	}
}

// SearchAuditEvents searches the records of all nodes, newest first.
func (g *Gate) SearchAuditEvents(ctx context.Context, c *Call, s SearchRequest) (*Result, error) {
	return answer(ctx, g, c, func(r *review) (*Result, error) {
		return r.auditPage(ctx, question{"audit-search", "s", "AuditEvent"}, s, "")
	})
}

// AccessReport says who accessed a patient's data: the AuditEvents of all records
// that touched the patient, without what they say about others.
func (g *Gate) AccessReport(ctx context.Context, c *Call, patient fhir.Ref, s SearchRequest) (*Result, error) {
	return answer(ctx, g, c, func(r *review) (*Result, error) {
		return r.auditPage(ctx, question{"access-report", "r", "Patient"}, s, patient.String())
	})
}

// auditPage decides and runs one page over all logs, merged by time.
func (r *review) auditPage(ctx context.Context, q question, s SearchRequest, patient string) (*Result, error) {
	s.Compartment, r.entry.Target = patient, patient
	query, l, malformed := r.parseAudit(&s)
	if about := cmp.Or(patient, query.entity); strings.HasPrefix(about, "Patient/") {
		r.mention([]string{about})
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
func (r *review) parseAudit(s *SearchRequest) (query auditQuery, l link, err error) {
	if s.Link != "" {
		if l, err = r.open(s.Link); err != nil {
			return query, l, err
		}
		if l.Search == nil || l.Search.Type != s.Type || l.Search.Compartment != s.Compartment {
			return query, l, badLink(nil)
		}
		*s = *l.Search
	}
	query, err = parseAudit(s.Params)
	r.entry.Query = strings.Join(query.self, "&")
	return query, l, err
}

// searchAudit runs one page.
func (r *review) searchAudit(ctx context.Context, d policy.Decision, query auditQuery, patient string, l link) (*Result, error) {
	if l.Policy != "" && l.Policy != d.Revision {
		return nil, badLink(nil)
	}
	if patient != "" {
		if d.Constraints.Compartment != "" && d.Constraints.Compartment != patient {
			return nil, r.refuseRow(notFound())
		}
		query.entity = patient
	}
	before, err := readPosition(l.Position)
	if err != nil {
		return nil, badLink(err)
	}
	records, err := r.gate.collect(ctx, query, before)
	if err != nil {
		return nil, err
	}
	res := &Result{Total: -1, Self: strings.Join(query.self, "&"), position: nextPosition(before, records, query.count)}
	for _, rec := range records[:min(len(records), query.count)] {
		v, err := r.render(ctx, rec, patient)
		if err != nil {
			return nil, err
		}
		res.Matches = append(res.Matches, *v)
	}
	return res, nil
}
