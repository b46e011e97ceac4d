package access

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
)

// Limits of the Consents of one patient: every row of hers is judged by all of them.
const (
	mostConsents = 100    // active ones
	mostCriteria = 20_000 // values of criteria in all of them
)

// aboutSomebody refuses a Consent of which one cannot tell whose it is: it would bind
// nobody.
func (s *step) aboutSomebody() error {
	if s.Ref.Type != "Consent" || len(s.facts.Patients) > 0 {
		return nil
	}
	return &fhir.Error{
		Kind:       fhir.Unprocessable,
		Detail:     "A Consent binds only if it names its patient: give Consent.patient.reference as Patient/id of this server.",
		Expression: "Consent.patient",
	}
}

// acceptable refuses a Consent that exceeds what can be judged: by itself, or together
// with the other ones of its patient.
func (t *change) acceptable(ctx context.Context, s *step, epoch int64) (err error) {
	if s.Ref.Type != "Consent" {
		return nil
	}
	s.consent, err = t.gate.Consents.Compiler.Compile(s.Ref, s.stamped.Version(), s.stamped.Bytes())
	var limit *fhir.Error
	if errors.As(err, &limit) {
		return limit
	}
	if !s.consent.Active {
		return nil
	}
	for _, patient := range s.facts.Patients {
		if err := t.room(ctx, patient, epoch); err != nil {
			return err
		}
	}
	return nil
}

// room refuses one Consent, or one criterion, too many of a patient.
func (t *change) room(ctx context.Context, patient string, epoch int64) error {
	stored, err := t.gate.Consents.Rules(ctx, patient, epoch)
	if err != nil {
		return unavailable("consents cannot be read", err)
	}
	consents, criteria := 0, 0
	count := func(r *consent.Rules) {
		if r.Active {
			consents, criteria = consents+1, criteria+r.Criteria
		}
	}
	for _, r := range stored {
		if t.taken[r.Ref] == nil { // else this change replaces it
			count(r)
		}
	}
	for _, s := range t.steps {
		if s.consent == nil {
			continue
		}
		if _, about := slices.BinarySearch(s.facts.Patients, patient); about {
			count(s.consent)
		}
	}
	switch {
	case consents > mostConsents:
		return tooMany("With this one, the patient would have %d active Consents; %d are allowed. End those that no longer count.", consents, mostConsents)
	case criteria > mostCriteria:
		return tooMany("With this one, the patient's active Consents would have %d values of criteria; %d are allowed. End those that no longer count.", criteria, mostCriteria)
	}
	return nil
}

func tooMany(detail string, number, limit int) error {
	return &fhir.Error{Kind: fhir.Unprocessable, Detail: fmt.Sprintf(detail, number, limit), Expression: "Consent"}
}
