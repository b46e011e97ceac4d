package node

import (
	"context"
	"time"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// LogKeys are the public keys of all logs that a folder or its database holds: those
// of its node and of all others.
func LogKeys(ctx context.Context, data Folder, database Database) (keys []string, err error) {
	err = withKeys(ctx, data, database, func(r *records, n Identity) error {
		sources, err := r.home.sources(ctx)
		if err != nil {
			return err
		}
		if len(sources) == 0 {
			prefix := n.Organization + "/" + n.Node
			sources = []string{prefix + "/changes.0", prefix + "/accesses.0"}
		}
		for _, source := range sources {
			texts, err := r.home.logKeys(ctx, r, source)
			if err != nil {
				return err
			}
			keys = append(keys, texts...)
		}
		return nil
	})
	return keys, err
}

// logKeys are the public keys whose checkpoints count for a source.
func (r *records) logKeys(ctx context.Context, source string) (ledgerbridge.Keys, error) {
	texts, err := r.home.logKeys(ctx, r, source)
	if err != nil {
		return nil, err
	}
	return ledgerbridge.ParseKeys(texts)
}

func keyTexts(keys []keyring.Key, source, sizes string) (texts []string, err error) {
	for _, k := range keys {
		text, err := ledgerbridge.VerifierKey(source, k.Public())
		if err != nil {
			return nil, err
		}
		texts = append(texts, text+sizes)
	}
	return texts, nil
}

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
