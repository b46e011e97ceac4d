package access

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// WhyRequest asks why a record says what it says. What no record keeps of the token is
// assumed: the names of its subject; its scopes, too, if an older program wrote the record.
type WhyRequest struct {
	ID      string                                         // of the AuditEvent
	Issuer  string                                         // of the token
	Assumed func(a *agent.Agent) ([]agent.Scope, []string) // scopes and names that a token of the role has
}

// Why is the answer: the record, and how the policies that it names decide its question.
type Why struct {
	Record *Version // the AuditEvent
	Policy string   // revision that decided; "" if none did
	Kept   bool     // the text of the policies is
	Erased bool     // with a patient, what the policy was asked with: nothing is decided again
	Told   bool     // the decision is come to again
	// Assumed says that the record does not keep what the policy was asked with. Its question
	// is tried with all scopes of the role, then with none; Scopes says which it was.
	Assumed, Scopes bool
	WhyAnswer                   // that decided
	Others          []WhyAnswer // of a change of several resources, to its other questions
	More            int         // others that are not told
	Could           *Could      // of a read: what hid or showed the resource at that time
}

// WhyAnswer is what the policies say to a question, and where they do.
type WhyAnswer struct {
	Interaction, Type string
	Decision          policy.Decision
	Place             policy.Place
}

// mostWhy is to how many questions of a record the answers are told.
const mostWhy = 20

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
	return w, (&recalled{r, &rec, &a, decider, asked}).again(ctx, w)
}

// recalled is a record whose question is decided again.
type recalled struct {
	*review
	rec     *record
	access  *fhir.Access // what the record says
	decider Decider      // the policies that it names
	asked   *WhyRequest
}

// again decides what the record keeps that the policy was asked.
func (r *recalled) again(ctx context.Context, w *Why) error {
	logs, err := r.gate.logs(ctx)
	if err != nil {
		return err
	}
	e := &r.rec.entry
	who := agent.Agent{Subject: r.access.Agent, Role: r.access.Role, Organization: e.Organization, Client: e.Client, Purpose: e.Purpose, Issuer: r.asked.Issuer}
	kept, err := askedBy(ctx, r.gate.Sealer.Inputs(logs), r.rec)
	switch {
	case errors.Is(err, ledgerbridge.ErrErased):
		w.Erased = true
		return nil
	case errors.Is(err, ledgerbridge.ErrUnknownInput):
		return r.assume(ctx, w, who)
	case err != nil:
		return unavailable("record cannot be opened", err)
	}
	who.Patient, who.Scopes = kept.Inputs[0].Agent.Patient, kept.Scopes
	_, who.Actors = r.asked.Assumed(&who)
	return r.decideAgain(ctx, w, who, kept.Inputs)
}

// assume decides the question of an older record: with all scopes of the role, or with none.
func (r *recalled) assume(ctx context.Context, w *Why, who agent.Agent) error {
	e := &r.rec.entry
	if w.Assumed = true; who.Role == agent.Patient {
		who.Patient = who.Subject
	}
	all, actors := r.asked.Assumed(&who)
	who.Actors = actors
	for _, scopes := range [][]agent.Scope{all, nil} {
		who.Scopes = scopes
		as := r.gate.review(&Call{Agent: who})
		as.now = e.Time
		in := as.input(question{e.Interaction, askedAction(e.Action), e.Type}, scopes)
		if err := r.decideAgain(ctx, w, who, []policy.Input{in}); err != nil || w.Told {
			w.Scopes = len(scopes) > 0
			return err
		}
	}
	return nil
}

// decideAgain puts questions to the policies of then, and tells the answers if they come to
// what the record says.
func (r *recalled) decideAgain(ctx context.Context, w *Why, who agent.Agent, inputs []policy.Input) error {
	gate, _ := r.gate.thenAt(r.rec.entry.Time, r.decider)
	as := gate.review(&Call{Agent: who, Request: r.call.Request, work: r.call.spend()})
	decisions := make([]policy.Decision, len(inputs))
	for i := range inputs {
		if err := r.call.spend().Spend(ctx, store.RowSteps); err != nil {
			return err
		}
		decisions[i] = as.put(ctx, inputs[i])
	}
	could, err := r.couldThen(ctx, &inputs[0], who)
	if err != nil {
		return err
	}
	first := comesTo(&r.rec.entry, decisions, could, w.Assumed)
	if first < 0 {
		return nil
	}
	w.Told, w.Could, w.WhyAnswer = true, could, r.answer(ctx, &inputs[first], decisions[first])
	for i := range inputs {
		switch {
		case i == first:
		case len(w.Others) == mostWhy-1:
			w.More++
		default:
			w.Others = append(w.Others, r.answer(ctx, &inputs[i], decisions[i]))
		}
	}
	return nil
}

func (r *recalled) answer(ctx context.Context, in *policy.Input, d policy.Decision) WhyAnswer {
	a := WhyAnswer{Interaction: in.Interaction, Type: in.Type, Decision: d}
	if p, ok := r.decider.(Placer); ok {
		a.Place, _ = p.PlaceOf(ctx, *in) // without a place nothing is said of one
	}
	return a
}

// comesTo is the decision that made what a record says; -1 if they come to something else.
// Rows, and emergencies, are refused where the policy permits: of a read they are judged
// again, of anything else the record is believed if it keeps what was asked.
func comesTo(e *ledgerbridge.Entry, all []policy.Decision, could *Could, assumed bool) int {
	refused := slices.IndexFunc(all, func(d policy.Decision) bool { return !d.Allow })
	judged := could != nil && could.Lost == ""
	switch {
	case e.Decision == "permit" && refused >= 0:
		return -1
	case e.Decision != "permit" && refused < 0 && (e.Reason == rowRefused || e.Reason == undeclared):
		if judged && (e.Reason == rowRefused && !could.Read || e.Reason == undeclared && could.Refused == undeclared) || !judged && !assumed {
			return 0
		}
		return -1
	}
	return slices.IndexFunc(all, func(d policy.Decision) bool { return d.Allow == (e.Decision == "permit") && d.Reason == e.Reason })
}

// couldThen judges a read again, nil for anything else.
func (r *recalled) couldThen(ctx context.Context, in *policy.Input, who agent.Agent) (*Could, error) {
	ref, err := fhir.ParseRef(r.access.Target)
	if in.Interaction != "read" || err != nil || len(r.access.Patients) == 0 {
		return nil, nil
	}
	patient, err := fhir.ParseRef(r.access.Patients[0])
	if err != nil {
		return nil, nil
	}
	at := r.rec.entry.Time
	if at.After(r.now) { // by the clock of another node
		at = r.now
	}
	could, err := r.couldAs(ctx, &CouldRead{Agent: who, Patient: patient, Ref: ref, At: at, by: r.decider})
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
