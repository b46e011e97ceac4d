package access

import (
	"cmp"
	"context"
	"errors"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// maximumAttempts bounds how often a change is worked out again because what it
// rests on changed meanwhile.
const maximumAttempts = 8

// Apply does all operations or none, as one entry of the change log. Operations
// come in the order of fhir.ParseBundle; effects are in the order of ops. Of an
// empty Bundle there is nothing to decide and nothing to record.
func (g *Gate) Apply(ctx context.Context, c *Call, ops []Operation) ([]Effect, error) {
	if len(ops) == 0 {
		return nil, nil
	}
	if g.Writable != nil {
		if err := g.Writable(); err != nil {
			return nil, err
		}
	}
	effects, err := g.attempt(ctx, c, ops)
	if !errors.Is(err, store.ErrChanged) {
		return effects, err
	}
	select { // those who lost a race try again one by one, or they would race each other on and on
	case g.again <- struct{}{}:
		defer func() { <-g.again }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for range maximumAttempts {
		if effects, err = g.attempt(ctx, c, ops); !errors.Is(err, store.ErrChanged) {
			return effects, err
		}
	}
	return nil, &fhir.Error{Kind: fhir.Conflict, Detail: "The resources concerned are being changed by others. Read them again and repeat."}
}

// attempt works out a change against the store as it is now: identify, link,
// decide and stamp every step, then commit them with their record.
func (g *Gate) attempt(ctx context.Context, c *Call, ops []Operation) ([]Effect, error) {
	t := &change{review: g.review(ctx, c), targets: map[string]string{}, taken: map[fhir.Ref]*step{}, conditions: map[string]bool{}}
	err := t.plan(ops)
	switch {
	case err != nil && !isRefusal(err):
		return nil, err
	case err != nil:
		if err = t.recordRefusal(err); isRefusal(err) {
			err = cmp.Or(t.standing(), err)
		}
	case len(t.writes()) == 0:
		if err = t.recordReads(); err == nil {
			err = t.standing()
		}
	default:
		err = t.commit()
	}
	if err != nil {
		return nil, err
	}
	return t.effects(), nil
}

// standing is ErrChanged if Consents that decided have changed meanwhile.
func (t *change) standing() error {
	again, err := t.overtaken()
	if again {
		return store.ErrChanged
	}
	return err
}

// change is a set of operations being worked out.
type change struct {
	*review
	steps      []*step
	targets    map[string]string  // urn:uuid, full URL or conditional reference -> Type/id
	taken      map[fhir.Ref]*step // what is changed, or found by a conditional create, by which step
	conditions map[string]bool    // Type?criteria that matched nothing
	guards     []store.Guard
	current    *step // being worked on
	epoch      int64 // consent epoch of a snapshot of this attempt, if asked
	asked      bool
}

// step is one operation and what became of it.
type step struct {
	*Operation
	question  question
	query     *search.Query // of a conditional interaction
	matches   []Version     // of the query; two if there are more
	before    Version       // current version, if exists
	exists    bool
	stamped   *fhir.Resource // the new version
	index     *search.Index
	facts     fhir.Facts // of the new version; of a deleted one those it had
	inherited bool       // patients of what it refers to have been looked for
	write     *store.Write
	effect    Effect
}

// plan runs the phases in order; the first refusal ends it.
func (t *change) plan(ops []Operation) error {
	for i := range ops {
		op := ops[i]
		t.steps = append(t.steps, &step{Operation: &op})
	}
	for _, phase := range []func(*step) error{t.identify, t.link, t.prepare, t.judge} {
		for _, s := range t.steps {
			t.current = s
			if err := phase(s); err != nil {
				return at(s.Expression, err)
			}
		}
	}
	return nil
}

// transaction says whether the operations are entries of a Bundle.
func (t *change) transaction() bool { return t.steps[0].Expression != "" }

// prepare decides whether the operation may be asked at all and about the version
// that is there, and stamps the new one.
func (t *change) prepare(s *step) error {
	if s.Ref.Type == "AuditEvent" && s.Method != "GET" {
		return &fhir.Error{Kind: fhir.NotAllowed, Detail: "AuditEvents are made from the records and cannot be written or deleted."}
	}
	if p := t.request(s.question); !p.Allow {
		return forbidden(p.Reason)
	}
	if s.settled() || s.Method == "GET" {
		return nil
	}
	if err := t.before(s); err != nil {
		return err
	}
	if s.Method == "DELETE" {
		return t.remove(s)
	}
	return t.stamp(s)
}

// judge decides about the new version as it will be stored, or reads.
func (t *change) judge(s *step) error {
	switch {
	case s.settled():
		return nil
	case s.Method == "GET":
		return t.read(s)
	}
	return t.replace(s)
}

// settled says that nothing is left to do: a conditional create found its resource,
// a delete is worked out.
func (s *step) settled() bool { return s.effect.Status != 0 }

// before judges the current version. Hidden answers like absent, but for role
// system, which may choose ids and therefore must learn that one is taken.
func (t *change) before(s *step) error {
	if s.Method == "POST" {
		return nil
	}
	v, err := t.gate.Store.Get(t.ctx, s.Ref)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return unavailable("resource cannot be read", err)
	}
	s.before, s.exists = v, err == nil
	system := t.call.Agent.Role == agent.System
	if !s.exists {
		if s.Method == "PUT" && (system || s.Conditional) && s.IfMatch == 0 {
			return nil
		}
		return notFound()
	}
	may, err := t.row(s.question, rowOf(&v))
	switch {
	case err != nil:
		return err
	case !may && system:
		return &fhir.Error{Kind: fhir.Conflict, Detail: "This id is in use. Choose another one."}
	case !may:
		return notFound()
	case s.IfMatch != 0 && s.IfMatch != v.Version:
		return &fhir.Error{Kind: fhir.VersionMismatch, Detail: "The resource has another version than If-Match says. Read it again."}
	}
	return nil
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

func (t *change) writes() []store.Write {
	var all []store.Write
	for _, s := range t.steps {
		if s.write != nil {
			all = append(all, *s.write)
		}
	}
	return all
}

func (t *change) effects() []Effect {
	all := make([]Effect, len(t.steps))
	for i, s := range t.steps {
		if s.write != nil {
			v := s.version()
			s.effect.Version = &v
		}
		all[i] = s.effect
	}
	return all
}

// version is the new version a step writes.
func (s *step) version() Version {
	w := s.write
	return Version{
		Ref: w.Ref, Version: w.Expect + 1, LastUpdated: w.LastUpdated, Deleted: w.Deleted,
		Method: w.Method, Owner: w.Owner, Body: w.Body, Hash: w.Hash, Facts: w.Facts,
	}
}
