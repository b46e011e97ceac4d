package keyring

import (
	"context"
	"fmt"
	"os"
	"time"
)

// Rotate adds a fresh key for a use to the file. It signs and seals from the next
// start on; the older ones go on verifying and opening.
func Rotate(path string, u Use, now time.Time) (id string, err error) {
	ring, err := Load(path)
	if err != nil {
		return "", err
	}
	k, err := ring.next(u, now)
	if err != nil {
		return "", err
	}
	ring.keys = append(ring.keys, k)
	if err := ring.write(path, os.Rename); err != nil {
		return "", fmt.Errorf("rotate key: %w", err)
	}
	return k.ID, nil
}

// RotateShared is Rotate for the ring that nodes share. A key that signs checkpoints
// is the node's own.
func RotateShared(ctx context.Context, box Box, m Master, organization, node string, u Use, now time.Time) (id string, err error) {
	s := shared{box, m, organization, node}
	ring, err := LoadShared(ctx, box, m, organization, node)
	if err != nil {
		return "", err
	}
	k, err := ring.next(u, now)
	if err != nil {
		return "", err
	}
	name, sealed, err := s.seal(k, len(ring.Keys(u))+1)
	if err != nil {
		return "", fmt.Errorf("rotate key: %w", err)
	}
	if err := box.AddKeys(ctx, map[string][]byte{name: sealed}); err != nil {
		return "", fmt.Errorf("rotate key: %w", err)
	}
	return k.ID, nil
}

// next is a fresh key to follow the newest of its use.
func (r *Ring) next(u Use, now time.Time) (Key, error) {
	switch {
	case !u.known():
		return Key{}, fmt.Errorf("keyring: unknown use %q", u)
	case !u.Rotates():
		return Key{}, fmt.Errorf("keyring: the key for %q cannot be rotated: pseudonyms made with another key match no older record", u)
	case len(r.Keys(u)) == 0:
		return Key{}, fmt.Errorf("%w for %q to follow", ErrUnknown, u)
	}
	return r.fresh(u, now), nil
}

// fresh makes a key for the ring's node.
func (r *Ring) fresh(u Use, now time.Time) Key {
	k := newKey(u, now)
	if u == Log {
		k.Node = r.node
	}
	return k
}
