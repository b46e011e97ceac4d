package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// upgrade brings a file that an older program wrote to the layout of this one, wholly or
// not at all. Programs that know only the older layout refuse the file afterwards.
func (s *Store) upgrade(ctx context.Context, c conn) error {
	from, err := schemaOf(c)
	if err != nil || from == schemaVersion {
		return err
	}
	s.opts.Report(fmt.Sprintf("bringing %s from schema version %d to %d", c.file, from, schemaVersion))
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("upgrade %s: %w", c.file, err)
	}
	if err := s.upgradeFrom(ctx, c, from); err != nil {
		return errors.Join(fmt.Errorf("upgrade %s: %w", c.file, err), c.exec("ROLLBACK"))
	}
	s.opts.Report(fmt.Sprintf("%s has schema version %d", c.file, schemaVersion))
	return nil
}

func (s *Store) upgradeFrom(ctx context.Context, c conn, from int) error {
	if c.file == mainFile && from < schemaGoverning {
		if err := c.renewEpochs(ctx); err != nil {
			return err
		}
		if err := c.renewFacts(ctx); err != nil {
			return err
		}
	}
	if c.file == mainFile && from < schemaInside {
		if err := s.renewIndex(ctx, c, from); err != nil {
			return err
		}
	}
	if c.file == mainFile && from < schemaConstrained {
		if err := s.addMarks(ctx, c); err != nil {
			return err
		}
	}
	v := strconv.Itoa(schemaVersion)
	if err := c.exec("UPDATE meta SET value = ?, sum = ? WHERE name = 'schema'", v, rowSum(0, "schema", v)); err != nil {
		return err
	}
	if s.opts.Fault != nil {
		if err := s.opts.Fault(c.file + " upgrade"); err != nil {
			return err
		}
	}
	return c.exec("COMMIT")
}

// touched has, for each change that wrote what governs access, the keys of that.
type touched map[int64][]string

// add notes a version of a governing type and the one before it.
func (t touched) add(v, before *plan.Row) {
	t[v.Seq] = append([]string{}, t[v.Seq]...)
	for _, r := range []*plan.Row{before, v} {
		if r == nil {
			continue
		}
		if f, err := r.Facts(); err == nil { // otherwise the check finds it
			t[v.Seq] = store.Union(t[v.Seq], store.Governed(f))
		}
	}
}

// renewEpochs gives each change that wrote what governs access its epoch, as commits do
// now. Nothing outside a process refers to an epoch.
func (c conn) renewEpochs(ctx context.Context) error {
	all := touched{}
	err := c.eachOf(ctx, store.Governing(), func(v, before *checked) error {
		if before == nil {
			all.add(&v.Row, nil)
		} else {
			all.add(&v.Row, &before.Row)
		}
		return nil
	})
	if err == nil {
		err = c.exec("DELETE FROM consent_writes")
	}
	for row := range all.rows(nil) { // before there were grants
		if err != nil {
			return err
		}
		err = c.exec("INSERT INTO consent_writes VALUES (?, ?)", row.of, row.patient)
	}
	if err != nil {
		return err
	}
	return c.exec("UPDATE counters SET value = ? WHERE name = 'epoch'", int64(len(all)))
}

// renewFacts lets the facts of all versions be what their documents say; a tombstone has
// those of the version before. A damaged version, and its tombstone, stay as they are.
func (c conn) renewFacts(ctx context.Context) error {
	bases, err := c.bases()
	if err != nil {
		return err
	}
	var named []string
	return c.eachOf(ctx, nil, func(v, before *checked) error {
		base, known := bases[v.base]
		if !known || !v.whole() {
			return nil
		}
		var facts []byte
		var err error
		switch {
		case !v.Deleted:
			facts, named, err = plan.RenewFacts(v.PackedFacts, v.PackedBody, base)
		case before != nil && before.whole():
			facts = before.PackedFacts
		default:
			return nil
		}
		if err != nil {
			named = nil
			return nil // the check finds it
		}
		v.PackedFacts = facts
		v.storedSum = v.sum(v.contentSum())
		if err := c.indexNames(v.Stamp, named); err != nil {
			return err
		}
		return c.exec("UPDATE versions SET facts = ?, sum = ? WHERE stamp = ?", facts, v.storedSum, v.Stamp)
	})
}

// eachOf visits the versions of some types, or of all if there are none, resource by
// resource, each with the one before it. visit may update them.
func (c conn) eachOf(ctx context.Context, types []string, visit func(v, before *checked) error) error {
	known, err := loadNames(c)
	if err != nil {
		return fmt.Errorf("load names: %w", err)
	}
	var n names
	n.publish(known)
	var stamps []int64
	if types == nil {
		stamps, err = c.stamps(ctx, "SELECT stamp FROM versions ORDER BY rid, version")
	}
	for _, typ := range types {
		some, failed := c.stamps(ctx, "SELECT stamp FROM versions WHERE type = ? ORDER BY rid, version", n.id(typ, ""))
		if stamps, err = append(stamps, some...), failed; err != nil {
			break
		}
	}
	if err != nil {
		return err
	}
	var before *checked
	for _, stamp := range stamps {
		var v *checked
		err := c.each(checkedVersions+" WHERE v.stamp = ?", func(st *sqlite.Stmt) error {
			v = n.scanChecked(st)
			return ctx.Err()
		}, stamp)
		if err != nil {
			return err
		}
		if before != nil && before.Place != v.Place {
			before = nil
		}
		if err := visit(v, before); err != nil {
			return err
		}
		before = v
	}
	return nil
}
