package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// review is one attempt at a request: how it is judged, and the record that is filled on
// the way. It keeps the policy's decision per question, and evaluates the Consents of each
// patient per row. Nothing of it outlives the attempt.
type review struct {
	gate         *Gate
	call         *Call
	now          time.Time
	subject      consent.Subject
	directory    *directory
	caller       *identity // once identified
	decisions    []decision
	granular     bool                 // some scope of the caller has search parameters
	ways         map[question][]right // see rights
	granted      bool                 // the grant of the token stands ...
	grantEpoch   int64                // ... as of this epoch
	emergencies  *emergencies         // that the caller has declared, once asked
	consentsRead map[string][]string  // patient -> Consents that decided; a key for each patient whose Consents were read
	epoch        int64                // the lowest consent epoch of the rows judged
	everybody    bool                 // the Consents of all patients were asked
	would        *supposed            // a simulation's
	plan         *customPlan          // of search keys, once asked
	sights       map[sighting]*store.Sight
	lookups      int              // to make them
	traced       *fhir.Facts      // the last that trace was asked about ...
	reached      *consent.Reached // ... and what it found

	leads      *store.Work // what it may cost to follow conditions to the patients they lead to
	turnedAway bool        // a search had no turn

	entry     ledgerbridge.Draft     // the record
	parts     map[string]int         // patient -> place in entry.Patients, if there are many
	mentioned []string               // patients that the request names
	looked    int                    // resources looked up because the request names them
	followed  int                    // conditions followed to the patients they lead to
	given     []Version              // about which a refusal tells something
	asked     []*search.Query        // all criteria that the request evaluates
	queries   []string               // those of a transaction, for the record
	masked    []string               // types of the documents that were masked
	answered  map[*search.Query]bool // those of them of which the store has said whom they select: anybody?
	concerned concerned
	change    store.Change       // what is committed with the record
	event     bool               // of the authorization server: its record is in the change log
	final     bool               // the record no longer rests on what was judged, see instead
	held      int64              // bytes of stored documents that the answer carries
	policed   question           // whose decision the record has
	alongside []question         // the others, of a record about several
	with      ledgerbridge.Input // what the policy was asked with
	unasked   bool               // the decision is not the policy's
}

// hold adds bytes of documents to those that the answer carries, if there is memory for
// them. It counts what the caller may see: its refusal tells nothing of anything else.
func (r *review) hold(bytes int64) error {
	r.held += bytes
	if r.call.Hold == nil {
		return nil
	}
	return r.call.Hold(r.held)
}

// question is what the policy is asked, once per attempt.
type question struct{ interaction, action, typ string }

// writes says whether more is asked than to know something.
func (q question) writes() bool { return q.action != "r" && q.action != "s" }

func (g *Gate) review(c *Call) *review {
	now, a := g.Now(), &c.Agent
	d := newDirectory(g.Store, g.Base)
	own := a.Organization == g.Organization
	r := &review{
		gate: g, call: c, now: now, directory: d, granular: slices.ContainsFunc(a.Scopes, func(s agent.Scope) bool { return s.Query != "" }),
		subject: consent.Subject{
			Actors: a.Actors, Purpose: a.Purpose, Guest: !own,
			System: own && a.Role == agent.System && agent.PurposeFamily(a.Purpose) != agent.Research,
			House:  "Organization/" + g.Organization, Directory: d, Now: now,
		},
		entry: ledgerbridge.Draft{
			Agent: a.Subject, Name: a.Name, Role: a.Role, Address: c.Address,
			Organization: a.Organization, Client: a.Client, Purpose: a.Purpose, Request: c.Request,
		},
	}
	d.label = r.label
	return r
}

// ask decides what the request is about, whether the caller may do this to this type at
// all, and begins the record with it. decide is for questions on the way.
func (r *review) ask(ctx context.Context, q question) (policy.Decision, error) {
	d := r.decide(ctx, q)
	r.begin(q, d)
	if err := r.stands(ctx, 0); err != nil {
		return d, err
	}
	if !d.Allow {
		return d, r.refuse(d)
	}
	if err := r.mustHaveDeclared(ctx); err != nil {
		return d, err
	}
	return d, r.identify(ctx)
}

// decide asks what the scopes of the caller permit; put is the only place that asks the
// policy engine.
func (r *review) decide(ctx context.Context, q question) policy.Decision {
	if d, ok := r.decided(q); ok {
		return d
	}
	d := r.decideBy(ctx, q, r.scopes(q))
	r.decisions = append(r.decisions, decision{q, d})
	return d
}

// decideBy asks what scopes permit.
func (r *review) decideBy(ctx context.Context, q question, scopes []agent.Scope) policy.Decision {
	return r.put(ctx, r.input(q, scopes))
}

// put puts a question to the policy engine.
func (r *review) put(ctx context.Context, in policy.Input) policy.Decision {
	d, err := r.gate.Policy.Decide(ctx, in)
	if errors.Is(err, policy.ErrDeadline) { // one retry: the machine may just be busy
		d, err = r.gate.Policy.Decide(ctx, in)
	}
	if err != nil {
		r.gate.Log.Error("policy evaluation failed: nothing is shown", "request", r.call.Request, "error", err)
		d = policy.Decision{Reason: "policy-error", Revision: d.Revision}
	}
	if errors.Is(err, policy.ErrDeadline) {
		d.Reason = tooSlow
	}
	return d
}

// input is what the policy sees of a question.
func (r *review) input(q question, scopes []agent.Scope) policy.Input {
	a := &r.call.Agent
	return policy.Input{
		Agent: policy.Agent{
			Subject: a.Subject, Role: a.Role, Organization: a.Organization,
			Patient: a.Patient, Client: a.Client, Scopes: scopes,
		},
		Purpose: a.Purpose, Interaction: q.interaction, Action: q.action, Type: q.typ,
		Node: policy.Node{Organization: r.gate.Organization}, Now: r.now.UTC().Format(time.RFC3339),
	}
}

// decision is what the policy has said; a request asks few questions.
type decision struct {
	question
	policy.Decision
}

// decided is what the policy has said to a question of this attempt.
func (r *review) decided(q question) (policy.Decision, bool) {
	for i := range r.decisions {
		if r.decisions[i].question == q {
			return r.decisions[i].Decision, true
		}
	}
	return policy.Decision{}, false
}

// tooSlow is the reason of a decision that was not reached in time: it denies, but
// the caller may try again.
const tooSlow = "policy-timeout"

// row says whether the caller may know (or, for a write, touch) this version.
// It is the one function that decides about data.
func (r *review) row(ctx context.Context, q question, row store.Row) (bool, error) {
	return r.mayBe(ctx, q, row, r.actions(q))
}

// mayBe is row for some actions in the words of Consents.
func (r *review) mayBe(ctx context.Context, q question, row store.Row, actions []string) (bool, error) {
	d := r.decide(ctx, q)
	if d.Reason == tooSlow { // not decided is not hidden: the answer is 503
		return false, r.refuse(d)
	}
	if !d.Allow {
		return false, nil
	}
	if _, err := r.trace(ctx, row.Facts); err != nil {
		return false, err
	}
	if covered, err := r.inEmergency(ctx, row); !covered || err != nil {
		return false, err
	}
	if r.searches(&d) {
		return r.mayBeInSomeWay(ctx, q, row, actions)
	}
	if !within(d.Constraints, q, row) {
		return false, nil
	}
	return r.agreed(ctx, d, actions, row)
}

// sees says whether Consents let the caller, who may write this type, know the row.
func (r *review) sees(ctx context.Context, q question, row store.Row) (bool, error) {
	return r.agreed(ctx, r.decide(ctx, q), []string{"access"}, row)
}

// agreed says whether the Consents of all patients whose data a row is let the caller do
// all of actions.
func (r *review) agreed(ctx context.Context, d policy.Decision, actions []string, row store.Row) (bool, error) {
	reached, err := r.trace(ctx, row.Facts)
	if err != nil {
		return false, err
	}
	mode, asks := binding(d)
	if !asks {
		return true, nil
	}
	if reached != nil && reached.More { // anybody's Consent may bind it
		return false, nil
	}
	verdicts := make([]consent.Verdict, 0, 2)
	for _, patient := range row.Facts.Whose() {
		if exempt(d, patient) {
			continue
		}
		for _, action := range actions {
			v, err := r.consents(ctx, action, patient, row, reached)
			if err != nil {
				return false, err
			}
			verdicts = append(verdicts, v)
		}
	}
	if len(verdicts) == 0 { // no Consent applies: the constraints have decided
		return true, nil
	}
	return consent.Combine(mode, verdicts), nil
}

// binding is how Consents bind, and whether they are asked at all. A compartment exempts its
// own patient only; every other one must permit.
func binding(d policy.Decision) (mode string, asks bool) {
	if d.Consent != policy.None {
		return d.Consent, true
	}
	return policy.Permits, d.Constraints.Compartment != ""
}

// exempt says whether a patient's Consents are not asked.
func exempt(d policy.Decision, patient string) bool {
	return d.Consent == policy.None && patient == d.Constraints.Compartment
}

// consents evaluates all Consents of one patient about doing something to the row.
func (r *review) consents(ctx context.Context, action, patient string, row store.Row, reached *consent.Reached) (consent.Verdict, error) {
	if err := r.restsOn(ctx, row.Epoch); err != nil {
		return consent.Deny, err
	}
	decisive := r.consentsRead[patient]
	r.consentsRead[patient] = decisive
	rules, err := r.rules(ctx, patient, row.Epoch)
	if err != nil {
		return consent.Deny, unavailable("consents cannot be read", err)
	}
	s := r.subject
	s.Action, s.Reached, s.BreakGlass = action, reached, r.breaksGlass(patient)
	r.directory.ctx = ctx
	v, decided, _ := consent.Evaluate(rules, s, row.Facts)
	if err := r.directory.err; err != nil {
		return consent.Deny, unavailable("consents cannot be read", err)
	}
	for _, d := range decided {
		if !slices.Contains(decisive, d) {
			decisive = append(decisive, d)
			r.consentsRead[patient] = decisive
		}
	}
	return v, nil
}

// rules are those of a patient's Consents; of a simulation, as they would be.
func (r *review) rules(ctx context.Context, patient string, epoch int64) ([]*consent.Rules, error) {
	if r.would != nil && r.would.patient == patient {
		return r.would.rules, nil
	}
	return r.gate.Consents.Rules(ctx, patient, epoch)
}

// restsOn notes that the answer rests on Consents as of an epoch, and on who the caller is.
func (r *review) restsOn(ctx context.Context, epoch int64) error {
	if r.consentsRead == nil {
		r.consentsRead, r.epoch = map[string][]string{}, epoch
	}
	r.epoch = min(r.epoch, epoch)
	if err := r.stands(ctx, epoch); err != nil {
		return err
	}
	return r.stillIs(ctx, epoch)
}

// actions are what a request does in the words of Consents
// (http://terminology.hl7.org/CodeSystem/consentaction). Who changes a resource must be
// one who may see it; the house's own systems need not.
func (r *review) actions(q question) []string {
	switch q.action {
	case "c":
		return []string{"collect"}
	case "u", "d":
		if r.subject.System {
			return []string{"correct"}
		}
		return []string{"correct", "access"}
	}
	return []string{"access"}
}

// visible is the visibility function for one interaction: the same judgement for
// matches, chains, _has, includes and sort.
func (r *review) visible(ctx context.Context, interaction, action string) store.Visible {
	return func(row store.Row) (bool, error) {
		return r.row(ctx, question{interaction, action, row.Ref.Type}, row)
	}
}

// within applies the policy's constraints to a row. Shared types are for everyone where
// they are in no compartment; without a list of Uncompartmented all types may be. Whom an
// identifier may name has no right to the row by that.
func within(c policy.Constraints, q question, row store.Row) bool {
	patients := row.Facts.Patients
	if len(row.Facts.Inherited) > 0 {
		patients = slices.Concat(patients, row.Facts.Inherited)
	}
	shared := len(patients) == 0 && slices.Contains(c.SharedTypes, row.Ref.Type)
	switch {
	case len(c.Types) > 0 && !slices.Contains(c.Types, row.Ref.Type):
		return false
	case c.Owner != "" && row.Owner != c.Owner:
		return false
	case len(c.Labels) > 0 && consent.Bars(c.Labels, row.Facts.AllLabels()):
		return false
	case c.Compartment != "" && !shared && !slices.Contains(patients, c.Compartment):
		return false
	case c.Author != "" && q.writes() && !slices.Contains(row.Facts.Authors, c.Author):
		return false
	case len(patients) == 0 && !shared && c.Uncompartmented != nil && !slices.Contains(c.Uncompartmented, row.Ref.Type):
		return false
	}
	return true
}

// check judges what the store has found once more before it is shown, so that a fault of
// the store cannot leak data.
func (r *review) check(ctx context.Context, q question, versions ...[]Version) error {
	for _, list := range versions {
		for i := range list {
			v := &list[i]
			may, err := r.row(ctx, question{q.interaction, q.action, v.Ref.Type}, rowOf(v))
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
	return store.Row{Ref: v.Ref, Version: v.Version, Owner: v.Owner, Deleted: v.Deleted, Facts: &v.Facts, Epoch: v.Epoch, Content: (*content)(v)}
}
