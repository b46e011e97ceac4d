package access

import (
	"context"
	"errors"
	"fmt"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// The limits of whom a record names without disclosing anything of them.
const (
	mostConcerned = 100  // patients of a record
	singledOut    = 10   // patients whom a condition leads to; a broader one is about nobody in particular
	mostFollowed  = 200  // chains, _has and negations of a request that are followed to those they lead to
	mostRead      = 2000 // resources that are read to follow one
)

// concern records the patients concerned, whether or not their data are disclosed.
func (r *review) concern(patients []string) {
	for _, patient := range patients {
		if _, known := r.parts[patient]; !known && len(r.entry.Patients) >= mostConcerned {
			patient = ledgerbridge.Everyone
		}
		r.part(patient)
	}
}

// concernSelected records the patients whose data a search selected: those that the
// caller may see, counted ones included, and the hidden ones if the question singles out
// few. Otherwise the question is a broad one.
func (r *review) concernSelected(s store.Selected) {
	r.concern(s.Visible)
	switch {
	case len(s.Hidden) == 0 && len(s.Visible) < store.SelectedLimit:
	case len(s.Visible)+len(s.Hidden) <= singledOut:
		r.concern(s.Hidden)
	default:
		r.part(ledgerbridge.Everyone)
	}
}

// asks notes criteria that the request evaluates: the patients whom they name or lead to
// are concerned whatever the answer is, also when it is a refusal.
func (r *review) asks(q *search.Query) {
	r.mention(q.Patients)
	r.asked = append(r.asked, q)
}

// mention notes patients that the request names.
func (r *review) mention(patients []string) { r.mentioned = append(r.mentioned, patients...) }

// concernAsked records the patients whom the request names and singles out. A target that
// was refused before it was read names those whose data it is.
func (r *review) concernAsked(ctx context.Context, failed error) error {
	defer r.follow()()
	refused := kindOf(failed) == fhir.Forbidden
	if target, err := fhir.ParseRef(r.entry.Target); err == nil && refused {
		if err := r.concernStored(ctx, target, ""); err != nil {
			return err
		}
	}
	if err := r.concernNamed(ctx, r.mentioned); err != nil {
		return err
	}
	for _, q := range r.asked {
		if err := r.concernLed(ctx, q.Type, q.Where); err != nil {
			return err
		}
		if !refused {
			continue // the search has told
		}
		if err := r.concernFew(ctx, q.Type, q.Where); err != nil {
			return err
		}
	}
	return nil
}

// concernNamed records the patients named that exist. Names that nobody bears get no
// part, so that nobody can make keys for patients that do not exist.
func (r *review) concernNamed(ctx context.Context, patients []string) error {
	for i, patient := range patients {
		ref, err := fhir.ParseRef(patient)
		if err != nil {
			continue
		}
		if i >= mostConcerned { // up to here names come before all who were found
			patient = ""
		}
		if err := r.concernStored(ctx, ref, patient); err != nil {
			return err
		}
	}
	return nil
}

// concernStored records the patients of a resource that is stored, and patient.
func (r *review) concernStored(ctx context.Context, ref fhir.Ref, patient string) error {
	v, err := r.gate.Store.Get(ctx, ref)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the patients concerned: %w", err)
	}
	if patient != "" {
		r.part(patient)
	}
	r.concern(v.Facts.Patients)
	return nil
}

// concernLed records the patients whom the chains and _has of a query on a type lead
// through, and whom it excludes. "The patient with this number" is concerned even if
// nothing of hers matches, or nothing may be seen.
func (r *review) concernLed(ctx context.Context, typ string, where search.Condition) error {
	switch c := where.(type) {
	case search.All:
		return r.concernLedAll(ctx, typ, c)
	case search.Any:
		return r.concernLedAll(ctx, typ, c)
	case search.Not:
		return r.concernThrough(ctx, []string{typ}, c.C)
	case search.Chain:
		return r.concernThrough(ctx, c.Types, c.Where)
	case search.Reverse:
		return r.concernThrough(ctx, []string{c.Type}, c.Where)
	}
	return nil
}

func (r *review) concernLedAll(ctx context.Context, typ string, all []search.Condition) error {
	for _, c := range all {
		if err := r.concernLed(ctx, typ, c); err != nil {
			return err
		}
	}
	return nil
}

func (r *review) concernThrough(ctx context.Context, types []string, where search.Condition) error {
	for _, typ := range types {
		if err := r.concernFew(ctx, typ, where); err != nil {
			return err
		}
		if err := r.concernLed(ctx, typ, where); err != nil {
			return err
		}
	}
	return nil
}

// concernFew records the patients of the resources for which a condition holds, seen or
// hidden. If there are many, or it costs too much to know, the question is a broad one.
func (r *review) concernFew(ctx context.Context, typ string, where search.Condition) error {
	var page store.Page
	err := tooBroad
	if r.followed++; r.followed <= mostFollowed && r.leads.Left > 0 {
		page, err = r.seek(ctx, store.Search{Query: &search.Query{Type: typ, Where: where}, Limit: singledOut + 1, Most: mostRead, Work: r.leads})
	}
	switch {
	case kindOf(err) == fhir.TooCostly || len(page.Matches) > singledOut:
		r.part(ledgerbridge.Everyone)
	case err != nil:
		return fmt.Errorf("find the patients concerned: %w", err)
	default:
		r.concern(page.Selected.Visible)
	}
	return nil
}

// follow begins to find, for the record, whom the question singles out, and returns the
// function that ends it. What that costs is taken from what the request may spend, but is
// done even if that is not enough: otherwise the costs of a question could hide whom it
// is about. A request that had nothing left before has been told nothing.
func (r *review) follow() (end func()) {
	all := r.call.spend()
	r.followed, r.leads = 0, &store.Work{}
	if all.Left > 0 {
		r.leads.Left = mostLed * store.RowSteps
	}
	began := r.leads.Left
	return func() { all.Left -= began - r.leads.Left }
}

// tooBroad ends the following of conditions.
var tooBroad error = &fhir.Error{Kind: fhir.TooCostly}
