package access

import (
	"context"
	"encoding/json"
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
	switch ref.Type {
	case "Organization":
		e.PartOf, err = partOf(&v, d.base)
	case "CareTeam", "Group", "PractitionerRole":
		known, err = listed(&v)
		return e, known, err
	}
	return e, true, err
}

// partOf is the organisation above one, "" if there is none here.
func partOf(v *Version, base string) (string, error) {
	var o struct {
		PartOf struct{ Reference string }
	}
	if v.Deleted {
		return "", nil
	}
	if err := json.Unmarshal(v.Body, &o); err != nil {
		return "", err
	}
	ref, _, ok := fhir.ParseReference(o.PartOf.Reference, base)
	if !ok {
		return "", nil
	}
	return ref.String(), nil
}

// listed says whether who belongs to a team is listed in it. Of a deleted one, and of a
// group that only describes its members, it is not.
func listed(v *Version) (bool, error) {
	group := struct {
		Actual bool
	}{Actual: true}
	if v.Deleted {
		return false, nil
	}
	err := json.Unmarshal(v.Body, &group)
	return group.Actual, err
}
