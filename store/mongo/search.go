package mongo

import (
	"context"
	"errors"

	"github.com/aceso-health/aceso/store"
)

// Search answers a query.
func (s *Store) Search(ctx context.Context, q store.Search) (page store.Page, err error) {
	err = s.snapshot(ctx, func(ctx context.Context) error {
		page, err = s.search(ctx, q)
		return err
	})
	return page, err
}

// search is Search in the snapshot of ctx.
func (s *Store) search(ctx context.Context, q store.Search) (store.Page, error) {
	return store.Page{}, errors.New("search is not there yet")
}
