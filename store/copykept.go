package store

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// kept copies the rows beside resources. Those that expire meanwhile do not matter.
func (c *copying) kept(ctx context.Context) error {
	var batch []Kept
	flush := func() error {
		defer func() { batch = nil }()
		return c.to.AddKept(ctx, batch)
	}
	err := c.from.AllKept(ctx, func(k Kept) error {
		if batch = append(batch, k); len(batch) < copyBatch {
			return nil
		}
		return flush()
	})
	if err != nil || len(batch) == 0 {
		return err
	}
	return flush()
}

// compareKept looks in the copy for each row of the original that is not about to expire.
func (c *copying) compareKept(ctx context.Context) error {
	held := map[[2]string]Kept{}
	err := c.to.AllKept(ctx, func(k Kept) error {
		held[[2]string{k.Space, k.Key}] = k
		return nil
	})
	if err != nil {
		return err
	}
	return c.from.AllKept(ctx, func(k Kept) error {
		h, there := held[[2]string{k.Space, k.Key}]
		same := there && h.Version == k.Version && h.Expires.Equal(k.Expires) && bytes.Equal(h.Value, k.Value)
		if !same && !k.Gone(time.Now().Add(time.Minute)) {
			return fmt.Errorf("a row of %s is not the same in both stores", k.Space)
		}
		return nil
	})
}
