package sqlite

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

var _ store.Indexer = (*Store)(nil)

// Plan returns the plan of custom search keys.
func (s *Store) Plan(ctx context.Context) (p store.Plan, err error) {
	err = s.consentRead.use(ctx, func(c conn) error {
		p, err = c.plan()
		return err
	})
	if err != nil {
		return p, fmt.Errorf("read the plan of search keys: %w", err)
	}
	return p, nil
}

func (c conn) plan() (p store.Plan, err error) {
	err = c.each("SELECT number, turn, state, sum FROM plan", func(st *sqlite.Stmt) error {
		state := st.ColumnText(2)
		if !bytes.Equal(blob(st, 3), planSum(st.ColumnInt64(0), st.ColumnInt64(1), state)) {
			return &store.Finding{File: mainFile, Table: "plan", Row: "1", Column: "sum", What: "the row does not match its checksum"}
		}
		return json.Unmarshal([]byte(state), &p)
	})
	return p, err
}

func planSum(number, turn int64, state string) []byte {
	return rowSum(1, strconv.FormatInt(number, 10), strconv.FormatInt(turn, 10), state)
}

// planned is ErrChanged unless a query was made by the plan of the snapshot, or by none.
func (x *reader) planned(number int64) error {
	if number == 0 {
		return nil
	}
	now, err := x.number("SELECT number FROM plan")
	if err == nil && now != number {
		err = store.ErrChanged
	}
	return err
}

// Amend replaces the plan.
func (s *Store) Amend(ctx context.Context, next store.Plan) error {
	return s.write.do(ctx, false, func(u *changeUnit) error { return u.amend(next) })
}

// amend replaces the plan; members of the same group that come later know it.
func (u *changeUnit) amend(next store.Plan) error {
	turn, err := u.number("SELECT turn FROM plan")
	if err != nil {
		return err
	}
	if turn != next.Turn-1 {
		return store.ErrChanged
	}
	state, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode the plan of search keys: %w", err)
	}
	u.ends.plan = next.Number
	return u.exec("INSERT OR REPLACE INTO plan VALUES (1, ?, ?, ?, ?)", next.Number, next.Turn, string(state), planSum(next.Number, next.Turn, string(state)))
}

// planAgain lets all keys of the plan be made anew.
func (u *changeUnit) planAgain() error {
	p, err := u.conn.plan()
	if err != nil || len(p.Params) == 0 && p.Labels.Rules == "" {
		return err
	}
	return u.amend(p.Again())
}

// rekeyed is a current version with its keys and those that it should have.
type rekeyed struct {
	*checked
	old, fresh *search.Index
}

// Rekey makes the custom keys of further resources anew. It evaluates expressions before it
// begins to write: nobody waits for that.
func (s *Store) Rekey(ctx context.Context, p store.Plan, limit int, keys store.MakeKeys) (store.Plan, error) {
	pass := p.Passes[0]
	var all []rekeyed
	var last, total int64
	err := s.read.read(ctx, func(c conn) (err error) {
		if pass.Total == 0 {
			if total, err = c.number("SELECT count(*) FROM resources WHERE type = ? AND deleted = 0", s.names.id(pass.Type, "")); err != nil {
				return err
			}
		}
		all, last, err = s.portion(c, pass, limit, keys)
		return err
	})
	if err != nil {
		return p, fmt.Errorf("make search keys: %w", err)
	}
	next := p.Advance(last, int64(len(all)), len(all) < limit)
	if len(next.Passes) == len(p.Passes) && pass.Total == 0 {
		next.Passes[0].Total = total
	}
	err = s.write.do(ctx, false, func(u *changeUnit) error {
		for i := range all {
			if err := u.rekey(&all[i]); err != nil {
				return err
			}
		}
		return u.amend(next)
	})
	return next, err
}

// portion makes the keys of the resources after those that are done.
func (s *Store) portion(c conn, pass store.Pass, limit int, keys store.MakeKeys) (all []rekeyed, last int64, err error) {
	bases, err := c.bases()
	if err != nil {
		return nil, 0, err
	}
	err = c.each(checkedColumns+` FROM (SELECT * FROM resources WHERE type = ? AND deleted = 0 AND rid > ? ORDER BY rid LIMIT ?) r
		JOIN versions v ON v.stamp = r.stamp ORDER BY r.rid`, func(st *sqlite.Stmt) error {
		all = append(all, rekeyed{checked: s.names.scanChecked(st)})
		return nil
	}, s.names.id(pass.Type, ""), pass.After, limit)
	for i := range all {
		if err == nil {
			err = all[i].describe(bases, keys)
		}
		last = all[i].Place
	}
	return all, last, err
}

// describe makes the keys of a version; one that is damaged keeps those it has.
func (r *rekeyed) describe(bases map[int64]string, keys store.MakeKeys) (err error) {
	base, known := bases[r.base]
	if !known || !r.whole() {
		return nil
	}
	body, err := store.Unpack(r.PackedBody)
	if err != nil {
		return nil // the check finds it
	}
	doc, err := fhir.Open(body)
	if err != nil {
		return nil
	}
	own, err := keys(doc, base)
	if err != nil {
		return err
	}
	if r.old, err = r.Index(); err == nil {
		r.fresh = r.old.WithCustom(own)
	}
	return err
}

// rekey writes the keys of a version that is still current.
func (u *changeUnit) rekey(r *rekeyed) error {
	if r.fresh == nil {
		return nil
	}
	packed := store.Pack(encodeIndex(r.fresh))
	if bytes.Equal(packed, r.packedIndex) {
		return nil
	}
	if stamp, err := u.number("SELECT stamp FROM resources WHERE rid = ?", r.Place); err != nil || stamp != r.Stamp {
		return err
	}
	r.packedIndex = packed
	if err := u.exec("UPDATE versions SET idx = ?, sum = ? WHERE stamp = ?", packed, r.sum(r.contentSum()), r.Stamp); err != nil {
		return err
	}
	intern := func(param string) (int64, error) { return u.intern(r.Ref.Type, param) }
	old, err := indexRows(r.Ref.Type, r.old.Custom(), nil, r.Place, intern)
	if err != nil {
		return err
	}
	fresh, err := indexRows(r.Ref.Type, r.fresh.Custom(), nil, r.Place, intern)
	if err == nil {
		u.pending.add(old, fresh)
	}
	return err
}
