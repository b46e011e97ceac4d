package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// mostPatients is how many patients' data a resource may be: each is named in the record
// of showing it, and their Consents judge it.
const mostPatients = consent.MostPatients

// stamp makes the new version: id, number and time first, then hash, keys and facts.
func (t *change) stamp(ctx context.Context, s *step) (err error) {
	customs, err := t.keyed(ctx)
	if err != nil {
		return err
	}
	if s.stamped, err = s.Resource.Stamp(s.Ref.ID, s.before.Version+1, t.time(s)); err != nil {
		return err
	}
	if s.index, s.facts, err = customs.Describe(s.stamped, t.gate.Base); err != nil {
		return err
	}
	return t.referrable(s)
}

// replace judges the new version as it will be stored.
func (t *change) replace(ctx context.Context, s *step) (err error) {
	if err := s.able(); err != nil {
		return err
	}
	if err := s.aboutSomebody(); err != nil {
		return err
	}
	if err := t.blind(ctx, s); err != nil {
		return err
	}
	if err := t.traceable(ctx, s); err != nil {
		return err
	}
	t.concern(s.facts.Whose())
	row := store.Row{Ref: s.Ref, Version: s.before.Version + 1, Owner: t.call.Agent.Organization, Facts: &s.facts, Content: written{s.index}}
	if row.Epoch, err = t.today(ctx, s); err != nil {
		return err
	}
	may, err := t.row(ctx, s.question, row)
	if err != nil {
		return err
	}
	if !may {
		return t.refuseRow(forbidden(rowRefused))
	}
	seen, err := t.sees(ctx, s.question, row)
	if err != nil {
		return err
	}
	s.unseen = !seen
	if err := t.valid(ctx, s); err != nil {
		return err
	}
	if err := t.acceptable(ctx, s, row.Epoch); err != nil {
		return err
	}
	if err := t.definable(ctx, s); err != nil {
		return err
	}
	if left, err := t.leave(ctx, s); left || err != nil {
		return err
	}
	s.write = &store.Write{
		Ref: s.Ref, Expect: s.before.Version, LastUpdated: s.stamped.LastUpdated(), Method: s.stored(),
		Owner: row.Owner, Body: s.stamped.Bytes(), Hash: s.stamped.Hash(), Index: s.index, Facts: s.facts,
	}
	s.effect.Status = 200
	if !s.exists || s.before.Deleted {
		s.effect.Status = 201
	}
	return nil
}

// stored is the method of a version: that of a patched one is an update's.
func (s *step) stored() string {
	if s.Method == "PATCH" {
		return "PUT"
	}
	return s.Method
}

// blind notes what the new version refers to without its writer knowing whether it is
// there: what is hidden from the writer counts as absent, now and later, else the writer
// could tell the two apart. Own systems, which record what they cannot see, are believed.
func (t *change) blind(ctx context.Context, s *step) error {
	if t.subject.System || !consent.Leads(&s.facts) {
		return nil
	}
	targets := slices.Concat(s.facts.References, s.facts.Contents)
	for _, target := range targets[:min(len(targets), consent.Furthest)] {
		ref, err := fhir.ParseRef(target)
		if err != nil || t.directory.planned[ref] != nil || s.before.Facts.LeadsTo(target) {
			continue
		}
		seen, err := t.glimpses(ctx, s, ref)
		if err != nil {
			return err
		}
		if !seen {
			s.facts.Blind = append(s.facts.Blind, target)
		}
	}
	return nil
}

// glimpses says whether the writer of a step may know a resource, and records whom that
// concerns.
func (t *change) glimpses(ctx context.Context, s *step, ref fhir.Ref) (bool, error) {
	v, err := t.gate.Store.Get(ctx, ref)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, unavailable("references cannot be followed", err)
	}
	if err := t.concernVersion(ctx, &v); err != nil {
		return false, err
	}
	return t.sees(ctx, s.question, rowOf(&v))
}

// mostInherited is how many patients the resources of one request collect from what they
// lead to.
const mostInherited = 100_000

// traceable finds out whose data the new version is, and refuses one that leads to so much
// that nobody can tell.
func (t *change) traceable(ctx context.Context, s *step) error {
	reached, err := t.trace(ctx, &s.facts)
	if err == nil && reached != nil && reached.More {
		return &fhir.Error{
			Kind:   fhir.Unprocessable,
			Detail: fmt.Sprintf("Nobody can tell whose data this is: the resource is in no patient's compartment and leads to more than %d others or %d patients, or has an identifier that more than %d patients bear. Give it a subject, or split it.", consent.Furthest, mostPatients, consent.MostIdentified),
		}
	}
	if t.inheriting += len(s.facts.Inherited); t.inheriting > mostInherited {
		return &fhir.Error{Kind: fhir.Unprocessable, Detail: "What the resources sent refer to is about more patients than one request may collect (100,000). Send them in parts, or refer to less."}
	}
	return err
}

// today is the consent epoch that a new version is judged by: that of a snapshot of
// this attempt, so that every Consent counts that stood when the attempt began.
func (t *change) today(ctx context.Context, s *step) (epoch int64, err error) {
	if s.exists {
		return s.before.Epoch, nil
	}
	if !t.asked {
		if _, t.snapshot, err = t.gate.Store.Consents(ctx, ""); err != nil {
			return 0, unavailable("consents cannot be read", err)
		}
		t.asked = true
	}
	return t.snapshot, nil
}

// referrable refuses references whose meaning is unclear: references decide about
// compartments.
func (t *change) referrable(s *step) error {
	unclear := func(target string) bool { return conditional(target) || !fhir.PlainReference(target, t.gate.Base) }
	for _, target := range s.facts.References {
		if conditional(target) {
			return &fhir.Error{Kind: fhir.Unprocessable, Expression: s.stamped.ReferencePlace(conditional), Detail: "Conditional references are resolved in transactions only. Refer to the resource by its id."}
		}
		if !fhir.PlainReference(target, t.gate.Base) {
			return &fhir.Error{Kind: fhir.Unprocessable, Expression: s.stamped.ReferencePlace(unclear), Detail: "A reference is neither Type/id, nor an absolute URL in its usual spelling, nor a urn. Write references to this server as Type/id."}
		}
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
