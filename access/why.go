package access

import (
	"context"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
)

// WhyRequest asks why a record says what it says. What the token of that request said beside
// what its record has, is assumed.
type WhyRequest struct {
	ID      string                                         // of the AuditEvent
	Issuer  string                                         // of the token
	Assumed func(a *agent.Agent) ([]agent.Scope, []string) // scopes and names that a token of the role has
}

// Why is the answer: the record, and how the policies that it names decide its question.
type Why struct {
	Record *Version // the AuditEvent
	Policy string   // revision that decided; "" if none did
	// Told says that the decision is come to again. Otherwise the token said something else
	// than is assumed, which no record keeps, or the text of the policies is not kept.
	Told     bool
	Kept     bool // the text of the policies is
	Scopes   bool // it is come to with all scopes of the role; otherwise with none
	Decision policy.Decision
	Place    policy.Place
	Could    *Could // of a read: what hid or showed the resource at that time
}

// Why explains a record, to those whom the policy lets explain. The question is recorded, and
// concerns those whom the record does.
func (g *Gate) Why(ctx context.Context, c *Call, asked WhyRequest) (*Why, error) {
	return answer(ctx, g, c, func(r *review) (*Why, error) {
		return look(ctx, r, question{"explain", "r", ""}, asked.ID, func(ctx context.Context, rec record) (*Why, error) {
			return r.why(ctx, rec, &asked)
		})
	})
}

func (r *review) why(ctx context.Context, rec record, asked *WhyRequest) (*Why, error) {
	shown, err := r.render(ctx, rec, report{})
	if err != nil {
		return nil, err
	}
	parts, err := r.gate.Sealer.OpenParts(ctx, rec.row.Parts, func(int) bool { return true })
	if err != nil {
		return nil, unavailable("record cannot be opened", err)
	}
	var a fhir.Access
	for i := range parts {
		tell(&a, parts[i], false)
	}
	r.concern(a.Patients)
	w := &Why{Record: shown, Policy: rec.entry.Policy}
	if w.Policy == "" || r.gate.Then == nil {
		return w, nil
	}
	decider, err := r.gate.Then.Revision(ctx, w.Policy)
	if err != nil {
		return nil, unavailable("the policies of that time cannot be read", err)
	}
	if decider == nil {
		return w, nil
	}
	w.Kept = true
	return w, r.again(ctx, w, &rec.entry, &a, decider, asked)
}

// again decides the question of a record again: with all scopes of the role, or with none.
func (r *review) again(ctx context.Context, w *Why, e *ledgerbridge.Entry, a *fhir.Access, decider Decider, asked *WhyRequest) error {
	who := agent.Agent{Subject: a.Agent, Role: a.Role, Organization: e.Organization, Client: e.Client, Purpose: e.Purpose, Issuer: asked.Issuer}
	if who.Role == agent.Patient {
		who.Patient = who.Subject
	}
	all, actors := asked.Assumed(&who)
	who.Actors = actors
	q := question{e.Interaction, askedAction(e.Action), e.Type}
	for _, scopes := range [][]agent.Scope{all, nil} {
		who.Scopes = scopes
		if err := r.decideAgain(ctx, w, q, e, a, decider, who); err != nil || w.Told {
			return err
		}
	}
	return nil
}

func (r *review) decideAgain(ctx context.Context, w *Why, q question, e *ledgerbridge.Entry, a *fhir.Access, decider Decider, who agent.Agent) error {
	gate, _ := r.gate.thenAt(e.Time, decider)
	as := gate.review(&Call{Agent: who, Request: r.call.Request, work: r.call.spend()})
	d := as.decide(ctx, q)
	could, err := r.couldThen(ctx, q, e, a, decider, who)
	if err != nil {
		return err
	}
	hidden := could != nil && could.Lost == "" && !could.Read
	switch {
	case d.Reason == e.Reason && d.Allow == (e.Decision == "permit"):
	case e.Reason == rowRefused && d.Allow && hidden, e.Reason == undeclared && could != nil && could.Refused == undeclared:
	default:
		return nil
	}
	w.Told, w.Scopes, w.Decision, w.Could = true, len(who.Scopes) > 0, d, could
	if p, ok := decider.(Placer); ok {
		w.Place, _ = p.PlaceOf(ctx, as.input(q, as.scopes(q))) // without a place nothing is said of one
	}
	return nil
}

// couldThen judges a read again, nil for anything else.
func (r *review) couldThen(ctx context.Context, q question, e *ledgerbridge.Entry, a *fhir.Access, decider Decider, who agent.Agent) (*Could, error) {
	ref, err := fhir.ParseRef(a.Target)
	if q.interaction != "read" || err != nil || len(a.Patients) == 0 {
		return nil, nil
	}
	patient, err := fhir.ParseRef(a.Patients[0])
	if err != nil {
		return nil, nil
	}
	at := e.Time
	if at.After(r.now) { // by the clock of another node
		at = r.now
	}
	could, err := r.couldAs(ctx, &CouldRead{Agent: who, Patient: patient, Ref: ref, At: at, by: decider})
	if err != nil && kindOf(err) == fhir.NotFound { // it was not that patient's then
		return nil, nil
	}
	return could, err
}

// askedAction is the letter of a scope for an action of a record, see eventAction.
func askedAction(action string) string {
	if action == "E" {
		return "s"
	}
	return strings.ToLower(action)
}
