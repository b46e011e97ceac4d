package consent

import (
	"context"
	"errors"
	"testing"
)

// obedient is a shelf whose visit of all Consents ends with the context.
type obedient struct {
	*shelf
	visits int
}

func (o *obedient) EachConsent(ctx context.Context, visit func([]Found, int64) error) error {
	o.visits++
	return o.shelf.EachConsent(ctx, func(list []Found, at int64) error { return errors.Join(ctx.Err(), visit(list, at)) })
}

// What is prepared at the start need not be read by a search, and a node that ends does not
// wait for it.
func TestShapesArePrepared(t *testing.T) {
	s := &obedient{shelf: newShelf()}
	at := s.write("Patient/1", allow)
	r := NewRegistry(s)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := r.Prepare(ended, noon); !errors.Is(err, context.Canceled) {
		t.Errorf("a node that ends: %v", err)
	}
	ahead := s.visits
	for range 2 {
		if err := r.Prepare(t.Context(), noon); err != nil {
			t.Fatal(err)
		}
	}
	all, known, err := r.Shapes(t.Context(), at, noon)
	if len(all) != 1 || !known || err != nil || s.visits != ahead+1 {
		t.Errorf("%d shapes (%v, %v) after %d visits", len(all), known, err, s.visits-ahead)
	}
	if _, _, err := NewRegistry(s).Shapes(ended, at, noon); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("a search that hangs up: %v", err)
	}
}
