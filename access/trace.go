package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// trace finds the patients whose data a version is apart from those in whose compartments
// it is: a Provenance, a List or a Binary about hidden data would reveal it, and an
// identifier may name somebody like a reference. It looks at what the version leads to as
// that is now, so that whatever was written first, and changed later, counts.
func (r *review) trace(ctx context.Context, f *fhir.Facts) (*consent.Reached, error) {
	if err := r.label(ctx, f); err != nil {
		return nil, err
	}
	if f.Traced && r.traced == f {
		return r.reached, nil
	}
	reached, err := r.lead(ctx, f)
	if err == nil {
		r.traced, r.reached = f, reached
	}
	return reached, err
}

func (r *review) lead(ctx context.Context, f *fhir.Facts) (*consent.Reached, error) {
	if len(f.Patients) > 0 && !f.Loose && len(f.Logical) == 0 {
		f.Traced = true
		return nil, nil // what it leads to is looked for if a Consent asks
	}
	r.directory.ctx = ctx
	found := consent.Reach(r.directory, f)
	if err := r.directory.err; err != nil {
		return nil, unavailable("references cannot be followed", err)
	}
	f.Inherited, f.Identified, f.Traced = found.Patients, found.Identified, true
	return found, nil
}

// concernVersion records those whose data a version is.
func (r *review) concernVersion(ctx context.Context, v *Version) error {
	if _, err := r.trace(ctx, &v.Facts); err != nil {
		return err
	}
	r.concern(v.Facts.Whose())
	return nil
}

// everything is the visibility function for what nobody sees. It finds out whose the rows
// are, for the record.
func (r *review) everything(ctx context.Context) store.Visible {
	return func(row store.Row) (bool, error) {
		_, err := r.trace(ctx, row.Facts)
		return true, err
	}
}

// Identified implements consent.Directory.
func (d *directory) Identified(identifier string) []string {
	all, known := d.identified[identifier]
	if !known && d.err == nil {
		var err error
		all, err = d.identify(identifier)
		d.fail(err)
		remember(&d.identified, identifier, all)
	}
	return all
}

// identify searches for patients. An identifier without a system may be of any.
func (d *directory) identify(identifier string) ([]string, error) {
	system, value, _ := strings.Cut(identifier, "|")
	value = tokenEscape.Replace(value)
	tokens := value
	if system != "" {
		tokens = tokenEscape.Replace(system) + "|" + value + ",|" + value
	}
	query, err := search.ParseQuery("Patient", []fhir.Param{{Name: "identifier", Value: tokens}}, search.QueryOptions{})
	if err != nil {
		return nil, fmt.Errorf("find a patient by identifier: %w", err)
	}
	all := func(store.Row) (bool, error) { return true, nil }
	page, err := d.store.Search(d.ctx, store.Search{Query: query, Visible: all, Limit: consent.MostIdentified + 1, Judging: true})
	if err != nil {
		return nil, err
	}
	patients := make([]string, len(page.Matches))
	for i := range page.Matches {
		patients[i] = page.Matches[i].Ref.String()
	}
	slices.Sort(patients)
	return patients, nil
}

// tokenEscape escapes what has a meaning in the values of a token parameter.
var tokenEscape = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`)

// seen is what has been looked up: what was judged rests on it.
func (d *directory) seen() (all []store.Seen) {
	if len(d.versions) == 0 && len(d.naming) == 0 {
		return nil
	}
	add := func(name string, version int64) {
		ref, _, ok := fhir.ParseReference(name, d.base)
		s := store.Seen{Ref: ref, Version: version, Names: -1}
		if versions, asked := d.naming[name]; asked && len(versions) <= consent.Furthest {
			s.Names = len(versions)
		}
		if ok {
			all = append(all, s)
		}
	}
	for name, v := range d.versions {
		if v == nil {
			add(name, 0)
		} else {
			add(name, v.Version)
		}
	}
	for name := range d.naming {
		if _, added := d.versions[name]; !added {
			add(name, -1)
		}
	}
	return all
}
