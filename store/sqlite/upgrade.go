package sqlite

import (
	"bytes"
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
		if err := c.renewBundles(ctx); err != nil {
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
func (t touched) add(v, before *checked) {
	t[v.seq] = append([]string{}, t[v.seq]...)
	for _, c := range []*checked{before, v} {
		if c == nil {
			continue
		}
		if f, err := store.UnpackFacts(c.facts); err == nil { // otherwise the check finds it
			t[v.seq] = store.Union(t[v.seq], store.Governed(&f))
		}
	}
}

// renewEpochs gives each change that wrote what governs access its epoch, as commits do
// now. Nothing outside a process refers to an epoch.
func (c conn) renewEpochs(ctx context.Context) error {
	all := touched{}
	var before *checked
	err := c.eachOf(ctx, store.Governing(), func(v *checked) error {
		if before != nil && before.rid != v.rid {
			before = nil
		}
		all.add(v, before)
		before = v
		return nil
	})
	if err == nil {
		err = c.exec("DELETE FROM consent_writes")
	}
	for row := range all.rows() {
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

// renewBundles lets the facts of Bundles have the types of what is in them. A version that
// does not match its checksum stays as it is.
func (c conn) renewBundles(ctx context.Context) error {
	var before *checked
	return c.eachOf(ctx, []string{"Bundle"}, func(v *checked) error {
		if before != nil && before.rid != v.rid {
			before = nil
		}
		if !bytes.Equal(v.storedSum, v.sum(v.content.sum())) || v.deleted && before == nil {
			before = nil
			return nil
		}
		facts := []byte(nil)
		if v.deleted {
			facts = before.facts
		} else {
			var err error
			if facts, err = plan.RenewCodes(v.facts, v.body); err != nil {
				before = nil
				return nil // the check finds it
			}
		}
		v.facts, before = facts, v
		return c.exec("UPDATE versions SET facts = ?, sum = ? WHERE stamp = ?", v.facts, v.sum(v.content.sum()), v.stamp)
	})
}

// eachOf visits the versions of some types, resource by resource. visit may update the
// version.
func (c conn) eachOf(ctx context.Context, types []string, visit func(*checked) error) error {
	var stamps []int64
	for _, typ := range types {
		err := c.each("SELECT v.stamp FROM names n JOIN versions v ON v.type = n.id WHERE n.name = '' AND n.type = ? ORDER BY v.rid, v.version", func(st *sqlite.Stmt) error {
			stamps = append(stamps, st.ColumnInt64(0))
			return ctx.Err()
		}, typ)
		if err != nil {
			return err
		}
	}
	for _, stamp := range stamps {
		var v *checked
		err := c.each(checkedVersions+" WHERE v.stamp = ?", func(st *sqlite.Stmt) error {
			v = scanChecked(st)
			return ctx.Err()
		}, stamp)
		if err == nil {
			err = visit(v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
