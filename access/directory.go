package access

import (
	"context"
	"errors"
	"fmt"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// directory looks up what Consents refer to, once per attempt: teams, organisations, and
// what is related to a resource. It implements consent.Directory.
type directory struct {
	ctx   context.Context // of the row being judged
	store store.Store
	base  string
	known map[string]consent.Entry
	lost  map[string]bool // cannot be resolved
	err   error           // why a lookup failed: the verdict must not be used
}

func newDirectory(s store.Store, base string) *directory {
	return &directory{store: s, base: base, known: map[string]consent.Entry{}, lost: map[string]bool{}}
}

// Stored implements consent.Directory.
func (d *directory) Stored(name string) (consent.Entry, bool) {
	if e, known := d.known[name]; known {
		return e, true
	}
	if d.lost[name] || d.err != nil {
		return consent.Entry{}, false
	}
	e, known, err := d.find(name)
	switch {
	case err != nil:
		d.err = fmt.Errorf("find what a Consent refers to: %w", err)
	case known:
		d.known[name] = e
	default:
		d.lost[name] = true
	}
	return e, known && err == nil
}

func (d *directory) find(name string) (e consent.Entry, known bool, err error) {
	ref, _, ok := fhir.ParseReference(name, d.base)
	if !ok {
		return e, false, nil
	}
	v, err := d.store.Get(d.ctx, ref)
	if errors.Is(err, store.ErrNotFound) {
		return e, false, nil
	}
	if err != nil {
		return e, false, err
	}
	e.Facts = &v.Facts
	switch known = true; ref.Type {
	case "Organization":
		if !v.Deleted {
			e.PartOf, err = consent.PartOf(v.Body, d.base)
		}
	case "CareTeam", "Group", "PractitionerRole":
		if known = !v.Deleted; known {
			known, err = consent.Listed(v.Body, d.base)
		}
	}
	return e, known, err
}
