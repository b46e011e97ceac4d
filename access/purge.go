package access

import (
	"context"
	"fmt"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// Removal is what one step of a purge removes.
type Removal struct {
	Patient string       // "Patient/1": whose purge it is, "" if nobody's
	Whole   []fhir.Ref   // resources of which all versions go
	Only    []OneVersion // versions of others
	Until   time.Time    // of a resource that was written later, nothing goes
	Detail  string       // what it is about, for the record
	// Keep is told how many resources and versions go, and says what is written with it.
	Keep func(resources, versions int) (store.Kept, error)
}

// OneVersion is a version of a resource.
type OneVersion struct {
	Ref     fhir.Ref
	Version int64
}

// LookToPurge decides whether the caller may purge, records that it looks, and then visits
// the versions stored: of one resource, or all, whoever's they are and also those that were
// purged. What it finds out MUST NOT leave but by a request that is decided and recorded.
func (g *Gate) LookToPurge(ctx context.Context, c *Call, patient string, only fhir.Ref, visit func(*Version) error) error {
	_, err := answer(ctx, g, c, func(r *review) (struct{}, error) {
		if r.entry.Target = patient; patient != "" {
			r.concern([]string{patient})
		}
		_, err := r.ask(ctx, question{interaction: ledgerbridge.Purge})
		return struct{}{}, err
	})
	if err != nil {
		return err
	}
	return eachVersion(ctx, g.Store, only, visit)
}

// versionsAtOnce is how many versions a look reads together.
const versionsAtOnce = 500

func eachVersion(ctx context.Context, s store.Store, of fhir.Ref, visit func(*Version) error) error {
	h := store.History{Type: of.Type, ID: of.ID, Limit: versionsAtOnce, Purged: true, Bytes: MaxAnswer}
	for {
		page, err := s.History(ctx, h)
		if err != nil {
			return unavailable("versions cannot be read", err)
		}
		for i := range page.Matches {
			if err := visit(&page.Matches[i]); err != nil {
				return err
			}
		}
		if h.After = page.Next; h.After == nil {
			return nil
		}
	}
}

// Remove removes what a step of a purge names, and records it: all of it or nothing.
// Consents do not bind it: nobody learns anything.
func (g *Gate) Remove(ctx context.Context, c *Call, p Removal) error {
	_, err := answer(ctx, g, c, func(r *review) (struct{}, error) { return struct{}{}, r.remove(ctx, &p) })
	return err
}

func (r *review) remove(ctx context.Context, p *Removal) error {
	r.entry.Target = p.Patient
	if p.Patient != "" {
		r.concern([]string{p.Patient})
	}
	if _, err := r.ask(ctx, question{ledgerbridge.Purge, "d", ""}); err != nil {
		return err
	}
	if r.gate.Writable != nil {
		if err := r.gate.Writable(); err != nil {
			return err
		}
	}
	var gone []ledgerbridge.Item
	resources := 0
	for _, ref := range p.Whole {
		went, err := r.removeWhole(ctx, ref, p.Until, &gone)
		if err != nil {
			return err
		}
		resources += went
	}
	for _, one := range p.Only {
		if err := r.removeOne(ctx, one, &gone); err != nil {
			return err
		}
	}
	return r.certify(ctx, p, resources, gone)
}

// certify completes the record of a removal, and the change.
func (r *review) certify(ctx context.Context, p *Removal, resources int, gone []ledgerbridge.Item) error {
	customs, err := r.keyed(ctx)
	if err != nil {
		return err
	}
	versions := len(gone)
	for i := range r.change.Writes {
		w := &r.change.Writes[i]
		gone = append(gone, ledgerbridge.Item{Ref: w.Ref.String(), Version: w.Expect + 1})
	}
	row, err := p.Keep(resources, versions)
	if err != nil {
		return err
	}
	r.change.Plan, r.change.Keep, r.event = customs.Plan(), []store.Kept{row}, true
	r.entry.Query, r.entry.Count = p.Detail, int64(versions)
	if len(gone) > 0 {
		r.entry.Content = ledgerbridge.Content(ledgerbridge.Purge, gone)
	}
	return nil
}

// removeWhole removes all versions of a resource; what is there is deleted first. It says
// whether it went: 1 or 0.
func (r *review) removeWhole(ctx context.Context, ref fhir.Ref, until time.Time, gone *[]ledgerbridge.Item) (went int, err error) {
	var last *Version
	err = eachVersion(ctx, r.gate.Store, ref, func(v *Version) error {
		if last == nil {
			one := *v
			last = &one
		}
		if last.LastUpdated.After(until) {
			return nil
		}
		r.goes(v, true, gone)
		return nil
	})
	if err != nil || last == nil || last.LastUpdated.After(until) {
		return 0, err
	}
	if last.Deleted {
		return 1, nil
	}
	t := &change{review: r}
	r.change.Writes = append(r.change.Writes, store.Write{
		Ref: ref, Expect: last.Version, LastUpdated: t.time(&step{exists: true, before: *last}), Deleted: true,
		Purge: true, Method: "DELETE", Owner: r.call.Agent.Organization, Facts: store.Remains(&last.Facts, true),
	})
	return 1, nil
}

// goes adds a version to those that go. One that was purged before has no hash to go again.
func (r *review) goes(v *Version, whole bool, gone *[]ledgerbridge.Item) {
	p := store.Purge{Ref: v.Ref, Version: v.Version, Hash: v.Hash, Whole: whole}
	r.change.Purges = append(r.change.Purges, p)
	if v.Purged == "" {
		*gone = append(*gone, p.Item())
	}
}

// removeOne removes one version, and the tombstone that follows it, which says the same.
func (r *review) removeOne(ctx context.Context, one OneVersion, gone *[]ledgerbridge.Item) error {
	found, newest := false, true
	var later *Version
	err := eachVersion(ctx, r.gate.Store, one.Ref, func(v *Version) error {
		if v.Version == one.Version && v.Purged == "" {
			if newest && !v.Deleted {
				return &fhir.Error{Kind: fhir.Conflict, Detail: "The current version of a resource cannot be purged alone: update or delete the resource first."}
			}
			if found = true; later != nil && later.Deleted && later.Purged == "" {
				r.goes(later, false, gone)
			}
			r.goes(v, false, gone)
		}
		again := *v
		later, newest = &again, false
		return nil
	})
	if err == nil && !found {
		err = &fhir.Error{Kind: fhir.NotFound, Detail: fmt.Sprintf("There is no version %d of this resource, or it was purged before.", one.Version)}
	}
	return err
}
