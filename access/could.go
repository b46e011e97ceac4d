package access

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// CouldRead is a question about somebody else: could that agent read a resource of a patient?
type CouldRead struct {
	Agent   agent.Agent
	Patient fhir.Ref
	Ref     fhir.Ref
	At      time.Time // when; zero: now
	Scope   string    // of the agent's token; its Agent.Scopes if it is ""
	Detail  string    // the question as a query, for the record

	by Decider // of a record: the policies that it names
}

// Could is the answer, and what it rests on. It has nothing of the resource.
type Could struct {
	Read     bool
	Stored   bool            // there is such a resource, and it is not deleted
	Lost     string          // why the answer is not known any more: policy or purged; then all else is nothing
	Unless   []string        // of a time that is over: what is taken as it is now: labels, identifiers, emergencies
	Decision policy.Decision // what the policy says
	Place    policy.Place    // where it says so; zero if that cannot be told
	Refused  string          // the reason of a refusal that the gate makes: emergency-undeclared
	Mode     string          // how Consents bind: forbids, permits or none
	Masked   []string        // paths of elements that the read would leave out
	Limits   []string        // constraints that hide the resource: types, compartment ...
	Opinions []Opinion       // of the patients whose data it is, if they are asked
}

// Opinion is what the Consents of a patient say.
type Opinion struct {
	Patient, Verdict string
	Consents         []string // that decided
}

// Placer is a policy that can say where it decides a question.
type Placer interface {
	PlaceOf(ctx context.Context, in policy.Input) (policy.Place, error)
}

// CouldRead answers such a question, to those whom the policy lets explain. It is judged by
// reading as that agent, so that it says yes if, and only if, the read would show the
// resource; nothing is shown, and the record, which is that of who asks, names the patients.
func (g *Gate) CouldRead(ctx context.Context, c *Call, asked CouldRead) (*Could, error) {
	return answer(ctx, g, c, func(r *review) (*Could, error) { return r.couldRead(ctx, asked) })
}

func (r *review) couldRead(ctx context.Context, asked CouldRead) (*Could, error) {
	r.entry.Target, r.entry.Query = asked.Ref.String(), asked.Detail
	r.concern([]string{asked.Patient.String()})
	if _, err := r.ask(ctx, question{"explain", "r", ""}); err != nil {
		return nil, err
	}
	if asked.Scope != "" {
		scopes, err := r.gate.CheckScopes(asked.Scope)
		if err != nil {
			return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "The scopes cannot be read: " + err.Error() + ".", Expression: "scope", Err: err}
		}
		asked.Agent.Scopes = scopes
	}
	return r.couldAs(ctx, &asked)
}

// couldAs judges, for who may ask: it reads as the agent.
func (r *review) couldAs(ctx context.Context, asked *CouldRead) (*Could, error) {
	could := &Could{}
	as, past, err := r.standIn(ctx, asked, could)
	if err != nil || as == nil {
		return could, err
	}
	q := question{"read", "r", asked.Ref.Type}
	_, err = as.read(ctx, q, asked.Ref, 0)
	if err != nil && (!isRefusal(err) || errors.Is(err, store.ErrChanged)) {
		return nil, err
	}
	could.Read, could.Decision = err == nil, as.decide(ctx, q)
	if could.Decision.Reason == tooSlow {
		return nil, as.refuse(could.Decision)
	}
	could.Masked = maskedPaths(could.Decision.Obligations, asked.Ref.Type)
	if as.entry.Reason == undeclared {
		could.Refused = undeclared
	}
	if p, ok := as.gate.Policy.(Placer); ok {
		if place, err := p.PlaceOf(ctx, as.input(q, as.scopes(q))); err == nil && place.Revision == could.Decision.Revision {
			could.Place = place
		}
	}
	if err := r.reasons(ctx, as, q, *asked, could); err != nil || past == nil {
		return could, err
	}
	if past.removed { // what decided is not there any more
		return &Could{Lost: "purged"}, nil
	}
	return could, nil
}

// standIn is the review by which an agent is judged who asks nothing: of now or, with the
// store as it was, of a time. It is nil if nobody knows by what was decided then.
func (r *review) standIn(ctx context.Context, asked *CouldRead, could *Could) (as *review, past *then, err error) {
	call := &Call{Agent: asked.Agent, Request: r.call.Request, work: r.call.spend()}
	if asked.At.IsZero() {
		as = r.gate.review(call)
		as.now, as.subject.Now = r.now, r.now
		return as, nil, nil
	}
	if asked.At.After(r.now) {
		return nil, nil, &fhir.Error{Kind: fhir.Invalid, Detail: "Nobody knows who could read it at a time to come.", Expression: "at"}
	}
	known := r.gate.Then
	if known == nil {
		could.Lost = "policy"
		return nil, nil, nil
	}
	decider := asked.by
	if decider == nil {
		if decider, err = known.PolicyAt(ctx, asked.Agent.Organization, asked.At); err != nil {
			return nil, nil, unavailable("the policies of that time cannot be read", err)
		}
	}
	if decider == nil {
		could.Lost = "policy"
		return nil, nil, nil
	}
	gate, past := r.gate.thenAt(asked.At, decider)
	if as = gate.review(call); as.breaking() {
		kept := false
		if past.opened, kept, err = known.EmergenciesAt(ctx, asked.Agent.Mark(), asked.At); err != nil {
			return nil, nil, unavailable("the emergencies of that time cannot be read", err)
		}
		could.unless(!kept, "emergencies")
	}
	if _, err := r.keyed(ctx); err != nil {
		return nil, nil, err
	}
	as.plan = r.plan
	could.unless(r.plan.rules != nil, "labels")
	return as, past, nil
}

func (c *Could) unless(is bool, what string) {
	if is && !slices.Contains(c.Unless, what) {
		c.Unless = append(c.Unless, what)
	}
}

// reasons adds what the stored version is hidden or shown by.
func (r *review) reasons(ctx context.Context, as *review, q question, asked CouldRead, could *Could) error {
	v, err := as.stored(ctx, asked.Ref, 0)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return unavailable("resource cannot be read", err)
	}
	if _, err := as.trace(ctx, &v.Facts); err != nil {
		return err
	}
	r.concern(v.Facts.Whose())
	could.unless(!asked.At.IsZero() && len(v.Facts.Logical) > 0, "identifiers")
	if could.Stored = !v.Deleted; !slices.Contains(v.Facts.Whose(), asked.Patient.String()) {
		return notFound()
	}
	if !could.Decision.Allow || could.Refused != "" {
		return nil
	}
	row := rowOf(&v)
	if err := as.limits(ctx, q, row, could); err != nil {
		return err
	}
	return as.opinions(ctx, row, could)
}

// limits names the constraints that hide a row, each by itself.
func (r *review) limits(ctx context.Context, q question, row store.Row, could *Could) error {
	covered, err := r.inEmergency(ctx, row)
	if err != nil {
		return err
	}
	if !covered {
		could.Limits = append(could.Limits, "emergency")
	}
	c := could.Decision.Constraints
	for _, one := range []struct {
		name string
		only policy.Constraints
	}{
		{"types", policy.Constraints{Types: c.Types}}, {"owner", policy.Constraints{Owner: c.Owner}}, {"labels", policy.Constraints{Labels: c.Labels}},
		{"compartment", policy.Constraints{Compartment: c.Compartment, SharedTypes: c.SharedTypes}},
		{"uncompartmented", policy.Constraints{Uncompartmented: c.Uncompartmented, SharedTypes: c.SharedTypes}},
	} {
		if !within(one.only, q, row) {
			could.Limits = append(could.Limits, one.name)
		}
	}
	if !r.searches(&could.Decision) {
		return nil
	}
	ways, err := r.rights(ctx, q)
	for i := range ways {
		holds, err := r.holds(ctx, &ways[i], row)
		if err != nil || holds {
			return err
		}
	}
	could.Limits = append(could.Limits, "search")
	return err
}

// opinions adds what the Consents say of whose data the row is.
func (r *review) opinions(ctx context.Context, row store.Row, could *Could) error {
	reached, err := r.trace(ctx, row.Facts)
	if err != nil {
		return err
	}
	mode, asks := binding(could.Decision)
	if could.Mode = mode; !asks {
		could.Mode = policy.None
		return nil
	}
	for _, patient := range row.Facts.Whose() {
		if exempt(could.Decision, patient) {
			continue
		}
		v, err := r.consents(ctx, "access", patient, row, reached)
		if err != nil {
			return err
		}
		could.Opinions = append(could.Opinions, Opinion{Patient: patient, Verdict: v.String(), Consents: r.consentsRead[patient]})
	}
	return nil
}
