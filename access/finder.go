package access

import (
	"context"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/store"
)

// Finder reads Consents for the registry. Judging needs them; nobody sees them.
type Finder struct{ Store store.Store }

// Consents implements consent.Finder.
func (f Finder) Consents(ctx context.Context, patient string) ([]consent.Found, int64, error) {
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
