package audit

import (
	"context"
	"time"

	"github.com/aceso-health/aceso/store"
)

// Check looks at everything once and reports what does not fit.
type Check func(ctx context.Context, report func(store.Finding) error) error

// Scrub repeats a check until ctx ends, so that damage on the disk is found even if
// nobody reads what is damaged. alarm receives each finding; a check that could not be
// made is a Finding without a place.
func Scrub(ctx context.Context, every time.Duration, check Check, alarm func(store.Finding)) {
	if every <= 0 {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := check(ctx, func(f store.Finding) error {
			alarm(f)
			return nil
		})
		if err != nil && ctx.Err() == nil {
			alarm(store.Finding{What: err.Error()})
		}
	}
}
