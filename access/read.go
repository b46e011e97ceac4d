package access

import (
	"context"
	"errors"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// read decides about one version, the current one if version is 0, and discloses it.
func (r *review) read(ctx context.Context, q question, ref fhir.Ref, version int64) (*Version, error) {
	r.entry.Target = ref.String()
	if _, err := r.ask(ctx, q); err != nil {
		return nil, err
	}
	v, err := r.fetch(ctx, q, ref, version)
	if err != nil {
		return nil, err
	}
	if v.Deleted {
		return nil, gone()
	}
	r.entry.Version, r.entry.Content, r.entry.Count = v.Version, v.Hash, 1
	r.disclose(v, "GET")
	return v, nil
}

// fetch returns a version that the caller may know, tombstones included, or how its
// absence is told. The patients concerned are recorded, though the caller does not learn
// of them.
func (r *review) fetch(ctx context.Context, q question, ref fhir.Ref, version int64) (*Version, error) {
	v, err := r.stored(ctx, ref, version)
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound()
	}
	if err != nil {
		return nil, unavailable("resource cannot be read", err)
	}
	if err := r.concernVersion(ctx, &v); err != nil {
		return nil, err
	}
	may, err := r.row(ctx, q, rowOf(&v))
	if err != nil {
		return nil, err
	}
	if !may {
		return nil, r.refuseRow(notFound())
	}
	return &v, r.hold(v.Weight())
}

func (r *review) stored(ctx context.Context, ref fhir.Ref, version int64) (Version, error) {
	if version != 0 {
		return r.gate.Store.GetVersion(ctx, ref, version)
	}
	return r.gate.Store.Get(ctx, ref)
}
