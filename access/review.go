package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// review is the judgement of one request: the policy once per interaction and
// type, consent once per row. Nothing of it outlives the request.
type review struct {
	gate      *Gate
	ctx       context.Context
	call      *Call
	now       time.Time
	decisions map[question]policy.Decision
	subject   consent.Subject
	decided   map[string][]string // patient -> Consents that decided
	touched   map[string]int      // patient -> place in the draft
	judged    judgement
}

// question is what the policy is asked: one evaluation each per request.
type question struct{ interaction, action, typ string }

func (g *Gate) review(ctx context.Context, c *Call) *review {
	now := g.Now()
	c.judging = &review{
		gate: g, ctx: ctx, call: c, now: now,
		decisions: map[question]policy.Decision{},
		decided:   map[string][]string{},
		subject:   consent.Subject{Actors: c.Agent.Actors, Purpose: c.Agent.Purpose, Now: now},
	}
	return c.judging
}

// request asks the policy whether the caller may do this to this type at all.
// It is the only place where a policy is evaluated.
func (r *review) request(q question) policy.Decision {
	if d, ok := r.decisions[q]; ok {
		return d
	}
	in := policy.Input{
		Agent: policy.Agent{
			Subject: r.call.Agent.Subject, Role: r.call.Agent.Role, Organization: r.call.Agent.Organization,
			Patient: r.call.Agent.Patient, Client: r.call.Agent.Client, Scopes: r.call.Agent.Scopes,
		},
		Purpose: r.call.Agent.Purpose, Interaction: q.interaction, Action: q.action, Type: q.typ,
		Node: policy.Node{Organization: r.gate.Organization}, Now: r.now.UTC().Format(time.RFC3339),
	}
	d, err := r.gate.Policy.Decide(r.ctx, in)
	if errors.Is(err, policy.ErrDeadline) { // a busy machine deserves a second look
		d, err = r.gate.Policy.Decide(r.ctx, in)
	}
	if err != nil {
		r.gate.Log.Error("policy evaluation failed: request denied", "request", r.call.Request, "error", err)
		d = policy.Decision{Reason: "policy-error", Revision: d.Revision}
	}
	if errors.Is(err, policy.ErrDeadline) {
		d.Reason = tooSlow
	}
	r.decisions[q] = d
	return d
}

// tooSlow is the reason of a decision that was not reached in time: it denies, but
// the caller may try again.
const tooSlow = "policy-timeout"

// row says whether the caller may know (or, for a write, touch) this version.
// It is the one function that decides about data.
func (r *review) row(q question, row store.Row) (bool, error) {
	d := r.request(q)
	if d.Reason == tooSlow { // hiding the row would answer wrongly
		return false, forbidden(tooSlow)
	}
	if !d.Allow || !within(d.Constraints, q, row) {
		return false, nil
	}
	mode := d.Consent
	if mode == policy.None {
		if d.Constraints.Compartment == "" {
			return true, nil
		}
		mode = policy.Permits // of the others whose data this is as well
	}
	verdicts := make([]consent.Verdict, 0, 2)
	for _, patient := range row.Facts.Patients {
		if d.Consent == policy.None && patient == d.Constraints.Compartment {
			continue
		}
		v, err := r.consents(q, patient, row)
		if err != nil {
			return false, err
		}
		verdicts = append(verdicts, v)
	}
	if len(verdicts) == 0 { // nobody's data, or only one's own: the constraints have decided
		return true, nil
	}
	return consent.Combine(mode, verdicts), nil
}

// consents asks all Consents of one patient about the row.
func (r *review) consents(q question, patient string, row store.Row) (consent.Verdict, error) {
	r.judged.add(patient, row.Epoch)
	rules, err := r.gate.Consents.Rules(r.ctx, patient, row.Epoch)
	if err != nil {
		return consent.Deny, unavailable("consents cannot be read", err)
	}
	s := r.subject
	s.Action = consentAction(q.action)
	v, decided, _ := consent.Evaluate(rules, s, row.Facts)
	for _, d := range decided {
		if !slices.Contains(r.decided[patient], d) {
			r.decided[patient] = append(r.decided[patient], d)
		}
	}
	return v, nil
}

// consentAction maps a scope letter to http://terminology.hl7.org/CodeSystem/consentaction.
func consentAction(action string) string {
	switch action {
	case "c":
		return "collect"
	case "u", "d":
		return "correct"
	}
	return "access"
}

// visible is the visibility function for one interaction: the same judgement for
// matches, chains, _has, includes and sort.
func (r *review) visible(interaction, action string) store.Visible {
	return func(row store.Row) (bool, error) {
		return r.row(question{interaction, action, row.Ref.Type}, row)
	}
}

// within applies the policy's constraints to a row.
func within(c policy.Constraints, q question, row store.Row) bool {
	patients := row.Facts.Patients
	shared := len(patients) == 0 && slices.Contains(c.SharedTypes, row.Ref.Type)
	switch {
	case len(c.Types) > 0 && !slices.Contains(c.Types, row.Ref.Type):
		return false
	case c.Owner != "" && row.Owner != c.Owner:
		return false
	case c.Compartment != "" && !shared && !slices.Contains(patients, c.Compartment):
		return false
	case c.Author != "" && q.action != "r" && q.action != "s" && !slices.Contains(row.Facts.Authors, c.Author):
		return false
	case len(patients) == 0 && !shared && c.Uncompartmented != nil && !slices.Contains(c.Uncompartmented, row.Ref.Type):
		return false
	}
	return true
}

// check judges what a store has found once more before it is shown: a store that
// forgot a rule must not be the end of it.
func (r *review) check(q question, versions ...[]Version) error {
	for _, list := range versions {
		for i := range list {
			v := &list[i]
			may, err := r.row(question{q.interaction, q.action, v.Ref.Type}, rowOf(v))
			if err != nil {
				return err
			}
			if !may {
				return unavailable("answer held what may not be shown", fmt.Errorf("the store returned %s, which is hidden", v.Ref.Type))
			}
		}
	}
	return nil
}

// rowOf is what a visibility function sees of a version.
func rowOf(v *Version) store.Row {
	return store.Row{Ref: v.Ref, Version: v.Version, Owner: v.Owner, Deleted: v.Deleted, Facts: &v.Facts, Epoch: v.Epoch}
}

// draft begins the record of this request.
func (r *review) draft(q question) ledgerbridge.Draft {
	r.touched = map[string]int{}
	d := r.request(q)
	a := r.call.Agent
	return ledgerbridge.Draft{
		Action: eventAction(q), Interaction: q.interaction,
		Agent: a.Subject, Name: a.Name, Role: a.Role, Address: r.call.Address,
		Organization: a.Organization, Client: a.Client, Purpose: a.Purpose,
		Type: q.typ, Decision: decisionWord(d.Allow), Reason: d.Reason, Policy: d.Revision, Request: r.call.Request,
	}
}

func decisionWord(allow bool) string {
	if allow {
		return "permit"
	}
	return "deny"
}

// eventAction maps an interaction to AuditEvent.action.
func eventAction(q question) string {
	switch q.action {
	case "c":
		return "C"
	case "u":
		return "U"
	case "d":
		return "D"
	case "s":
		return "E"
	case "r":
		return "R"
	}
	return "E"
}

// disclose adds a version to the record: to the part of each patient it concerns,
// or to the request's own part. method is what the request did to it.
func (r *review) disclose(d *ledgerbridge.Draft, v *Version, method string) {
	item := ledgerbridge.Item{Ref: v.Ref.String(), Version: v.Version, Method: method, Hash: v.Hash}
	if len(v.Facts.Patients) == 0 {
		d.Others = append(d.Others, item)
		return
	}
	for _, patient := range v.Facts.Patients {
		t := r.touch(d, patient)
		t.Items = append(t.Items, item)
	}
}

// touch returns the record's part of a patient, new if need be.
func (r *review) touch(d *ledgerbridge.Draft, patient string) *ledgerbridge.Touched {
	if i, known := r.touched[patient]; known {
		return &d.Patients[i]
	}
	r.touched[patient] = len(d.Patients)
	d.Patients = append(d.Patients, ledgerbridge.Touched{Patient: patient, Consents: r.decided[patient]})
	return &d.Patients[len(d.Patients)-1]
}

// touchNamed adds patients that a request names and that exist: they are
// concerned whether or not something was found. Others get no part of their own,
// so that nobody can make keys for patients that do not exist.
func (r *review) touchNamed(d *ledgerbridge.Draft, patients []string) {
	for _, p := range patients {
		ref, err := fhir.ParseRef(p)
		if err != nil {
			continue
		}
		if _, err := r.gate.Store.Get(r.ctx, ref); err == nil {
			r.touch(d, p)
		}
	}
}
