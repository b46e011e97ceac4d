package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// The limits of how far a question is followed to those whom it singles out.
const (
	mostNamed    = 1000 // resources named by a request that are looked up
	mostFollowed = 200  // conditions of a request that are followed
	mostRead     = 2000 // resources that are read to follow one
	followedPage = 50   // of which so many at once
)

// concernAsked finds the patients whom the request names and singles out. The target of a
// request that failed names those whose data it is.
func (r *review) concernAsked(ctx context.Context, failed error) (err error) {
	defer fhir.Caught(&err)
	if failed == nil && len(r.mentioned) == 0 && len(r.asked) == 0 {
		return nil
	}
	defer r.follow()()
	ctx, cancel := context.WithTimeout(ctx, r.gate.patience/3) // then there is time to record that it took too long
	defer cancel()
	target, err := fhir.ParseRef(r.entry.Target)
	if err == nil && failed != nil {
		if err := r.concernStored(ctx, target); err != nil {
			return err
		}
	}
	for _, patient := range r.mentioned {
		if ref, err := fhir.ParseRef(patient); err == nil {
			if err := r.concernStored(ctx, ref); err != nil {
				return err
			}
		}
	}
	for _, q := range r.asked {
		if q.Type == auditEvent {
			continue // nobody's data
		}
		for _, part := range q.Parts() {
			if err := r.concernQuery(ctx, q, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// concernQuery finds the patients whom criteria single out. Of a search that was not answered
// these are also those whom it would select. Where nobody was selected, and no criterion
// says about whom the question is, it is about those whom it nearly selects.
func (r *review) concernQuery(ctx context.Context, asked *search.Query, q search.Part) error {
	if err := r.concernLed(ctx, q.Type, q.Where); err != nil {
		return err
	}
	found, answered := r.answered[asked]
	if !answered {
		return r.concernFew(ctx, q.Type, q.Where)
	}
	if all, several := q.Where.(search.All); several && found {
		return r.concernInEach(ctx, q.Type, all)
	}
	return r.concernNearly(ctx, q.Type, q.Where)
}

// concernNearly notes whom the conjunctions in a condition nearly select: filters have some
// behind references, too, below negations, and as one of several alternatives, so that
// nothing which is found otherwise says that theirs are answered.
func (r *review) concernNearly(ctx context.Context, typ string, where search.Condition) error {
	types, inside := []string{typ}, where
	switch c := where.(type) {
	case search.All:
		if err := r.concernAlmost(ctx, typ, c); err != nil {
			return err
		}
		return r.concernInEach(ctx, typ, c)
	case search.Any:
		return r.concernInEach(ctx, typ, c)
	case search.Not:
		inside = c.C
	case search.Chain:
		types, inside = c.Types, c.Where
	case search.Reverse:
		types, inside = []string{c.Type}, c.Where
	default:
		return nil
	}
	for _, t := range types {
		if err := r.concernNearly(ctx, t, inside); err != nil {
			return err
		}
	}
	return nil
}

// concernInEach is concernNearly for the members of a condition.
func (r *review) concernInEach(ctx context.Context, typ string, members []search.Condition) error {
	for _, member := range members {
		if err := r.concernNearly(ctx, typ, member); err != nil {
			return err
		}
	}
	return nil
}

// concernAlmost is concernNearly for one conjunction, unless it says about whom it is.
func (r *review) concernAlmost(ctx context.Context, typ string, all search.All) error {
	if len(all) < 2 || slices.ContainsFunc(all, leads) || search.LooksInside(all) {
		return nil
	}
	for i := range all {
		if err := r.concernMost(ctx, typ, all, i); err != nil {
			return err
		}
	}
	return nil
}

// concernMost notes whom one criterion alone selects, and whom all others do, if they
// are few.
func (r *review) concernMost(ctx context.Context, typ string, all search.All, i int) error {
	if _, negated := all[i].(search.Not); !negated {
		if err := r.concernIfFew(ctx, typ, all[i]); err != nil {
			return err
		}
	}
	if len(all) < 3 {
		return nil // the other one's turn comes, or came
	}
	return r.concernIfFew(ctx, typ, slices.Delete(slices.Clone(all), i, i+1))
}

// concernStored records the patients of a resource that is stored; a name that nobody bears
// gets no part, so that nobody can make keys for patients that do not exist.
func (r *review) concernStored(ctx context.Context, ref fhir.Ref) error {
	if r.looked++; r.looked > mostNamed {
		r.part(ledgerbridge.Everyone)
		return nil
	}
	v, err := r.gate.Store.Get(ctx, ref)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the patients concerned: %w", err)
	}
	return r.concernVersion(ctx, &v)
}

// concernLed records the patients whom the names, chains and _has of a query on a type lead
// to or through, and whom it excludes. "The patient with this number" is concerned even if
// nothing of hers matches, or nothing may be seen.
func (r *review) concernLed(ctx context.Context, typ string, where search.Condition) error {
	switch c := where.(type) {
	case search.All:
		for i := range c {
			if err := r.concernMember(ctx, typ, c, i); err != nil {
				return err
			}
		}
	case search.Any:
		for _, member := range c {
			if err := r.concernInside(ctx, typ, member); err != nil {
				return err
			}
			if err := r.concernLed(ctx, typ, member); err != nil {
				return err
			}
		}
	case search.HasKey:
		return r.concernKey(ctx, typ, c.Key)
	case search.Not:
		return r.concernThrough(ctx, []string{typ}, c.C)
	case search.Chain:
		return r.concernThrough(ctx, c.Types, c.Where)
	case search.Reverse:
		return r.concernThrough(ctx, []string{c.Type}, c.Where)
	}
	return nil
}

// concernMember is concernLed for one of several criteria: a negation excludes some of
// those whom the others select, and an identifier singles out whatever the others say.
func (r *review) concernMember(ctx context.Context, typ string, all search.All, i int) error {
	if not, ok := all[i].(search.Not); ok {
		excluded := slices.Clone(all)
		excluded[i] = not.C
		if !slices.ContainsFunc(all, leads) { // else they are concerned anyhow
			if err := r.concernFew(ctx, typ, excluded); err != nil {
				return err
			}
		}
		return r.concernLed(ctx, typ, not.C)
	}
	if len(all) > 1 && identifies(all[i]) {
		if err := r.concernIfFew(ctx, typ, all[i]); err != nil {
			return err
		}
	}
	return r.concernLed(ctx, typ, all[i])
}

// concernInside records whose data holds a resource inside for which the end of a chain holds:
// they are asked about like those whom the chain leads to.
func (r *review) concernInside(ctx context.Context, typ string, member search.Condition) error {
	if !search.LooksInside(member) {
		return nil
	}
	return r.concernIfFew(ctx, typ, member)
}

// leads tells criteria that say about whom a question is: those whom they lead to are
// concerned, or many, whatever the other criteria say.
func leads(c search.Condition) bool {
	switch c := c.(type) {
	case search.Any:
		return slices.ContainsFunc(c, leads) && !slices.ContainsFunc(c, func(m search.Condition) bool { return !leads(m) && !search.LooksInside(m) })
	case search.HasKey:
		return strings.HasPrefix(c.Key, "_id=") || strings.Contains(c.Key, ">Patient/") || strings.HasPrefix(c.Key, search.CompartmentKey("Patient/")) || identifies(c)
	case search.Chain:
		return slices.Contains(c.Types, "Patient")
	case search.Reverse:
		return true
	}
	return false
}

// identifies tells criteria by identifiers.
func identifies(c search.Condition) bool {
	switch c := c.(type) {
	case search.Any:
		return slices.ContainsFunc(c, identifies)
	case search.HasKey:
		return strings.HasPrefix(c.Key, "identifier=")
	}
	return false
}

// concernKey records the patients of a resource that a criterion names by its id. Patients
// themselves are mentioned already.
func (r *review) concernKey(ctx context.Context, typ, key string) error {
	at := strings.IndexAny(key, "=>")
	if at < 0 {
		return nil
	}
	name := key[at+1:]
	if key[:at+1] == "_id=" {
		name = typ + "/" + name
	} else if key[at] != '>' || strings.HasPrefix(name, "Patient/") {
		return nil
	}
	ref, err := fhir.ParseRef(name)
	if err != nil {
		return nil
	}
	return r.concernStored(ctx, ref)
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
// hidden. If they are many, or it costs too much to know, the question is a broad one.
func (r *review) concernFew(ctx context.Context, typ string, where search.Condition) error {
	return r.singleOut(ctx, typ, where, true)
}

// concernIfFew is concernFew for conditions that are about nobody in particular if they
// hold for many.
func (r *review) concernIfFew(ctx context.Context, typ string, where search.Condition) error {
	return r.singleOut(ctx, typ, where, false)
}

func (r *review) singleOut(ctx context.Context, typ string, where search.Condition, otherwiseBroad bool) error {
	few, err := r.few(ctx, typ, where)
	if kindOf(err) != fhir.TooCostly {
		r.concerned.singled = append(r.concerned.singled, few...)
		return err
	}
	if otherwiseBroad || r.exhausted() {
		r.part(ledgerbridge.Everyone)
	}
	return nil
}

// few are the patients of the resources for which a condition holds; its error is
// TooCostly if these are many, or cannot be known.
func (r *review) few(ctx context.Context, typ string, where search.Condition) (patients []string, err error) {
	if r.followed++; r.exhausted() {
		return nil, tooBroad
	}
	s := store.Search{Query: &search.Query{Type: typ, Where: where}, Visible: r.everything(ctx), Limit: followedPage, Most: mostRead, Work: r.leads}
	for read := 0; read < mostRead; read += followedPage {
		page, err := r.find(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("find the patients concerned: %w", err)
		}
		patients = append(patients, page.Selected.Visible...)
		slices.Sort(patients)
		if patients = slices.Compact(patients); len(patients) > store.SingledOut {
			return nil, tooBroad
		}
		if s.After = page.Next; s.After == nil {
			return patients, nil
		}
	}
	return nil, tooBroad
}

// follow begins to find, for the record, whom the question singles out, and returns the
// function that ends it. What that costs is taken from what the request may spend, but is
// done even if that is not enough: otherwise the costs of a question could hide whom it
// is about. A request that had nothing left before, or had no turn, has been told nothing.
func (r *review) follow() (end func()) {
	all := r.call.spend()
	r.looked, r.followed, r.leads = 0, 0, &store.Work{}
	if all.Left > 0 && !r.turnedAway {
		r.leads.Left = mostLed * store.RowSteps
	}
	began := r.leads.Left
	return func() { all.Left -= began - r.leads.Left }
}

// exhausted says that no more is followed.
func (r *review) exhausted() bool { return r.followed > mostFollowed || r.leads.Left <= 0 }

// tooBroad ends the following of conditions.
var tooBroad error = &fhir.Error{Kind: fhir.TooCostly}
