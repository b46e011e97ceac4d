package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// Consents returns the current Consents in the compartment of a patient. It uses
// connections of its own: visibility functions call it while a search holds one of the
// others.
func (s *Store) Consents(ctx context.Context, patient string) (all []store.Version, epoch int64, err error) {
	err = s.consentRead.read(ctx, func(c conn) error {
		if epoch, err = c.number("SELECT " + epochQuery); err != nil {
			return err
		}
		x := &reader{conn: c, names: &s.names}
		rows, err := x.all("SELECT "+rowColumns+` FROM consents k JOIN resources r ON r.rid = k.rid
			JOIN versions v ON v.stamp = r.stamp WHERE k.patient = ? ORDER BY r.rid`, patient)
		if err != nil {
			return err
		}
		all, err = search.Versions(rows, epoch)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read consents: %w", err)
	}
	return all, epoch, nil
}

// ConsentChanges returns the patients whose Consents were written with an epoch
// above since, and the epoch of the snapshot.
func (s *Store) ConsentChanges(ctx context.Context, since int64) (patients []string, epoch int64, err error) {
	err = s.consentRead.read(ctx, func(c conn) error {
		if epoch, err = c.number("SELECT " + epochQuery); err != nil {
			return err
		}
		seen := map[string]bool{}
		return c.each("SELECT patient FROM consent_writes WHERE epoch > ? ORDER BY epoch", func(st *sqlite.Stmt) error {
			if p := st.ColumnText(0); !seen[p] {
				seen[p] = true
				patients = append(patients, p)
			}
			return nil
		}, since)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read changes of consents: %w", err)
	}
	return patients, epoch, nil
}

// indexConsent updates the list of patients' current Consents, and records the patients
// whose Consents this change writes: those of the version before and those of the new one.
func (u *changeUnit) indexConsent(before *current, v *versionRow, patients []string) error {
	if err := u.exec("DELETE FROM consents WHERE rid = ?", v.Place); err != nil {
		return err
	}
	touched := patients
	if before.version > 0 {
		facts, err := u.value("SELECT facts FROM versions WHERE stamp = ?", before.stamp)
		if err != nil {
			return err
		}
		f, err := store.UnpackFacts(facts)
		if err != nil {
			return &store.Finding{File: mainFile, Table: "versions", Row: fmt.Sprint(before.stamp), Column: "facts", What: "cannot be decoded"}
		}
		touched = store.Union(patients, f.Patients)
	}
	for _, p := range touched {
		if err := u.exec("INSERT OR IGNORE INTO consent_writes VALUES (?, ?)", u.epoch, p); err != nil {
			return err
		}
	}
	if v.Deleted {
		return nil
	}
	for _, p := range patients {
		if err := u.exec("INSERT OR IGNORE INTO consents VALUES (?, ?)", p, v.Place); err != nil {
			return err
		}
	}
	return nil
}
