package keyring

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Move puts the keys of a node's own ring into a box, where the node finds them with
// Share. It leaves a box alone that already holds exactly these, and refuses one with
// others.
func Move(ctx context.Context, ring *Ring, box Box, m Master, organization, node string) error {
	s := shared{box, m, organization, node}
	sealed := map[string][]byte{}
	counts := map[Use]int{}
	for _, k := range ring.keys {
		if k.Use == Log {
			k.Node = node
		}
		counts[k.Use]++
		name, text, err := s.seal(k, counts[k.Use])
		if err != nil {
			return fmt.Errorf("move keyring: %w", err)
		}
		sealed[name] = text
	}
	err := box.AddKeys(ctx, sealed)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("move keyring: %w", err)
	}
	there, err := s.load(ctx)
	if err != nil {
		return fmt.Errorf("move keyring: %w", err)
	}
	if !there.same(ring) {
		return errors.New("move keyring: the database holds other keys already")
	}
	return nil
}

// seal gives the nth key of its use its name and its sealed form.
func (s *shared) seal(k Key, n int) (name string, sealed []byte, err error) {
	text, err := json.Marshal(k)
	if err != nil {
		return "", nil, err
	}
	name = k.name(n)
	sealed, err = seal(s.master[:], text, s.context(name))
	return name, sealed, err
}

// Save writes the keys of the ring (of a shared one, those of its node) to a new file
// that Load reads. It leaves a file alone that already holds exactly these.
func (r *Ring) Save(path string) error {
	own := &Ring{}
	for _, k := range r.keys {
		if k.Use == Log && k.Node != r.node {
			continue
		}
		k.Node = ""
		own.keys = append(own.keys, k)
	}
	err := own.write(path, os.Link)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("save keyring: %w", err)
	}
	there, err := Load(path)
	if err != nil {
		return err
	}
	if !there.same(own) {
		return fmt.Errorf("save keyring: %s holds other keys already", path)
	}
	return nil
}

// same reports whether two rings have the same keys, in any order and for any node.
func (r *Ring) same(o *Ring) bool {
	byID := func(r *Ring) []Key {
		keys := slices.Clone(r.keys)
		slices.SortFunc(keys, func(a, b Key) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
		return keys
	}
	return slices.EqualFunc(byID(r), byID(o), func(a, b Key) bool {
		return a.ID == b.ID && a.Use == b.Use && a.Created.Equal(b.Created) && bytes.Equal(a.Secret, b.Secret)
	})
}
