package ledgerbridge

import (
	"context"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
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
func (t *tree) frontier() [][32]byte {
	hashes := make([][32]byte, len(t.edge.Hashes()))
	for i, h := range t.edge.Hashes() {
		copy(hashes[i][:], h)
	}
	return hashes
}

// clone copies a tree that is to grow, so that the original outlives a failure.
func (t *tree) clone() (*tree, error) {
	c := newTree()
	var err error
	c.edge, err = ranges.NewRange(0, t.edge.End(), append([][]byte(nil), t.edge.Hashes()...))
	for level, data := range t.tiles {
		c.tiles[level] = append([]byte(nil), data...)
	}
	for level, n := range t.counts {
		c.counts[level] = n
	}
	return c, err
}

// append adds a leaf: the commitment of the next row.
func (t *tree) append(commitment [32]byte) error {
	return t.edge.Append(rfc6962.DefaultHasher.HashLeaf(commitment[:]), func(id compact.NodeID, hash []byte) {
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
		changed = append(changed, Tile{Level: level, Index: t.counts[level] / tileWidth, Data: append([]byte(nil), t.tiles[level]...)})
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
		level := int(id.Level / tileHeight)
		h, err := foldTile(t.tiles[level], id)
		if err != nil {
			return nil, tileDamage(log, level, tileIndex(id), err.Error())
		}
		hashes = append(hashes, h)
	}
	var err error
	t.edge, err = ranges.NewRange(0, uint64(size), hashes)
	return t, err
}

// tileIndex returns the index of the tile that holds a node.
func tileIndex(id compact.NodeID) int64 {
	return int64(id.Index << (id.Level % tileHeight) / tileWidth)
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
func foldTile(data []byte, id compact.NodeID) ([]byte, error) {
	count := uint64(1) << (id.Level % tileHeight)
	from := id.Index * count % tileWidth
	if uint64(len(data)) < (from+count)*hashSize {
		return nil, fmt.Errorf("lacks hashes")
	}
	r := ranges.NewEmptyRange(0)
	for i := from; i < from+count; i++ {
		if err := r.Append(data[i*hashSize:(i+1)*hashSize], nil); err != nil {
			return nil, err
		}
	}
	return r.GetRootHash(nil)
}

// readNodes fetches the nodes of a proof.
func readNodes(ctx context.Context, log Log, ids []compact.NodeID) ([][]byte, error) {
	hashes := make([][]byte, len(ids))
	for i, id := range ids {
		level, index := int(id.Level/tileHeight), tileIndex(id)
		data, err := readTile(ctx, log, level, index, 1)
		if err != nil {
			return nil, err
		}
		if hashes[i], err = foldTile(data, id); err != nil {
			return nil, tileDamage(log, level, index, err.Error())
		}
	}
	return hashes, nil
}
