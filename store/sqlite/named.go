package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// Naming returns the facts of versions that name a Binary, the newest first.
func (s *Store) Naming(ctx context.Context, binary fhir.Ref, limit int) (all []*fhir.Facts, err error) {
	err = s.consentRead.read(ctx, func(c conn) error {
		x := &reader{conn: c, names: &s.names}
		rows, err := x.all("SELECT "+rowColumns+` FROM named n JOIN versions v ON v.stamp = n.stamp
			JOIN resources r ON r.rid = v.rid WHERE n.binary = ? ORDER BY n.stamp DESC LIMIT ?`, binary.String(), limit)
		for _, r := range rows {
			f, err := r.Facts()
			if err != nil {
				return err
			}
			all = append(all, f)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read who names a Binary: %w", err)
	}
	return all, nil
}

// indexNames notes which Binaries a version names.
func (c conn) indexNames(stamp int64, names []string) error {
	for _, binary := range names {
		if err := c.exec("INSERT OR IGNORE INTO named VALUES (?, ?)", binary, stamp); err != nil {
			return err
		}
	}
	return nil
}

// expectNames notes the rows of named that a version needs.
func (k *checker) expectNames(v *checked) {
	f, err := v.Facts()
	if err != nil || k.schema < schemaGoverning {
		return // found already
	}
	for _, binary := range store.Names(f) {
		k.named[consentRow{binary, v.Stamp}] = true
	}
}

// checkNamed compares named with the versions.
func (k *checker) checkNamed() error {
	if k.schema < schemaGoverning {
		return nil
	}
	return sameRows(k, "named", "version", "SELECT binary, stamp FROM named", k.named, scanConsent, func(r consentRow) string {
		return fmt.Sprintf("of stamp %d", r.of)
	})
}

// stamps lists the stamps that a query selects.
func (c conn) stamps(ctx context.Context, query string, args ...any) (all []int64, err error) {
	err = c.each(query, func(st *sqlite.Stmt) error {
		all = append(all, st.ColumnInt64(0))
		return ctx.Err()
	}, args...)
	return all, err
}
