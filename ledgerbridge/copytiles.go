package ledgerbridge

import (
	"bytes"
	"context"
	"fmt"
)

// CopyTiles copies the stored tree of a log to a copy of the log.
func CopyTiles(ctx context.Context, from, to Log) error {
	return eachTile(ctx, from, func(t Tile) error { return to.WriteTiles(ctx, []Tile{t}) })
}

// CompareTiles checks that a copy of a log has the tree of the original.
func CompareTiles(ctx context.Context, from, to Log) error {
	return eachTile(ctx, from, func(t Tile) error {
		data, err := to.ReadTile(ctx, t.Level, t.Index)
		if err == nil && !bytes.Equal(data, t.Data) {
			err = fmt.Errorf("tile %d/%d of %s is not the same in both stores", t.Level, t.Index, from.Source())
		}
		return err
	})
}

// eachTile visits the stored tiles of a log; the last ones may not be written yet.
func eachTile(ctx context.Context, log Log, visit func(Tile) error) error {
	size, err := log.Size(ctx)
	if err != nil {
		return err
	}
	for level, n := 0, size; n > 0; level, n = level+1, n>>tileHeight {
		for index := int64(0); index*tileWidth < n; index++ {
			data, err := log.ReadTile(ctx, level, index)
			if err != nil {
				return err
			}
			if data == nil {
				continue
			}
			if err := visit(Tile{Level: level, Index: index, Data: data}); err != nil {
				return err
			}
		}
	}
	return nil
}
