package access

import (
	"context"
	"errors"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// Apply does all operations or none, as one entry of the change log. Operations
// come in the order of fhir.ParseBundle; effects are in the order of ops. Of an
// empty Bundle there is nothing to decide and nothing to record.
func (g *Gate) Apply(ctx context.Context, c *Call, ops []Operation) ([]Effect, error) {
	if len(ops) == 0 {
		return nil, nil
	}
	effects, err := answer(ctx, g, c, func(r *review) ([]Effect, error) { return r.apply(ctx, ops) })
	if err == nil {
		g.definitionsChanged(ctx, ops)
	}
	return effects, err
}

// apply works out a change against the store as it is now: identify, link, decide and
// stamp every step. What it writes is committed with its record.
func (r *review) apply(ctx context.Context, ops []Operation) ([]Effect, error) {
	t := &change{review: r, targets: map[string]string{}, taken: map[fhir.Ref]*step{}, conditions: map[string]bool{}}
	t.guards = store.GuardWork(len(ops))
	t.guards.Of = r.call.spend()
	if err := t.plan(ctx, ops); err != nil {
		if t.transaction() {
			t.notes()
			t.entry.Interaction, t.entry.Action = "transaction", "E"
		}
		return nil, err
	}
	t.recordEffects()
	return t.effects(), nil
}

// notes lets the record say which questions the steps were, as far as they were asked.
func (t *change) notes() {
	for _, s := range t.steps {
		if _, asked := t.decided(s.question); asked {
			t.review.alongside = append(t.review.alongside, s.question)
		}
	}
}

// change is a set of operations being worked out.
type change struct {
	*review
	steps      []*step
	targets    map[string]string  // urn:uuid, full URL or conditional reference -> Type/id
	taken      map[fhir.Ref]*step // what is changed, or found by a conditional create, by which step
	conditions map[string]bool    // Type?criteria that matched nothing
	snapshot   int64              // consent epoch of a snapshot of this attempt, if asked
	asked      bool
	inheriting int         // patients collected from references
	guards     *store.Work // what all conditions may examine together
}

// step is one operation and what became of it.
type step struct {
	*Operation
	question question
	query    *search.Query // of a conditional interaction
	before   Version       // current version, if exists
	exists   bool
	stamped  *fhir.Resource // the new version
	index    *search.Index
	facts    fhir.Facts     // of the new version; of a deleted one those it had
	consent  *consent.Rules // of a Consent that is written
	same     bool           // the new version would be the one before
	length   int            // of the document before
	pinned   bool           // another entry refers to the new version
	draft    *draft         // of the new version, see among
	fresh    bool           // nothing matched the condition, so nothing may be there
	refused  bool           // the resource is hidden: nothing was done, and the answer does not say so
	unseen   bool           // the writer may not see what it has written
	several  bool           // the criteria of the delete match more than one resource, of which this is the first
	further  bool           // one of the others, which has no effect of its own
	write    *store.Write
	effect   Effect
}

// plan runs the phases in order; the first refusal ends it.
func (t *change) plan(ctx context.Context, ops []Operation) error {
	for i := range ops {
		op := ops[i]
		t.steps = append(t.steps, &step{Operation: &op})
	}
	for _, phase := range []func(context.Context, *step) error{t.identify, t.prepare, t.link, t.resolve, t.make, t.foresee, t.judge} {
		for _, s := range t.steps {
			t.turnTo(s)
			if err := phase(ctx, s); err != nil {
				return s.at(err)
			}
		}
	}
	for _, s := range t.steps {
		if s.write != nil {
			t.review.change.Writes = append(t.review.change.Writes, *s.write)
		}
	}
	if t.writes() { // also of a change that only deletes
		customs, err := t.keyed(ctx)
		if err != nil {
			return err
		}
		t.review.change.Plan = customs.Plan()
	}
	return t.writable()
}

// turnTo lets the record be about a step: if it fails, that is what was refused.
func (t *change) turnTo(s *step) {
	if d, asked := t.decided(s.question); asked {
		t.begin(s.question, d)
	}
	t.entry.Target = ""
	if s.Ref.ID != "" && s.Method != "POST" {
		t.entry.Target = s.Ref.String()
	}
}

// writable refuses changes while the node takes none.
func (t *change) writable() error {
	if t.gate.Writable == nil || !t.writes() {
		return nil
	}
	return t.gate.Writable()
}

// transaction says whether the operations are entries of a Bundle.
func (t *change) transaction() bool { return t.steps[0].Expression != "" }

// prepare decides about the version that is there, and deletes or patches it.
func (t *change) prepare(ctx context.Context, s *step) error {
	if s.done() || s.Method == "GET" {
		return nil
	}
	err := t.before(ctx, s)
	switch {
	case err != nil || s.done():
	case s.Method == "DELETE":
		err = t.remove(s)
	case s.Method == "PATCH":
		err = t.patched(ctx, s)
	}
	s.length, s.before.Body = len(s.before.Body), nil // a Bundle may name very many
	return err
}

// make stamps the new version.
func (t *change) make(ctx context.Context, s *step) error {
	if s.Resource == nil || s.done() {
		return nil
	}
	if err := t.stamp(ctx, s); err != nil {
		return err
	}
	s.same = s.unchanged(t.call.Agent.Organization)
	return nil
}

// foresee lets what the step writes count for what leads to it.
func (t *change) foresee(_ context.Context, s *step) error {
	if s.stamped != nil || s.write != nil {
		remember(&t.directory.planned, s.Ref, s)
	}
	return nil
}

// judge decides about the new version as it will be stored, or reads.
func (t *change) judge(ctx context.Context, s *step) error {
	switch {
	case s.done():
		return nil
	case s.Method == "GET":
		return t.get(ctx, s)
	}
	return t.replace(ctx, s)
}

// done says that nothing is left to do: a conditional create found its resource,
// a delete is worked out.
func (s *step) done() bool { return s.effect.Status != 0 }

// before judges the current version. Hidden answers like absent.
func (t *change) before(ctx context.Context, s *step) error {
	if s.Method == "POST" {
		return nil
	}
	v, err := t.gate.Store.Get(ctx, s.Ref)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return unavailable("resource cannot be read", err)
	}
	if err == nil { // also when the step moves the resource away from them
		if err := t.concernVersion(ctx, &v); err != nil {
			return err
		}
	}
	s.before, s.exists = v, err == nil
	if !s.exists {
		return t.absent(ctx, s)
	}
	may, err := t.mayChange(ctx, s, &v)
	switch {
	case err != nil:
		return err
	case !may:
		return t.withheld(ctx, s)
	}
	if err := t.wholeInside(ctx, s); err != nil {
		return err
	}
	switch {
	case s.Method == "PATCH" && v.Deleted:
		return gone()
	case s.fresh && !v.Deleted:
		return &fhir.Error{Kind: fhir.Conflict, Detail: "Nothing matches the criteria, but the id of the resource sent is in use. Choose another one."}
	case s.IfNone && !v.Deleted:
		return versionMismatch()
	case !s.IfMatch.Allows(v.Version, v.Deleted):
		return versionMismatch()
	}
	return nil
}

// absent is what becomes of a step whose resource is not there.
func (t *change) absent(ctx context.Context, s *step) error {
	switch {
	case s.Method == "DELETE" && s.IfMatch != nil:
		return versionMismatch()
	case s.Method == "DELETE":
		s.effect.Status = 204
		return nil
	case s.Method == "PUT" && t.choosesIDs(ctx, s.question) && s.IfMatch == nil:
		return nil
	}
	return notFound()
}

// withheld is what becomes of a step whose resource the caller may not change: as if it
// were absent, unless the caller knows better. Nothing is done either way.
func (t *change) withheld(ctx context.Context, s *step) error {
	if s.Method == "DELETE" || t.narrowed(ctx, s.question) {
		seen, err := t.row(ctx, question{"read", "r", s.Ref.Type}, rowOf(&s.before))
		switch {
		case err != nil:
			return err
		case seen:
			return t.refuseRow(forbidden(rowRefused))
		}
	}
	if s.Method != "DELETE" {
		return t.refuseRow(notFound())
	}
	s.refused = true
	return t.refuseRow(t.absent(ctx, s))
}

// choosesIDs says whether the caller creates under ids of its own choice, and so learns
// which are taken: an own system from which nothing of the type is hidden when it writes.
func (t *change) choosesIDs(ctx context.Context, q question) bool {
	d := t.decide(ctx, q)
	c := d.Constraints
	return t.subject.System && d.Consent != policy.Permits && c.Compartment == "" && c.Owner == "" && c.Author == "" && c.Uncompartmented == nil && len(c.Labels) == 0 && !t.narrowed(ctx, q)
}

// remove makes the tombstone; deleting what is deleted changes nothing.
func (t *change) remove(s *step) error {
	s.facts = s.before.Facts
	s.effect.Status = 204
	if s.before.Deleted {
		return nil
	}
	s.write = &store.Write{
		Ref: s.Ref, Expect: s.before.Version, LastUpdated: t.time(s), Deleted: true,
		Method: "DELETE", Owner: t.call.Agent.Organization, Facts: s.facts,
	}
	return nil
}

func (t *change) effects() []Effect {
	all := make([]Effect, 0, len(t.steps))
	for _, s := range t.steps {
		if s.further {
			continue
		}
		if s.write != nil && !s.several {
			v := s.version()
			if s.unseen {
				v.Body = nil
			}
			s.effect.Version = &v
		}
		all = append(all, s.effect)
	}
	return all
}

// version is the new version a step writes.
func (s *step) version() Version {
	w := s.write
	return Version{
		Ref: w.Ref, Version: w.Expect + 1, LastUpdated: w.LastUpdated, Deleted: w.Deleted,
		Method: w.Method, Owner: w.Owner, Body: w.Body, Hash: w.Hash, Facts: s.facts,
	}
}

// at puts the place of the entry before the place that an error names.
func (s *step) at(err error) error {
	var known *fhir.Error
	if s.Expression == "" || !errors.As(err, &known) {
		return err
	}
	return known.At(s.Expression)
}
