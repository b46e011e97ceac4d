package mongo

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/store"
)

// seenAtOnce bounds one command.
const seenAtOnce = 1000

// stillSeen is stillJudged for what the rows judged lead to.
func (u *unit) stillSeen(ctx context.Context, group []*member) (valid []*member, err error) {
	var all []store.Seen
	for _, m := range group {
		all = append(all, m.change.Judged.Seen...)
	}
	if len(all) == 0 {
		return group, nil
	}
	now, err := u.s.look(ctx, all)
	if err != nil {
		return nil, err
	}
	for _, m := range group {
		if slices.ContainsFunc(m.change.Judged.Seen, func(s store.Seen) bool { return now[u.s.id(s.Ref)].differs(&s) }) {
			m.err = store.ErrChanged
		} else {
			valid = append(valid, m)
		}
	}
	return valid, nil
}

// sight is what there is now of a resource: zero if nothing.
type sight struct {
	version int64
	names   int
}

func (n sight) differs(s *store.Seen) bool {
	return s.Version >= 0 && n.version != s.Version || s.Names >= 0 && n.names != s.Names
}

// look reads versions and counts names.
func (s *Store) look(ctx context.Context, all []store.Seen) (map[string]sight, error) {
	now := map[string]sight{}
	for some := range slices.Chunk(all, seenAtOnce) {
		ids := make(bson.A, len(some))
		for i := range some {
			ids[i] = s.id(some[i].Ref)
		}
		err := s.readCurrent(ctx, ids, false, func(c *current) { now[c.ID] = sight{version: c.Version} })
		if err != nil {
			return nil, err
		}
	}
	for i := range all {
		if all[i].Names < 0 {
			continue
		}
		id := s.id(all[i].Ref)
		n, err := s.countNames(ctx, id, all[i].Names+1)
		if err != nil {
			return nil, err
		}
		now[id] = sight{now[id].version, n}
	}
	return now, nil
}

// countNames counts the versions that name a Binary, up to most.
func (s *Store) countNames(ctx context.Context, binary string, most int) (n int, err error) {
	err = eachRaw(ctx, s.named, namedBy(binary), options.Find().SetLimit(int64(most)), func(bson.Raw) error {
		n++
		return nil
	})
	return n, err
}
