package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aceso-health/aceso/store"
)

// checkMark is what a check leaves for the next one (store.Since.Mark): how much of the
// folder it looked at.
type checkMark struct {
	Schema   string `json:"schema"`
	Stamp    int64  `json:"stamp"`    // versions, up to this stamp
	Changes  int64  `json:"changes"`  // entries of the change log ...
	Accesses int64  `json:"accesses"` // ... and of the access log
	Turn     int64  `json:"turn"`     // the last turn ended with the resource at this place
}

// CheckSince is Check of what has changed since another check: the resources with new
// versions, with all their versions, keys and lists, and the parts of new entries. It
// finds keys that such a resource lacks, or keeps from the version before. What it does
// not look at: keys and rows that nothing accounts for, epochs, the pages of the files.
func (s *Store) CheckSince(ctx context.Context, since store.Since, visit func(store.Finding) error) ([]byte, error) {
	now, err := s.checkMark(ctx)
	if err != nil {
		return nil, err
	}
	var from checkMark
	if json.Unmarshal(since.Mark, &from) != nil || from.Schema != now.Schema {
		err = s.Check(ctx, visit)
	} else {
		now.Turn = from.Turn
		err = s.checkSome(ctx, from, &now, since.Turns, visit)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(now)
}

// checkMark is that of the folder as it is now.
func (s *Store) checkMark(ctx context.Context) (m checkMark, err error) {
	const entries = "SELECT coalesce(max(seq) + 1, 0) FROM entries"
	err = s.read.read(ctx, func(c conn) error {
		schema, err := c.value("SELECT CAST(value AS BLOB) FROM meta WHERE name = 'schema'")
		if err != nil {
			return err
		}
		m.Schema = string(schema)
		if m.Stamp, err = c.number("SELECT coalesce(max(stamp), 0) FROM versions"); err != nil {
			return err
		}
		m.Changes, err = c.number(entries)
		return err
	})
	if err != nil {
		return m, fmt.Errorf("what a check goes on from: %w", err)
	}
	err = s.logRead.read(ctx, func(c conn) error {
		m.Accesses, err = c.number(entries)
		return err
	})
	if err != nil {
		return m, fmt.Errorf("what a check goes on from: %w", err)
	}
	return m, nil
}

func (s *Store) checkSome(ctx context.Context, from checkMark, to *checkMark, turns int64, visit func(store.Finding) error) error {
	return store.Check(ctx, visit, func(ctx context.Context, findings *store.Findings) error {
		err := s.read.read(ctx, func(c conn) error {
			k := &checker{conn: c, ctx: ctx, file: mainFile, identity: s.identity, findings: findings}
			return k.run(k.checkMeta, k.checkNames,
				func() error {
					return k.checkThose("v.rid IN (SELECT rid FROM versions WHERE stamp > ?)", from.Stamp)
				},
				func() error { return k.checkTurn(to, turns) },
				func() error { return k.checkPartsOf(from.Changes << partBits) })
		})
		if err != nil {
			return err
		}
		return s.logRead.read(ctx, func(c conn) error {
			k := &checker{conn: c, ctx: ctx, file: accessFile, identity: s.identity, findings: findings}
			return k.run(k.checkMeta, func() error { return k.checkPartsOf(from.Accesses << partBits) })
		})
	})
}

// checkTurn looks at the next part of all resources.
func (k *checker) checkTurn(m *checkMark, turns int64) error {
	if turns == 0 {
		return nil
	}
	last, err := k.number("SELECT coalesce(max(rid), 0) FROM resources")
	if err != nil {
		return err
	}
	from := m.Turn
	if from >= last {
		from = 0
	}
	m.Turn = store.NextPart(from, last, turns)
	return k.checkThose("v.rid > ? AND v.rid <= ?", from, m.Turn)
}

// checkThose checks the resources that a condition selects, with their keys.
func (k *checker) checkThose(where string, args ...any) error {
	s := &someKeys{checker: k}
	k.keysOf = s.note
	defer func() { k.keysOf = nil }()
	if err := k.walkVersions(checkedVersions+" WHERE "+where+" ORDER BY v.rid, v.version", args...); err != nil {
		return err
	}
	if err := s.settle(); err != nil {
		return err
	}
	return k.lists()
}

// lists looks up what the versions that were walked say of the small tables.
func (k *checker) lists() error {
	for r := range k.consents {
		err := k.must(true, "consents", fmt.Sprintf("of rid %d", r.of), "SELECT count(*) FROM consents WHERE patient = ? AND rid = ?", r.patient, r.of)
		if err != nil {
			return err
		}
	}
	if k.schema < schemaGoverning {
		return nil
	}
	for r := range k.named {
		err := k.must(true, "named", fmt.Sprintf("of stamp %d", r.of), "SELECT count(*) FROM named WHERE binary = ? AND stamp = ?", r.patient, r.of)
		if err != nil {
			return err
		}
	}
	return nil
}

// must reports a row that should be there and is not, or the other way round.
func (k *checker) must(there bool, table, row, query string, args ...any) error {
	n, err := k.number(query, args...)
	switch {
	case err != nil:
		return err
	case there && n == 0:
		k.found(table, row, "", "is missing")
	case !there && n > 0:
		k.found(table, row, "", "belongs to no current version")
	}
	return k.ctx.Err()
}

// someKeys compares the index rows of one resource after the other with what its last two
// versions need.
type someKeys struct {
	*checker
	of           *checked // the last version that was noted
	before, last rows     // needed by the one before it, and by it
	err          error
}

// note takes the rows of the next version.
func (s *someKeys) note(v *checked, needed rows) {
	if s.of != nil && s.of.Place != v.Place {
		s.err = s.settle()
	}
	s.of, s.before, s.last = v, s.last, needed
}

// settle looks the rows of the resource up.
func (s *someKeys) settle() error {
	v, stale, needed := s.of, s.before, s.last
	s.of, s.before, s.last = nil, rows{}, rows{}
	if v == nil || s.err != nil {
		return s.err
	}
	switch {
	case v.resource.deleted != 0:
		stale, needed = needed, rows{}
	case v.resource.stamp != v.Stamp:
		return nil // found already
	}
	if err := s.look(true, needed); err != nil {
		return err
	}
	return s.look(false, stale.without(needed))
}

// look looks rows up in the index tables.
func (s *someKeys) look(there bool, of rows) error {
	lines := of.lines()
	for i, r := range of.keys {
		if err := s.must(there, "ix", s.describe(lines[i]), "SELECT count(*) FROM ix WHERE p = ? AND v = ? AND rid = ?", r.p, r.v, r.rid); err != nil {
			return err
		}
	}
	lines = lines[len(of.keys):]
	for i, r := range of.dates {
		err := s.must(there, "dates", s.describe(lines[i]), "SELECT count(*) FROM dates WHERE p = ? AND u = ? AND class = ? AND lo = ? AND hi = ? AND rid = ?", r.p, r.u, r.class, r.lo, r.hi, r.rid)
		if err != nil {
			return err
		}
	}
	lines = lines[len(of.dates):]
	for i, r := range of.numbers {
		err := s.must(there, "numbers", s.describe(lines[i]), "SELECT count(*) FROM numbers WHERE p = ? AND u = ? AND lo = ? AND hi = ? AND rid = ?", r.p, r.u, r.lo, r.hi, r.rid)
		if err != nil {
			return err
		}
	}
	return nil
}

// without gives the rows that are not among others.
func (r rows) without(others rows) rows {
	return rows{keys: less(r.keys, others.keys), dates: less(r.dates, others.dates), numbers: less(r.numbers, others.numbers)}
}

func less[R comparable](some, others []R) (rest []R) {
	there := make(map[R]bool, len(others))
	for _, o := range others {
		there[o] = true
	}
	for _, r := range some {
		if !there[r] {
			rest = append(rest, r)
		}
	}
	return rest
}
