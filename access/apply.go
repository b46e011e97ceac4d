package access

import (
	"context"
	"errors"
	"time"

	"github.com/aceso-health/aceso/fhir"
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
		return nil, t.recordRefusal(err)
	case len(t.writes()) == 0:
		err = t.recordReads()
	default:
		err = t.commit()
	}
	if err != nil {
		return nil, err
	}
	return t.effects(), nil
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
	question question
	query    *fhir.Query // of a conditional interaction
	matches  []Version   // of the query; two if there are more
	before   Version     // current version, if exists
	exists   bool
	facts    fhir.Facts // of the new version; of a deleted one those it had
	write    *store.Write
	effect   Effect
}

// plan runs the phases in order; the first refusal ends it.
func (t *change) plan(ops []Operation) error {
	for i := range ops {
		op := ops[i]
		t.steps = append(t.steps, &step{Operation: &op})
	}
	for _, phase := range []func(*step) error{t.identify, t.link, t.work} {
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

// work decides about one operation and, if it writes, stamps the new version.
func (t *change) work(s *step) error {
	if s.Ref.Type == "AuditEvent" && s.Method != "GET" {
		return &fhir.Error{Kind: fhir.NotAllowed, Detail: "AuditEvents are made from the records and cannot be written or deleted."}
	}
	if p := t.request(s.question); !p.Allow {
		return forbidden(p.Reason)
	}
	if s.effect.Status != 0 { // a conditional create that found its resource
		return nil
	}
	if s.Method == "GET" {
		return t.read(s)
	}
	if err := t.before(s); err != nil {
		return err
	}
	if s.Method == "DELETE" {
		return t.remove(s)
	}
	return t.replace(s)
}

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
	system := t.call.Agent.Role == System
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

// replace stamps the new version, hashes it, and judges it as it will be stored.
func (t *change) replace(s *step) error {
	when := t.time(s)
	res, err := s.Resource.Stamp(s.Ref.ID, s.before.Version+1, when)
	if err != nil {
		return err
	}
	index, facts, err := res.Describe(t.gate.Base)
	if err != nil {
		return err
	}
	s.facts = facts
	if err := t.referrable(s.facts.References); err != nil {
		return err
	}
	row := store.Row{Ref: s.Ref, Version: s.before.Version + 1, Owner: t.call.Agent.Organization, Facts: &s.facts}
	if row.Epoch, err = t.today(s); err != nil {
		return err
	}
	may, err := t.row(s.question, row)
	if err != nil {
		return err
	}
	if !may {
		return forbidden("row-refused")
	}
	if err := t.acceptable(res); err != nil {
		return err
	}
	s.write = &store.Write{
		Ref: s.Ref, Expect: s.before.Version, LastUpdated: when, Method: s.Method,
		Owner: row.Owner, Body: res.Bytes(), Hash: res.Hash(), Index: index, Facts: s.facts,
	}
	s.effect.Status = 200
	if !s.exists || s.before.Deleted {
		s.effect.Status = 201
	}
	return nil
}

// today is the consent epoch by which a new version is judged: that of a snapshot
// of this attempt, so that every Consent counts that was there when it began.
func (t *change) today(s *step) (epoch int64, err error) {
	if s.exists {
		return s.before.Epoch, nil
	}
	if !t.asked {
		if _, t.epoch, err = t.gate.Store.Consents(t.ctx, ""); err != nil {
			return 0, unavailable("consents cannot be read", err)
		}
		t.asked = true
	}
	return t.epoch, nil
}

// referrable refuses references of which it would be unclear what they mean: they
// decide about compartments.
func (t *change) referrable(targets []string) error {
	for _, target := range targets {
		if conditional(target) {
			return &fhir.Error{Kind: fhir.Unprocessable, Detail: "Conditional references are resolved in transactions only. Refer to the resource by its id."}
		}
		if !fhir.PlainReference(target, t.gate.Base) {
			return &fhir.Error{Kind: fhir.Unprocessable, Detail: "A reference is neither Type/id, nor an absolute URL in its usual spelling, nor a urn. Write references to this server as Type/id."}
		}
	}
	return nil
}

// acceptable refuses a Consent that exceeds what can be judged.
func (t *change) acceptable(res *fhir.Resource) error {
	if res.Type() != "Consent" {
		return nil
	}
	_, err := t.gate.Consents.Compiler.Compile(fhir.Ref{Type: "Consent", ID: res.ID()}, res.Version(), res.Bytes())
	var limit *fhir.Error
	if errors.As(err, &limit) {
		return limit
	}
	return nil
}

// time is now in the resolution of FHIR instants, never before the last version.
func (t *change) time(s *step) time.Time {
	now := t.now.UTC().Truncate(time.Millisecond)
	if s.exists && now.Before(s.before.LastUpdated) {
		return s.before.LastUpdated
	}
	return now
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
