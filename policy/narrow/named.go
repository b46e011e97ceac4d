package narrow

import (
	"context"
	"io/fs"
	"maps"
	"slices"

	"github.com/aceso-health/aceso/policy"
)

// Named are the subjects that policies tell apart: nobody else is decided otherwise than
// somebody whom no policy names. An error says why that cannot be known, and where.
func Named(ctx context.Context, folders ...fs.FS) ([]string, error) {
	var flows []*flow
	for _, folder := range folders {
		c, err := policy.Look(ctx, folder)
		if err != nil {
			return nil, err
		}
		p, err := parse(c)
		if err != nil {
			return nil, err
		}
		m, err := newModel(ctx, c, p)
		if err != nil {
			return nil, err
		}
		flows = append(flows, m.flow)
	}
	literals := literalsWith(subject, flows)
	delete(literals, "")
	return slices.Sorted(maps.Keys(literals)), nil
}
