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
	r := g.review(ctx, c)
	q := question{"audit-read", "r", "AuditEvent"}
	v, err := r.auditEvent(q, id)
	if err := r.recordLook(q, id, err); err != nil {
		return nil, err
	}
	return v, nil
}

// recordLook records that somebody looked at a record, or was refused with err. It
// returns what to answer instead.
func (r *review) recordLook(q question, id string, err error) error {
	if err != nil && !isRefusal(err) {
		return err
	}
	d := r.draft(q)
	d.Target, d.Outcome = "AuditEvent/"+id, 200
	if err != nil {
		r.refuse(&d, Version{}, err)
	} else {
		d.Count = 1
	}
	if failed := r.gate.record(r.ctx, r.call, d); failed != nil {
		return failed
	}
	return err
}

func (r *review) auditEvent(q question, id string) (*Version, error) {
	if p := r.request(q); !p.Allow {
		return nil, forbidden(p.Reason)
	}
	rec, err := r.gate.find(r.ctx, id)
	if err != nil {
		return nil, err
	}
	return r.render(rec, "")
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
func (r *review) render(rec record, patient string) (*Version, error) {
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
		clear, err := g.Sealer.OpenPart(r.ctx, part)
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
	return g.audit(ctx, c, question{"audit-search", "s", "AuditEvent"}, s, "")
}

// AccessReport says who accessed a patient's data: the AuditEvents of all records
// that touched the patient, without what they say about others.
func (g *Gate) AccessReport(ctx context.Context, c *Call, patient fhir.Ref, s SearchRequest) (*Result, error) {
	return g.audit(ctx, c, question{"access-report", "r", "Patient"}, s, patient.String())
}

// audit is find, decide, record, return for records.
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
	d.Query, d.Outcome, d.Target = strings.Join(query.self, "&"), 200, patient
	if err != nil {
		r.refuse(&d, Version{}, err)
	} else {
		d.Count = int64(len(res.Matches))
	}
	if kindOf(err) == fhir.NotFound { // the report about somebody else
		d.Decision, d.Reason = "deny", "row-refused"
	}
	if about := cmp.Or(patient, query.entity); strings.HasPrefix(about, "Patient/") {
		r.touchNamed(&d, []string{about})
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

// readAudit makes out what is searched for, like read.
func (r *review) readAudit(q question, s *SearchRequest) (query auditQuery, l link, err error) {
	if p := r.request(q); !p.Allow {
		return query, l, forbidden(p.Reason)
	}
	if s.Link != "" {
		if l, err = r.gate.open(r.call, s.Link); err != nil {
			return query, l, err
		}
		if l.Search == nil || l.Search.Type != s.Type || l.Search.Compartment != s.Compartment {
			return query, l, badLink(nil)
		}
		*s = *l.Search
	}
	query, err = parseAudit(s.Params)
	return query, l, err
}

// audit decides and runs one page over all logs, merged by time.
func (r *review) audit(q question, query auditQuery, patient string, l link) (*Result, error) {
	p := r.request(q)
	if !p.Allow {
		return nil, forbidden(p.Reason)
	}
	if l.Policy != "" && l.Policy != p.Revision {
		return nil, badLink(nil)
	}
	if patient != "" {
		if p.Constraints.Compartment != "" && p.Constraints.Compartment != patient {
			return nil, notFound()
		}
		query.entity = patient
	}
	before, err := readPosition(l.Position)
	if err != nil {
		return nil, badLink(err)
	}
	records, err := r.gate.collect(r.ctx, query, before)
	if err != nil {
		return nil, err
	}
	res := &Result{Total: -1, Self: strings.Join(query.self, "&"), position: nextPosition(before, records, query.count)}
	for _, rec := range records[:min(len(records), query.count)] {
		v, err := r.render(rec, patient)
		if err != nil {
			return nil, err
		}
		res.Matches = append(res.Matches, *v)
	}
	return res, nil
}
