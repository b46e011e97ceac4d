package store

import (
	"context"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// Purge names a version of which a change removes what it says: document, search keys and
// facts. What stays is that there was one, its hash, and Remains.
type Purge struct {
	Ref     fhir.Ref
	Version int64
	Hash    fhir.Hash // that it has
	Whole   bool      // no other version of the resource is left that would need protection
}

// Item is the version as the record of its purge names it.
func (p *Purge) Item() ledgerbridge.Item {
	return ledgerbridge.Item{Ref: p.Ref.String(), Version: p.Version, Hash: p.Hash}
}

// Purger is a store that overwrites what it removes, while it serves.
type Purger interface {
	// Scrub overwrites what is in the store's files and no longer part of any row: free
	// pages, the room that rows have left, logs of earlier writes. It does not hold up
	// others for long, may be called again after an error, and waits for snapshots that
	// are older than the call. progress, which may be nil, is told how much of how much
	// is done.
	Scrub(ctx context.Context, progress func(done, total int64)) error
}

// Remains is what is left of the facts of a version that was purged: whose it was, and what
// the resource is labelled with, which protects what leads to it; which Binaries it named,
// and what it governed. None of it is of the document but ids and security labels. A version
// that others outlive goes on protecting them: all that it led to is left.
func Remains(f *fhir.Facts, whole bool) fhir.Facts {
	r := fhir.Facts{Type: f.Type, ID: f.ID, Patients: f.Patients, Labels: f.Labels, Contents: f.Contents, Start: 1}
	governed := Governed(f)
	keep := func(ref string) bool {
		_, err := fhir.ParseRef(ref)
		return strings.HasPrefix(ref, "Binary/") || slices.Contains(governed, ref) || err == nil && (!whole || len(f.Patients) == 0)
	}
	for _, ref := range f.References {
		if keep(ref) {
			r.References = append(r.References, ref)
		}
	}
	for _, ref := range f.Blind {
		if slices.Contains(r.References, ref) || slices.Contains(r.Contents, ref) {
			r.Blind = append(r.Blind, ref)
		}
	}
	return r
}
