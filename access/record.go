package access

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// begin writes into the record what was asked and what the policy said.
func (r *review) begin(q question, d policy.Decision) {
	r.policed = q
	r.entry.Action, r.entry.Interaction, r.entry.Type = eventAction(q.action), q.interaction, q.typ
	r.entry.Decision, r.entry.Reason, r.entry.Policy = "permit", d.Reason, d.Revision
	if !d.Allow {
		r.entry.Decision = "deny"
	}
}

// eventAction maps a scope letter to AuditEvent.action.
func eventAction(action string) string {
	switch action {
	case "c":
		return "C"
	case "u":
		return "U"
	case "d":
		return "D"
	case "r":
		return "R"
	}
	return "E"
}

// refuse records that the policy refuses the request as a whole, and returns the answer.
func (r *review) refuse(d policy.Decision) error {
	r.entry.Decision, r.entry.Reason, r.entry.Policy = "deny", d.Reason, d.Revision
	return forbidden(d.Reason)
}

// refuseRow records that the decision was about a row, and returns the answer.
func (r *review) refuseRow(answer error) error {
	r.entry.Decision, r.entry.Reason = "deny", rowRefused
	return answer
}

// rowRefused is the reason of a decision about a row.
const rowRefused = "row-refused"

// disclose adds a version to the record: to the part of each patient concerned, or to
// the request's own part. method is what the request did to the resource.
func (r *review) disclose(v *Version, method string) {
	item := v.Item()
	item.Method = method
	patients := v.Facts.Whose()
	if len(patients) == 0 {
		r.entry.Others = append(r.entry.Others, item)
	}
	for _, patient := range patients {
		part := r.part(patient)
		part.Items = append(part.Items, item)
	}
}

// part returns the record's part of a patient, new if need be.
func (r *review) part(patient string) *ledgerbridge.Touched {
	if i := r.partOf(patient); i >= 0 {
		return &r.entry.Patients[i]
	}
	if r.parts != nil {
		r.parts[patient] = len(r.entry.Patients)
	}
	r.entry.Patients = append(r.entry.Patients, ledgerbridge.Touched{Patient: patient})
	return &r.entry.Patients[len(r.entry.Patients)-1]
}

// fewParts are compared one by one; most records have one or two.
const fewParts = 16

// partOf is the place of a patient's part, -1 if there is none.
func (r *review) partOf(patient string) int {
	if len(r.entry.Patients) <= fewParts {
		return slices.IndexFunc(r.entry.Patients, func(t ledgerbridge.Touched) bool { return t.Patient == patient })
	}
	if r.parts == nil {
		r.parts = map[string]int{}
		for i := range r.entry.Patients {
			r.parts[r.entry.Patients[i].Patient] = i
		}
	}
	if i, known := r.parts[patient]; known {
		return i
	}
	return -1
}

// conclude completes the record: how the request ended, the patients it names, the
// Consents that decided. Its error says that they cannot be found: then the record is
// that of a failure.
func (r *review) conclude(ctx context.Context, outcome error) error {
	if outcome != nil {
		r.entry.Outcome = status(outcome)
		r.discloseNothing()
		r.discloseGiven()
	} else if r.entry.Outcome == 0 {
		r.entry.Outcome = 200
	}
	if outcome == nil {
		r.noteMasks()
	}
	if len(r.queries) > 0 {
		r.entry.Query = strings.Join(r.queries, "\n")
	}
	incomplete := r.concernAsked(ctx, outcome)
	if incomplete == nil {
		r.name()
		incomplete = r.nameConsents(ctx, r.everybody)
	}
	if incomplete != nil {
		incomplete = unavailable("record cannot be completed", incomplete)
		r.entry.Outcome = status(incomplete)
		r.discloseNothing()
		r.concernBlindly()
		r.name()
		_ = r.nameConsents(ctx, false)
	}
	return incomplete
}

// nameConsents adds to each patient's part the Consents that decided; those of patients of
// whom nobody looked at a row have to be looked for.
func (r *review) nameConsents(ctx context.Context, look bool) (err error) {
	for i := range r.entry.Patients {
		part := &r.entry.Patients[i]
		read, asked := r.consentsRead[part.Patient]
		if !asked && look && part.Patient != ledgerbridge.Everyone {
			if read, err = r.decisive(ctx, part.Patient); err != nil {
				return err
			}
		}
		part.Consents = read
	}
	return nil
}

// judgedLimit is how many patients a record or change is checked against one by one.
const judgedLimit = 1000

// judged is what the answer rests on: if the Consents of one of these patients have
// changed since, it must be judged again.
func (r *review) judged() store.Judged {
	if r.final {
		return store.Judged{}
	}
	j := store.Judged{Epoch: r.epoch, All: r.everybody || len(r.consentsRead) > judgedLimit, Seen: r.directory.seen()}
	if !j.All && len(r.consentsRead) > 0 {
		j.Keys = make([]string, 0, len(r.consentsRead)+len(r.caller.rests()))
		for key := range r.consentsRead {
			j.Keys = append(j.Keys, key)
		}
		for _, key := range r.caller.rests() {
			if _, patient := r.consentsRead[key]; !patient {
				j.Keys = append(j.Keys, key)
			}
		}
	}
	return r.keptJudged(j)
}

// writes says whether the request changes anything.
func (r *review) writes() bool { return len(r.change.Writes) > 0 || r.event }

// commit appends the sealed record to the access log, or, with all that the request
// writes, to the change log.
func (r *review) commit(ctx context.Context, pending *ledgerbridge.Pending) (ledgerbridge.Receipt, error) {
	if !r.writes() {
		return r.gate.Store.Record(ctx, pending, r.judged())
	}
	r.change.Entry, r.change.Judged = pending, r.judged()
	return r.gate.Store.Commit(ctx, r.change)
}

// discloseNothing drops from the record what the request was about to write and to
// disclose. The patients concerned stay.
func (r *review) discloseNothing() {
	e := &r.entry
	e.Count, e.Content, e.Others = 0, fhir.Hash{}, nil
	for i := range e.Patients {
		e.Patients[i].Items = nil
	}
	r.change.Writes, r.change.Guards = nil, nil
}

// discloseGiven adds to the record of a refusal what it tells about.
func (r *review) discloseGiven() {
	for i := range r.given {
		r.disclose(&r.given[i], "GET")
	}
	r.entry.Count = int64(len(r.given))
}

// instead is the error of a request that was overtaken in every attempt, or whose change
// could not be written: that is recorded instead, and rests on nothing that may change.
// nil means that there is nothing more to record.
func (r *review) instead(recorded error) error {
	changed := errors.Is(recorded, store.ErrChanged)
	if recorded == nil || !changed && !r.writes() {
		return nil
	}
	r.final = true
	switch {
	case !changed:
		return recorded
	case r.writes():
		return &fhir.Error{Kind: fhir.Conflict, Detail: "The resources concerned are being changed by others. Read them again and repeat."}
	}
	return overtaken()
}

// overtaken answers a request that could not be judged because what it rests on changed
// in every attempt.
func overtaken() error { return unavailable("consents change faster than it can be judged", nil) }
