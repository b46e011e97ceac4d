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
	found := make([]consent.Found, len(versions))
	for i, v := range versions {
		found[i] = consent.Found{Ref: v.Ref, Version: v.Version, Body: v.Body}
	}
	return found, epoch, nil
}
