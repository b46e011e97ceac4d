package node

import (
	"context"
	"time"

	"github.com/aceso-health/aceso/keyring"
)

// RotateKey adds a key of a use to the keyring of a folder, or of the database that the
// folder's node shares, and returns its id. A node that is serving keeps its keys until
// it starts again.
func RotateKey(ctx context.Context, data Folder, database Database, use keyring.Use) (id string, err error) {
	err = withKeys(ctx, data, database, func(r *records, _ Identity) (err error) {
		id, err = r.home.rotate(ctx, use, time.Now())
		return err
	})
	return id, err
}

func (a alone) rotate(_ context.Context, use keyring.Use, now time.Time) (string, error) {
	return keyring.Rotate(a.data.keys(), use, now)
}

func (c *cluster) rotate(ctx context.Context, use keyring.Use, now time.Time) (string, error) {
	return keyring.RotateShared(ctx, c.store.Keyring(), c.master, c.store.Organization(), c.store.Node(), use, now)
}
