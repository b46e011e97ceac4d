package access

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// directory looks up what Consents refer to and what resources lead to, once per attempt.
// It implements consent.Directory.
type directory struct {
	ctx        context.Context // of the row being judged
	store      store.Store
	base       string
	planned    map[fhir.Ref]*step // what the change that is judged writes
	versions   map[string]*Version
	known      map[string]consent.Entry
	lost       map[string]bool // cannot be resolved
	naming     map[string][]*fhir.Facts
	identified map[string][]string
	label      func(context.Context, *fhir.Facts) error // see review
	most       int                                      // lookups
	err        error                                    // why a lookup failed: the verdict must not be used
}

// mostLookups bounds what one attempt looks up.
const mostLookups = 50_000

func newDirectory(s store.Store, base string) *directory {
	return &directory{
		store: s, base: base, most: mostLookups,
	}
}

// remember puts into a map that most attempts do not need.
func remember[K comparable, V any](to *map[K]V, key K, value V) {
	if *to == nil {
		*to = map[K]V{}
	}
	(*to)[key] = value
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
		d.fail(err)
	case known:
		remember(&d.known, name, e)
	default:
		remember(&d.lost, name, true)
	}
	return e, known && err == nil
}

func (d *directory) fail(err error) {
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("find what a Consent or a resource refers to: %w", err)
	}
}

func (d *directory) find(name string) (e consent.Entry, known bool, err error) {
	v, err := d.version(name)
	if v == nil || err != nil {
		return e, false, err
	}
	e.Facts = d.labelled(&v.Facts)
	switch known = true; v.Ref.Type {
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

// version is the current version of what a reference names, nil if it is not stored.
func (d *directory) version(name string) (*Version, error) {
	if v, known := d.versions[name]; known {
		return v, nil
	}
	ref, _, ok := fhir.ParseReference(name, d.base)
	if !ok {
		return nil, nil
	}
	if len(d.versions)+len(d.naming)+len(d.identified) >= d.most {
		return nil, tooFar
	}
	v, err := d.store.Get(d.ctx, ref)
	switch {
	case errors.Is(err, store.ErrNotFound):
		remember(&d.versions, name, nil)
		return nil, nil
	case err != nil:
		return nil, err
	}
	switch ref.Type {
	case "Organization", "CareTeam", "Group", "PractitionerRole": // find reads them
	default:
		v.Body = nil // a resource may lead to thousands
	}
	remember(&d.versions, name, &v)
	return &v, nil
}

// Facts implements consent.Directory. What the change is about to write counts as written.
func (d *directory) Facts(name string) *fhir.Facts {
	if len(d.planned) > 0 {
		if ref, err := fhir.ParseRef(name); err == nil && d.planned[ref] != nil {
			return d.labelled(&d.planned[ref].facts)
		}
	}
	if d.err != nil {
		return nil
	}
	v, err := d.version(name)
	d.fail(err)
	if v == nil {
		return nil
	}
	return d.labelled(&v.Facts)
}

// labelled are facts with the labels by rules.
func (d *directory) labelled(f *fhir.Facts) *fhir.Facts {
	if d.label != nil {
		d.fail(d.label(d.ctx, f))
	}
	return f
}

// Naming implements consent.Directory.
func (d *directory) Naming(binary string) []*fhir.Facts {
	all, known := d.naming[binary]
	if !known && d.err == nil {
		ref, err := fhir.ParseRef(binary)
		if err == nil {
			all, err = d.store.Naming(d.ctx, ref, consent.Furthest+1)
		}
		d.fail(err)
		for _, f := range all {
			d.labelled(f)
		}
		remember(&d.naming, binary, all)
	}
	for _, s := range d.planned {
		if slices.Contains(store.Names(&s.facts), binary) {
			all = append(all[:len(all):len(all)], d.labelled(&s.facts))
		}
	}
	return all
}

// tooFar ends a request that asks about too much that leads to others.
var tooFar error = &fhir.Error{Kind: fhir.TooCostly, Detail: fmt.Sprintf("What this request is about leads to more than %d other resources. Make it more selective.", mostLookups)}
