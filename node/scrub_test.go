package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aceso-health/aceso/store"
)

// The scrubber reports what a check finds, and a check that fails, and carries on.
func TestScrub(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	checks := 0
	check := func(_ context.Context, report func(store.Finding) error) error {
		if checks++; checks == 2 {
			return errors.New("disk")
		}
		return report(store.Finding{Table: "versions", Row: "1", What: "differs"})
	}
	var told []store.Finding
	scrub(ctx, time.Millisecond, false, check, func(f store.Finding) {
		if told = append(told, f); len(told) == 3 {
			stop()
		}
	})
	if len(told) != 3 || told[0].Row != "1" || told[1] != (store.Finding{What: "disk"}) || told[2].Row != "1" {
		t.Errorf("%+v", told)
	}
	scrub(t.Context(), 0, true, check, nil) // switched off: returns at once
	soon, stop := context.WithCancel(t.Context())
	scrub(soon, time.Hour, true, check, func(store.Finding) { stop() }) // a first check does not wait
}
