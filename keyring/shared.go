package keyring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Box keeps sealed keys for all nodes: a collection of their database. Without the
// master key they are useless.
type Box interface {
	// SealedKeys returns everything in the box, by name.
	SealedKeys(ctx context.Context) (map[string][]byte, error)
	// AddKeys adds all of them, durably, or none. It MUST be fs.ErrExist, with
	// nothing added, if one of the names is taken.
	AddKeys(ctx context.Context, sealed map[string][]byte) error
}

// Share opens the ring that the nodes of an organisation share, and makes missing keys:
// the first node makes all, every node the one that signs its own logs. Nodes that start
// at once end up with the same ring.
func Share(ctx context.Context, box Box, m Master, organization, node string) (*Ring, error) {
	s := shared{box, m, organization, node}
	for range 8 {
		ring, err := s.load(ctx)
		if err != nil {
			return nil, fmt.Errorf("shared keyring: %w", err)
		}
		missing, err := s.missing(ring)
		if err != nil {
			return nil, fmt.Errorf("shared keyring: %w", err)
		}
		if len(missing) == 0 {
			return ring, nil
		}
		// A second node loads what the first one made.
		if err := box.AddKeys(ctx, missing); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("shared keyring: add keys: %w", err)
		}
	}
	return nil, errors.New("shared keyring: keys that were added are not there: is something else writing to it?")
}

// LoadShared opens the ring without adding to it; fs.ErrNotExist if the box is empty.
// node may be "": the ring then signs no logs.
func LoadShared(ctx context.Context, box Box, m Master, organization, node string) (*Ring, error) {
	s := shared{box, m, organization, node}
	ring, err := s.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("shared keyring: %w", err)
	}
	if len(ring.keys) == 0 {
		return nil, fmt.Errorf("shared keyring: %w", fs.ErrNotExist)
	}
	return ring, nil
}

type shared struct {
	box                Box
	master             Master
	organization, node string
}

func (s *shared) load(ctx context.Context) (*Ring, error) {
	sealed, err := s.box.SealedKeys(ctx)
	if err != nil {
		return nil, err
	}
	ring := &Ring{node: s.node}
	for _, name := range slices.SortedFunc(maps.Keys(sealed), byNumber) {
		k, err := s.open(name, sealed[name])
		if err != nil {
			return nil, err
		}
		ring.keys = append(ring.keys, k)
	}
	return ring, nil
}

// byNumber puts older keys of a use before newer ones.
func byNumber(a, b string) int {
	return cmp.Or(cmp.Compare(number(a), number(b)), cmp.Compare(a, b))
}

func number(name string) int {
	n, err := strconv.Atoi(name[strings.LastIndexByte(name, '.')+1:])
	if err != nil {
		return 0
	}
	return n
}

// name is where the box keeps the nth key of its use, or of a node's log: links.1,
// log.n2.1.
func (k *Key) name(n int) string {
	if k.Node == "" {
		return fmt.Sprintf("%s.%d", k.Use, n)
	}
	return fmt.Sprintf("%s.%s.%d", k.Use, k.Node, n)
}

// missing makes and seals the first key of every use that the ring has none for.
func (s *shared) missing(ring *Ring) (map[string][]byte, error) {
	sealed := map[string][]byte{}
	for _, u := range Uses() {
		if len(ring.Keys(u)) > 0 {
			continue
		}
		name, text, err := s.seal(ring.fresh(u, time.Now()), 1)
		if err != nil {
			return nil, err
		}
		sealed[name] = text
	}
	return sealed, nil
}

// context binds a sealed key to its name (use, node, number) and organisation.
func (s *shared) context(name string) []byte {
	return []byte("aceso.keyring.shared.v1\x00" + s.organization + "\x00" + name)
}

func (s *shared) open(name string, sealed []byte) (Key, error) {
	text, err := unseal(s.master[:], sealed, s.context(name))
	if err != nil {
		return Key{}, fmt.Errorf("key %q cannot be opened: the master key is another one, or the key was changed", name)
	}
	var k Key
	if err := decode(text, &k); err != nil {
		return Key{}, fmt.Errorf("key %q is damaged, or of a newer version: %w", name, err)
	}
	if !k.valid() || k.name(number(name)) != name {
		return Key{}, fmt.Errorf("key %q is damaged or of unknown use", name)
	}
	return k, nil
}
