package access

import (
	"context"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/store"
)

// NewFinder reads Consents of a store for the registry: judging needs them, nobody
// sees them.
func NewFinder(s store.Store) consent.Finder { return finder{s} }

type finder struct{ store.Store }

// Consents implements consent.Finder.
func (f finder) Consents(ctx context.Context, patient string) ([]consent.Found, int64, error) {
	versions, epoch, err := f.Store.Consents(ctx, patient)
	if err != nil {
		return nil, 0, err
	}
	return foundIn(versions), epoch, nil
}

// EachConsent implements consent.Finder.
func (f finder) EachConsent(ctx context.Context, visit func([]consent.Found, int64) error) error {
	return f.Store.EachConsent(ctx, func(versions []store.Version, epoch int64) error { return visit(foundIn(versions), epoch) })
}

func foundIn(versions []store.Version) []consent.Found {
	found := make([]consent.Found, len(versions))
	for i, v := range versions {
		found[i] = consent.Found{Ref: v.Ref, Version: v.Version, Body: v.Body, Patients: v.Facts.Patients}
	}
	return found
}
