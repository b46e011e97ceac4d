package access

import (
	"context"
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
	return answer(ctx, g, c, func(r *review) (*Version, error) {
		return look(ctx, r, question{"audit-read", "r", auditEvent}, id, func(ctx context.Context, rec record) (*Version, error) {
			return r.render(ctx, rec, report{})
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
	name, seq, ok := cutAuditID(id)
	if !ok {
		return record{}, notFound()
	}
	logs, err := g.logs(ctx)
	if err != nil {
		return record{}, err
	}
	for _, log := range logs {
		if auditLog(log.Source()) == name {
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
func (g *Gate) load(ctx context.Context, log ledgerbridge.Log, seq int64) (rec record, err error) {
	err = readRecords(ctx, log, seq, seq+1, func(found record) { rec = found })
	if err == nil && rec.log == nil {
		err = notFound()
	}
	return rec, err
}

// readRecords visits the records from <= seq < to of a log.
func readRecords(ctx context.Context, log ledgerbridge.Log, from, to int64, visit func(record)) error {
	err := log.Rows(ctx, from, to, func(row ledgerbridge.Row) error {
		entry, err := ledgerbridge.ParseEntry(row.Entry)
		visit(record{log, row, entry})
		return err
	})
	if err != nil {
		return unavailable("record cannot be read", err)
	}
	return nil
}

// nodeOf is the node whose log a source is.
func nodeOf(source string) string { return strings.Split(source, "/")[1] }

// auditLog is node.log, the part of an AuditEvent's id that names a source.
func auditLog(source string) string {
	_, name, _ := strings.Cut(source, "/")
	return strings.ReplaceAll(name, "/", ".")
}

// auditID is node.log.seq: no slash, at most 64 characters.
func auditID(source string, seq int64) string {
	return auditLog(source) + "." + strconv.FormatInt(seq, 10)
}

// cutAuditID is the inverse of auditID.
func cutAuditID(id string) (log string, seq int64, ok bool) {
	cut := strings.LastIndexByte(id, '.')
	if cut < 0 {
		return "", 0, false
	}
	seq, err := strconv.ParseInt(id[cut+1:], 10, 64)
	return id[:cut], seq, err == nil && seq >= 0 && strconv.FormatInt(seq, 10) == id[cut+1:]
}

// render tells a record as an AuditEvent. In a report only the patient's own part is opened
// beside those of the request and of everyone, and nil is the answer for a record that is
// not in the list.
func (r *review) render(ctx context.Context, rec record, rep report) (*Version, error) {
	g, e := r.gate, rec.entry
	if !rep.lists(&rec, g.Sealer) {
		return nil, nil
	}
	reason, replaces, _ := strings.Cut(e.Reason, "; replaces ") // no longer written
	a := fhir.Access{
		ID: auditID(rec.log.Source(), rec.row.Seq), Recorded: e.Time, Interaction: e.Interaction, Type: e.Type,
		Action: e.Action, Status: int(e.Outcome), Decision: e.Decision, Reason: reason, Replaces: replaces, Policy: e.Policy,
		Record: rec.row.Receipt(rec.log.Source()).String(), Request: e.Request,
		Organization: e.Organization, Client: e.Client, Purpose: e.Purpose, Node: nodeOf(e.Source), Site: g.Organization, Base: g.Base,
	}
	wanted := rep.opens(rec.row.Parts, g.Sealer)
	parts, err := g.Sealer.OpenParts(ctx, rec.row.Parts, wanted)
	if err != nil {
		return nil, unavailable("record cannot be opened", err)
	}
	for i := range parts {
		if !wanted(i) {
			continue
		}
		if parts[i].Empty() {
			a.Erased++
		}
		tell(&a, parts[i], rep.patient != "")
	}
	if rep.own(&rec) {
		if len(a.Items) == 0 {
			return nil, nil
		}
		a.Target, a.Reason = "", ""
	}
	if e.Schema == 1 && rec.row.Erased() { // what is left may name who was erased
		a.Query, a.Target = "", ""
	}
	a.Asked = a.Query != "" || rep.patient == "" && a.Erased == 0
	body, err := fhir.AuditEvent(a)
	if err != nil {
		return nil, err
	}
	return &Version{
		Ref: fhir.Ref{Type: auditEvent, ID: a.ID}, Version: 1, LastUpdated: e.Time, Method: "POST", Body: body,
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
	if p := clear.Asked; p != nil && !own {
		a.Target, a.Query = p.Target, p.Query
	}
	if p := clear.Patient; p != nil && p.Patient == ledgerbridge.Everyone {
		a.Broad, a.More = true, p.More
	} else if p != nil {
		a.Patients = append(a.Patients, p.Patient)
		a.Consents = append(a.Consents, p.Consents...)
		items = p.Items
		if !own && p.Query != "" {
			a.Query = p.Query
		}
		if p.Target != "" && (!own || len(items) == 0 && (p.Target == p.Patient || !strings.HasPrefix(p.Target, "Patient/"))) {
			a.Target = p.Target
		}
	}
	for _, i := range items {
		if item := i.Ref + "/_history/" + strconv.FormatInt(i.Version, 10); !slices.Contains(a.Items, item) {
			a.Items = append(a.Items, item)
		}
	}
}
