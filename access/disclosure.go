package access

import (
	"context"
	"errors"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// Disclosure is what somebody reports to have given to others. The gate has not seen it.
type Disclosure struct {
	Patient   fhir.Ref // whose data
	Consent   fhir.Ref // by which Consent; zero: none is named
	Recipient string   // a reference, or ""
	Detail    string   // what is reported, as a query
}

// RecordDisclosure records a reported disclosure in the change log: an entry of its own, that
// says that it was reported. Who reports it must be able to know the patient; own systems are
// believed, and record also what Consents hide from them.
func (g *Gate) RecordDisclosure(ctx context.Context, c *Call, d Disclosure) error {
	_, err := answer(ctx, g, c, func(r *review) (struct{}, error) { return struct{}{}, r.recordDisclosure(ctx, d) })
	return err
}

func (r *review) recordDisclosure(ctx context.Context, d Disclosure) error {
	r.entry.Query, r.entry.Target = d.Detail, d.Recipient
	r.concern([]string{d.Patient.String()})
	if _, err := r.ask(ctx, question{interaction: "disclosure-record"}); err != nil {
		return err
	}
	if g := r.gate; g.Writable != nil {
		if err := g.Writable(); err != nil {
			return err
		}
	}
	if _, err := r.disclosed(ctx, d.Patient); err != nil {
		return err
	}
	if d.Consent != (fhir.Ref{}) {
		v, err := r.disclosed(ctx, d.Consent)
		if err != nil {
			return err
		}
		if !slices.Contains(v.Facts.Patients, d.Patient.String()) {
			return notFound()
		}
	}
	r.event = true
	return nil
}

// disclosed is a resource that a report names, which must be stored.
func (r *review) disclosed(ctx context.Context, ref fhir.Ref) (*Version, error) {
	if !r.subject.System {
		v, err := r.fetch(ctx, question{"read", "r", ref.Type}, ref, 0)
		if err == nil && v.Deleted {
			err = notFound()
		}
		return v, err
	}
	v, err := r.stored(ctx, ref, 0)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && v.Deleted:
		return nil, notFound()
	case err != nil:
		return nil, unavailable("resource cannot be read", err)
	}
	return &v, nil
}
