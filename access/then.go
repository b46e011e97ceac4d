package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// Then tells what decided at a time beside what the store has versions of.
type Then interface {
	// PolicyAt is what decided about the agents of an organisation at a time; nil if that is
	// not known any more.
	PolicyAt(ctx context.Context, organization string, at time.Time) (Decider, error)
	// Revision is what decides by a revision of the policies; nil if its text is not kept.
	Revision(ctx context.Context, hash string) (Decider, error)
	// EmergenciesAt are the patients of whom an emergency ran at a time, of who has a mark.
	// known is false if those of that time are no longer kept.
	EmergenciesAt(ctx context.Context, mark string, at time.Time) (patients []string, known bool, err error)
}

// then is the store as it was at a time, for a review that judges what a read would have
// shown: the same judgement as of now, which it lets read the versions of that time. There is
// one for each question. It writes nothing.
type then struct {
	store.Store
	at      time.Time
	base    string
	former  *former
	opened  []string // patients of whom the caller had declared an emergency
	removed bool     // something that was read is purged by now: the answer is not known
}

// thenAt is a gate that judges as of a time; it is for one question.
func (g *Gate) thenAt(at time.Time, policy Decider) (*Gate, *then) {
	past := &then{Store: g.Store, at: at, base: g.Base, former: &g.former}
	c := g.Config
	c.Store, c.Policy, c.Now = past, policy, func() time.Time { return at }
	c.Consents = consent.NewRegistry(NewFinder(past))
	c.Consents.Compiler = g.Consents.Compiler
	return New(c), past
}

// Get is what was current.
func (t *then) Get(ctx context.Context, ref fhir.Ref) (store.Version, error) {
	v, err := t.Store.GetAt(ctx, ref, t.at)
	t.removed = t.removed || err == nil && v.Purged != ""
	v.Epoch = 0 // nothing changes any more
	return v, err
}

// Consents are those that were current.
func (t *then) Consents(ctx context.Context, patient string) (all []store.Version, epoch int64, err error) {
	now, _, err := t.Store.Consents(ctx, patient)
	if err != nil {
		return nil, 0, err
	}
	left, err := t.former.of(ctx, t.Store, "Consent", patient)
	if err != nil {
		return nil, 0, err
	}
	for _, ref := range distinct(append(refs(now), left...)) {
		v, err := t.Get(ctx, ref)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return nil, 0, err
		case !v.Deleted && slices.Contains(v.Facts.Patients, patient):
			all = append(all, v)
		}
	}
	return all, 0, nil
}

// distinct are refs, each once, in an order that does not depend on how they were found.
func distinct(all []fhir.Ref) []fhir.Ref {
	slices.SortFunc(all, func(a, b fhir.Ref) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(all)
}

// Find implements consent.Searcher: who was who.
func (t *then) Find(ctx context.Context, typ, param string, values []string, limit int) (found []consent.Found, err error) {
	candidates, err := t.candidates(ctx, typ, param, values, limit)
	if err != nil {
		return nil, err
	}
	query, err := search.ParseQuery(typ, []fhir.Param{{Name: param, Value: strings.Join(values, ",")}}, search.QueryOptions{Base: t.base})
	if err != nil {
		return nil, fmt.Errorf("find what %s was: %w", typ, err)
	}
	for _, ref := range candidates {
		v, err := t.Get(ctx, ref)
		if errors.Is(err, store.ErrNotFound) || err == nil && v.Deleted {
			continue
		}
		if err != nil {
			return nil, err
		}
		matches, err := t.matches(query, &v)
		if err != nil {
			return nil, err
		}
		if matches && len(found) < limit {
			found = append(found, consent.Found{Ref: v.Ref, Version: v.Version, Body: v.Body})
		}
	}
	return found, nil
}

// candidates are what may have been found: what is found now, and what was once.
func (t *then) candidates(ctx context.Context, typ, param string, values []string, limit int) (all []fhir.Ref, err error) {
	if param == "_id" {
		for _, id := range values {
			all = append(all, fhir.Ref{Type: typ, ID: id})
		}
		return all, nil
	}
	now, err := (&people{store: t.Store, base: t.base}).Find(ctx, typ, param, values, limit)
	if err != nil {
		return nil, err
	}
	for i := range now {
		all = append(all, now[i].Ref)
	}
	for _, value := range values {
		left, err := t.former.of(ctx, t.Store, typ, value)
		if err != nil {
			return nil, err
		}
		all = append(all, left...)
	}
	return distinct(all), nil
}

func (t *then) matches(query *search.Query, v *store.Version) (bool, error) {
	r, err := fhir.ParseLoosely(v.Body)
	if err != nil {
		return false, fmt.Errorf("read what %s was: %w", v.Ref.Type, err)
	}
	index, _, err := search.Describe(r, t.base)
	if err != nil {
		return false, fmt.Errorf("read what %s was: %w", v.Ref.Type, err)
	}
	return search.Match(query.Where, search.Holder{Ref: v.Ref, Index: index}, nil), nil
}

// Search is asked who bears an identifier. Whoever does now is looked at as of then; who has
// lost it since is not found, and Could says so.
func (t *then) Search(ctx context.Context, s store.Search) (store.Page, error) {
	page, err := t.Store.Search(ctx, s)
	if err != nil {
		return page, err
	}
	now := page.Matches
	page.Matches, page.Epoch = nil, 0
	for i := range now {
		v, err := t.Get(ctx, now[i].Ref)
		if errors.Is(err, store.ErrNotFound) || err == nil && v.Deleted {
			continue
		}
		matches := false
		if err == nil {
			matches, err = t.matches(s.Query, &v)
		}
		if err != nil {
			return page, err
		}
		if matches {
			page.Matches = append(page.Matches, v)
		}
	}
	return page, nil
}

// mostNaming is how many versions of what names a Binary are looked at.
const mostNaming = 2 * consent.Furthest

// Naming are the facts of what named a Binary by then.
func (t *then) Naming(ctx context.Context, binary fhir.Ref, limit int) (all []*fhir.Facts, err error) {
	now, err := t.Store.Naming(ctx, binary, limit)
	if err != nil {
		return nil, err
	}
	var naming []fhir.Ref
	for _, f := range now {
		naming = append(naming, fhir.Ref{Type: f.Type, ID: f.ID})
	}
	looked := 0
	for _, ref := range distinct(naming) {
		for at := t.at; len(all) < limit; looked++ {
			v, err := t.Store.GetAt(ctx, ref, at)
			if errors.Is(err, store.ErrNotFound) {
				break
			}
			if err == nil && looked > mostNaming {
				err = tooFar
			}
			if err != nil {
				return nil, err
			}
			if slices.Contains(store.Names(&v.Facts), binary.String()) {
				all = append(all, &v.Facts)
			}
			at = v.LastUpdated.Add(-time.Millisecond)
		}
	}
	return all, nil
}

// ConsentChanges are none: nothing changes any more.
func (t *then) ConsentChanges(context.Context, int64) ([]string, int64, error) { return nil, 0, nil }

// EachKept are the emergencies that ran; nothing else is asked for.
func (t *then) EachKept(_ context.Context, space, after string, limit int) (rows []store.Kept, err error) {
	if space != store.EmergencySpace {
		return nil, errors.New("access: nothing else is known of a time that is over")
	}
	for _, patient := range t.opened {
		rows = append(rows, store.Kept{Space: space, Key: after + strings.TrimPrefix(patient, "Patient/")})
	}
	return rows[:min(len(rows), limit)], nil
}

// Kept is one of them.
func (t *then) Kept(_ context.Context, space, key string) (store.Kept, error) {
	return store.Kept{Space: space, Key: key}, nil
}

// Commit refuses: a review of what was writes nothing.
func (*then) Commit(context.Context, store.Change) (ledgerbridge.Receipt, error) {
	return ledgerbridge.Receipt{}, errOver
}

// Record refuses: the record is that of who asks.
func (*then) Record(context.Context, *ledgerbridge.Pending, store.Judged) (ledgerbridge.Receipt, error) {
	return ledgerbridge.Receipt{}, errOver
}

var errOver = errors.New("access: nothing is written to a time that is over")
