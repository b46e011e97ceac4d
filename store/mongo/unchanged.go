package mongo

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/store"
)

// types says when the writer of a lane last wrote each type, as the stamp of its last
// version in that transaction. Programs that do not know it move the head without it.
type types struct {
	Last  map[string]int64 `bson:"types,omitempty"`
	From  int64            `bson:"from"`  // up to this stamp nothing is known
	Known int64            `bson:"typed"` // and after this one
}

// wrote are the fields of a head with what a transaction wrote. Their names begin with
// types.
func (h *head) wrote(written map[string]bool, stamp int64) (fields bson.D) {
	if stamp == h.End.Stamp {
		return nil
	}
	if h.Types.Known != h.End.Stamp {
		fields = append(fields, bson.E{Key: "from", Value: h.End.Stamp})
	}
	for _, typ := range slices.Sorted(maps.Keys(written)) {
		fields = append(fields, bson.E{Key: "types." + typ, Value: stamp})
	}
	return append(fields, bson.E{Key: "typed", Value: stamp})
}

// writtenSince says whether the writer of the lane may have written one of the types after
// a stamp.
func (h *head) writtenSince(stamp int64, typs []string) bool {
	if h.End.Stamp <= stamp {
		return false
	}
	if h.Types.Known != h.End.Stamp || h.Types.From > stamp {
		return true
	}
	return slices.ContainsFunc(typs, func(typ string) bool { return h.Types.Last[typ] > stamp })
}

// Position names the snapshot by its marks, which takes a command: only where a second
// search would be costly.
func (x *reader) Position(costly bool) ([]byte, error) {
	if !costly {
		return nil, nil
	}
	return x.Mark()
}

// holds says whether a guard holds without a search: none of the types on which it rests
// was written since it was decided.
func (u *unit) holds(ctx context.Context, g *store.Guard) (bool, error) {
	if g.At == nil {
		return false, nil
	}
	typs := g.Query.Types()
	if slices.ContainsFunc(typs, func(typ string) bool { return u.wrote[typ] }) {
		return false, nil
	}
	marked := map[string]int64{}
	if json.Unmarshal(g.At, &marked) != nil {
		return false, nil
	}
	heads, err := all[head](ctx, u.s.heads, bson.D{}, options.Find())
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(heads, func(h head) bool {
		return h.writtenSince(marked[strconv.FormatInt(h.Lane, 10)], typs)
	}), nil
}
