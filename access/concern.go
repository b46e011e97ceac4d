package access

import (
	"context"
	"errors"
	"fmt"
	"slices"

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

// concerned are the patients whom a record names though nothing of theirs is disclosed.
type concerned struct {
	named    []string // by the request: as its target, in criteria, as whose data is changed
	singled  []string // whom the request leads to, if these are few
	selected []string // by a search, counted only
	room     int      // parts made for those named and singled out
}

// name gives parts to the patients concerned, in that order, as far as the record has
// room. Those whose data are disclosed have theirs. The number of the rest stands in the
// part of everyone.
func (r *review) name() {
	rest := map[string]bool{}
	add := func(patients []string, room func() bool) {
		for _, patient := range patients {
			if _, known := r.parts[patient]; known {
				continue
			}
			if !room() {
				rest[patient] = true
				continue
			}
			r.part(patient)
		}
	}
	few := func() bool { r.concerned.room++; return r.concerned.room <= mostConcerned }
	add(r.concerned.named, few)
	add(r.concerned.singled, few)
	add(r.concerned.selected, func() bool { return r.names() < mostConcerned })
	if len(rest) > 0 {
		r.part(ledgerbridge.Everyone).More = int64(len(rest))
	}
}

// names is how many patients the record names.
func (r *review) names() int {
	if _, broad := r.parts[ledgerbridge.Everyone]; broad {
		return len(r.parts) - 1
	}
	return len(r.parts)
}

// concern notes the patients of what the request is about, whether or not their data are
// disclosed.
func (r *review) concern(patients []string) {
	r.concerned.named = append(r.concerned.named, patients...)
}

// concernSelected notes the patients whose data a search selected: those that the
// caller may see, counted ones included, and the hidden ones if the question singles out
// few. Otherwise the question is a broad one.
func (r *review) concernSelected(s store.Selected) {
	r.concerned.selected = append(r.concerned.selected, s.Visible...)
	switch {
	case len(s.Hidden) == 0 && len(s.Visible) < store.SelectedLimit:
	case len(s.Visible)+len(s.Hidden) <= singledOut:
		r.concerned.singled = append(r.concerned.singled, s.Hidden...)
	default:
		r.part(ledgerbridge.Everyone)
	}
}

// asks notes criteria that the request evaluates: the patients whom they name or lead to
// are concerned whatever the answer is, also when it is a refusal or a failure.
func (r *review) asks(q *search.Query) {
	r.mention(q.Patients)
	r.asked = append(r.asked, q)
}

// told notes that the store has said whom the criteria select.
func (r *review) told(q *search.Query, page store.Page) {
	r.answered = append(r.answered, q)
	r.concernSelected(page.Selected)
}

// mention notes patients that the request names.
func (r *review) mention(patients []string) { r.mentioned = append(r.mentioned, patients...) }

// concernAsked finds the patients whom the request names and singles out. The target of a
// request that failed names those whose data it is.
func (r *review) concernAsked(ctx context.Context, failed error) (err error) {
	defer fhir.Caught(&err)
	defer r.follow()()
	ctx, cancel := context.WithTimeout(ctx, recordTimeout/3) // then there is time to record that it took too long
	defer cancel()
	target, err := fhir.ParseRef(r.entry.Target)
	if err == nil && failed != nil {
		if err := r.concernStored(ctx, target, ""); err != nil {
			return err
		}
	}
	if err := r.concernNamed(ctx, r.mentioned); err != nil {
		return err
	}
	for _, q := range r.asked {
		if q.Type == auditEvent {
			continue // nobody's data
		}
		if err := r.concernLed(ctx, q.Type, q.Where); err != nil {
			return err
		}
		if slices.Contains(r.answered, q) {
			continue
		}
		if err := r.concernFew(ctx, q.Type, q.Where); err != nil {
			return err
		}
	}
	return nil
}

// concernBlindly names whom the request names without looking them up, since that failed:
// who else is concerned is not known.
func (r *review) concernBlindly() {
	r.concern(r.mentioned)
	if target, err := fhir.ParseRef(r.entry.Target); err == nil && target.Type == "Patient" {
		r.concern([]string{target.String()})
	}
	r.part(ledgerbridge.Everyone)
}

// concernNamed records the patients named that exist. Names that nobody bears get no
// part, so that nobody can make keys for patients that do not exist.
func (r *review) concernNamed(ctx context.Context, patients []string) error {
	for _, patient := range patients {
		ref, err := fhir.ParseRef(patient)
		if err != nil {
			continue
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
		r.concern([]string{patient})
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
		r.concerned.singled = append(r.concerned.singled, page.Selected.Visible...)
	}
	return nil
}

// follow begins to find, for the record, whom the question singles out, and returns the
// function that ends it. What that costs is taken from what the request may spend, but is
// done even if that is not enough: otherwise the costs of a question could hide whom it
// is about. A request that had nothing left before, or had no turn, has been told nothing.
func (r *review) follow() (end func()) {
	all := r.call.spend()
	r.followed, r.leads = 0, &store.Work{}
	if all.Left > 0 && !r.turnedAway {
		r.leads.Left = mostLed * store.RowSteps
	}
	began := r.leads.Left
	return func() { all.Left -= began - r.leads.Left }
}

// tooBroad ends the following of conditions.
var tooBroad error = &fhir.Error{Kind: fhir.TooCostly}
