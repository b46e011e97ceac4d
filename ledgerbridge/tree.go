package ledgerbridge

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"golang.org/x/mod/sumdb/tlog"
)

// A tile of level L holds up to 256 hashes of the tree's level 8L, left to right; the
// levels between are computed. The last tile of a level may be partial, and is
// rewritten as it grows.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	hashSize   = 32
	maxLevels  = 64 / tileHeight
)

// tree is the right edge of an RFC 6962 tree: enough to grow it.
type tree struct {
	edge   *compact.Range
	tiles  map[int][]byte // the partial tile of each level
	full   []Tile         // tiles filled since the last take
	grown  map[int]bool   // levels whose partial tile grew since
	counts map[int]int64  // hashes of each level so far
}

func newTree() *tree {
	return &tree{edge: ranges.NewEmptyRange(0), tiles: map[int][]byte{}, grown: map[int]bool{}, counts: map[int]int64{}}
}

// size returns the number of leaves.
func (t *tree) size() int64 { return int64(t.edge.End()) }

func (t *tree) root() [32]byte { return rootOf(t.edge) }

// frontier returns the roots of the perfect subtrees over the leaves, left to right.
func (t *tree) frontier() [][32]byte { return sums(t.edge.Hashes()) }

func sums[T []byte | tlog.Hash](hashes []T) [][32]byte {
	list := make([][32]byte, len(hashes))
	for i, h := range hashes {
		list[i] = [32]byte(h)
	}
	return list
}

// clone copies a tree that is to grow, so that the original outlives a failure.
func (t *tree) clone() (*tree, error) {
	c := newTree()
	var err error
	c.edge, err = ranges.NewRange(0, t.edge.End(), slices.Clone(t.edge.Hashes()))
	for level, data := range t.tiles {
		c.tiles[level] = bytes.Clone(data)
	}
	c.counts = maps.Clone(t.counts)
	return c, err
}

// append adds a leaf: the commitment of the next row.
func (t *tree) append(commitment [32]byte) error {
	return t.edge.Append(hashLeaf(commitment[:]), func(id compact.NodeID, hash []byte) {
		if id.Level%tileHeight == 0 {
			t.keep(int(id.Level/tileHeight), hash)
		}
	})
}

// grow appends the rows below to, and returns the batch of them without checkpoint.
func (t *tree) grow(ctx context.Context, log Log, to int64) (Batch, error) {
	b := Batch{Source: log.Source(), OldSize: t.size(), Frontier: t.frontier()}
	err := eachCommitment(ctx, log, b.OldSize, to, func(c [32]byte) error {
		b.Commitments = append(b.Commitments, c)
		return t.append(c)
	})
	b.Root = t.root()
	return b, err
}

func (t *tree) keep(level int, hash []byte) {
	t.tiles[level] = append(t.tiles[level], hash...)
	t.counts[level]++
	t.grown[level] = true
	if len(t.tiles[level]) == tileWidth*hashSize {
		t.full = append(t.full, Tile{Level: level, Index: t.counts[level]/tileWidth - 1, Data: t.tiles[level]})
		delete(t.tiles, level)
		delete(t.grown, level)
	}
}

// take returns the tiles that changed since the last call.
func (t *tree) take() []Tile {
	changed := t.full
	for level := range t.grown {
		changed = append(changed, Tile{Level: level, Index: t.counts[level] / tileWidth, Data: bytes.Clone(t.tiles[level])})
	}
	t.full, t.grown = nil, map[int]bool{}
	return changed
}

// loadTree reads the right edge of a tree of that size from its tiles.
func loadTree(ctx context.Context, log Log, size int64) (*tree, error) {
	t := newTree()
	for level, n := 0, size; n > 0; level, n = level+1, n>>tileHeight {
		t.counts[level] = n
		width := n % tileWidth
		if width == 0 {
			continue
		}
		data, err := readTile(ctx, log, level, n/tileWidth, width)
		if err != nil {
			return nil, err
		}
		t.tiles[level] = data[:width*hashSize]
	}
	var hashes [][]byte
	for _, id := range compact.RangeNodes(0, uint64(size), nil) {
		index := tlog.StoredHashIndex(int(id.Level), int64(id.Index))
		h, err := foldTile(log, tlog.TileForIndex(tileHeight, index), t.tiles[int(id.Level/tileHeight)], index)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, h[:])
	}
	var err error
	t.edge, err = ranges.NewRange(0, uint64(size), hashes)
	return t, err
}

// readTile returns a tile with at least width hashes.
func readTile(ctx context.Context, log Log, level int, index, width int64) ([]byte, error) {
	data, err := log.ReadTile(ctx, level, index)
	if err != nil {
		return nil, fmt.Errorf("read tile %d/%d of %s: %w", level, index, log.Source(), err)
	}
	if int64(len(data)) < width*hashSize || len(data)%hashSize != 0 || len(data) > tileWidth*hashSize {
		return nil, tileDamage(log, level, index, fmt.Sprintf("has %d bytes, at least %d hashes were written", len(data), width))
	}
	return data, nil
}

func tileDamage(log Log, level int, index int64, what string) error {
	return &Damage{Source: log.Source(), Seq: -1, Column: fmt.Sprintf("tile %d/%d", level, index), What: what}
}

// foldTile computes a node from the hashes of its tile.
func foldTile(log Log, t tlog.Tile, data []byte, index int64) (tlog.Hash, error) {
	h, err := tlog.HashFromTile(t, data, index)
	if err != nil {
		err = tileDamage(log, t.L, t.N, err.Error())
	}
	return h, err
}

// readNodes fetches the nodes of a proof.
func readNodes(ctx context.Context, log Log) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			t := tlog.TileForIndex(tileHeight, index)
			data, err := readTile(ctx, log, t.L, t.N, int64(t.W))
			if err != nil {
				return nil, err
			}
			if hashes[i], err = foldTile(log, t, data, index); err != nil {
				return nil, err
			}
		}
		return hashes, nil
	})
}
