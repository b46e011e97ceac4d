package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// mostPatients is how many patients' data a resource may be: each is named in the record
// of showing it, and their Consents judge it.
const mostPatients = 5000

// stamp makes the new version: id, number and time first, then hash, keys and facts.
func (t *change) stamp(s *step) (err error) {
	if s.stamped, err = s.Resource.Stamp(s.Ref.ID, s.before.Version+1, t.time(s)); err != nil {
		return err
	}
	if s.index, s.facts, err = search.Describe(s.stamped, t.gate.Base); err != nil {
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
	if err := t.inherit(ctx, s); err != nil {
		return err
	}
	if len(s.facts.Patients) > mostPatients {
		return &fhir.Error{Kind: fhir.Unprocessable, Detail: fmt.Sprintf("The resource refers to data of more than %d patients. Split it.", mostPatients)}
	}
	t.concern(s.facts.Patients)
	row := store.Row{Ref: s.Ref, Version: s.before.Version + 1, Owner: t.call.Agent.Organization, Facts: &s.facts}
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
	if err := t.acceptable(ctx, s, row.Epoch); err != nil {
		return err
	}
	s.write = &store.Write{
		Ref: s.Ref, Expect: s.before.Version, LastUpdated: s.stamped.LastUpdated(), Method: s.Method,
		Owner: row.Owner, Body: s.stamped.Bytes(), Hash: s.stamped.Hash(), Index: s.index, Facts: s.facts,
	}
	s.effect.Status = 200
	if !s.exists || s.before.Deleted {
		s.effect.Status = 201
	}
	return nil
}

// mostInherited is how many patients the resources of one request collect from what they
// refer to. A row of resources that refer to one another would collect their square.
const mostInherited = 100_000

// inherit gives a resource in nobody's compartment the patients of what it refers to: a
// Provenance, a List or a Binary about hidden data would reveal it. What is hidden from
// the writer counts as absent, else the writer could tell the two apart; own systems,
// which record what they cannot see, are believed.
func (t *change) inherit(ctx context.Context, s *step) error {
	if s.inherited || len(s.facts.Patients) > 0 {
		return nil
	}
	s.inherited = true
	for _, target := range s.facts.References {
		ref, _, ok := fhir.ParseReference(target, t.gate.Base)
		if !ok {
			continue
		}
		patients, err := t.patientsOf(ctx, s, ref)
		if err != nil {
			return err
		}
		if t.inheriting += len(patients); t.inheriting > mostInherited {
			return &fhir.Error{Kind: fhir.Unprocessable, Expression: s.place(target), Detail: "What the resources sent refer to is about more patients than one request may collect (100,000). Send them in parts, or refer to less."}
		}
		s.facts.Patients = append(s.facts.Patients, patients...)
		if len(s.facts.Patients) < 2*mostPatients {
			continue
		}
		if s.facts.Patients = distinct(s.facts.Patients); len(s.facts.Patients) > mostPatients {
			return nil // enough to refuse it
		}
	}
	s.facts.Patients = distinct(s.facts.Patients)
	return nil
}

func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// patientsOf are the patients of a resource of this change or of the store that a step
// refers to.
func (t *change) patientsOf(ctx context.Context, s *step, ref fhir.Ref) ([]string, error) {
	if other := t.taken[ref]; other != nil && other.stamped != nil {
		err := t.inherit(ctx, other)
		return other.facts.Patients, err
	}
	v, err := t.gate.Store.Get(ctx, ref)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, unavailable("references cannot be followed", err)
	}
	t.concern(v.Facts.Patients)
	if t.subject.System || err != nil {
		return v.Facts.Patients, nil
	}
	if seen, err := t.sees(ctx, s.question, rowOf(&v)); !seen {
		return nil, err
	}
	return v.Facts.Patients, nil
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
