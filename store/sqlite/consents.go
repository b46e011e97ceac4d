package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// Consents returns the current Consents in the compartment of a patient. It uses
// connections of its own: visibility functions call it while a search holds one of the
// others.
func (s *Store) Consents(ctx context.Context, patient string) (all []store.Version, epoch int64, err error) {
	if patient == "" { // nobody: who asks wants the epoch
		epoch, err = s.epoch(ctx)
		return nil, epoch, err
	}
	err = s.consentRead.read(ctx, func(c conn) error {
		if epoch, err = c.number("SELECT " + epochQuery); err != nil {
			return err
		}
		known, err := s.names.in(c)
		if err != nil {
			return err
		}
		x := &reader{conn: c, names: known}
		// A bare parameter would make SQLite plan the join again whenever it changes.
		rows, err := x.all("SELECT "+rowColumns+` FROM consents k JOIN resources r ON r.rid = k.rid
			JOIN versions v ON v.stamp = r.stamp WHERE k.patient = ? || '' ORDER BY r.rid`, patient)
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

// epoch is the consent epoch now.
func (s *Store) epoch(ctx context.Context) (epoch int64, err error) {
	err = s.consentRead.use(ctx, func(c conn) error {
		epoch, err = c.number("SELECT " + epochQuery)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read consent epoch: %w", err)
	}
	return epoch, nil
}

// EachConsent visits all current Consents, in the order in which they were created.
func (s *Store) EachConsent(ctx context.Context, visit func([]store.Version, int64) error) error {
	after := int64(0)
	for {
		var rows []*search.Row
		var epoch int64
		err := s.consentRead.read(ctx, func(c conn) (err error) {
			if epoch, err = c.number("SELECT " + epochQuery); err != nil {
				return err
			}
			x := &reader{conn: c, names: &s.names}
			rows, err = x.all("SELECT "+rowColumns+` FROM resources r JOIN versions v ON v.stamp = r.stamp
				WHERE r.type = ? AND r.deleted = 0 AND r.rid > ? ORDER BY r.rid LIMIT ?`, s.names.id("Consent", ""), after, consentsAtOnce)
			return err
		})
		if err != nil {
			return fmt.Errorf("read all consents: %w", err)
		}
		all, err := search.Versions(rows, epoch)
		if err != nil {
			return fmt.Errorf("read all consents: %w", err)
		}
		if err := visit(all, epoch); err != nil || len(rows) < consentsAtOnce {
			return err
		}
		after = rows[len(rows)-1].Place
	}
}

// consentsAtOnce is how many Consents are visited together.
const consentsAtOnce = 500

// ConsentChanges returns the keys of what governs access and was written with an epoch
// above since (see store.Governed), and the epoch of the snapshot.
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

// indexGoverning records the keys of what a version of a governing type decides about,
// and the one before it did; of a Consent, it also updates the list of patients' current
// ones.
func (u *changeUnit) indexGoverning(before *current, v *versionRow, w *store.Write) error {
	touched := store.Governed(&w.Facts)
	if before.version > 0 {
		f, err := u.factsOf(before.stamp)
		if err != nil {
			return err
		}
		touched = store.Union(touched, store.Governed(&f))
	}
	for _, key := range touched {
		if err := u.exec("INSERT OR IGNORE INTO consent_writes VALUES (?, ?)", u.epoch, key); err != nil {
			return err
		}
	}
	if w.Ref.Type != "Consent" {
		return nil
	}
	if err := u.exec("DELETE FROM consents WHERE rid = ?", v.Place); err != nil || v.Deleted {
		return err
	}
	for _, p := range w.Facts.Patients {
		if err := u.exec("INSERT OR IGNORE INTO consents VALUES (?, ?)", p, v.Place); err != nil {
			return err
		}
	}
	return nil
}

func (u *changeUnit) factsOf(stamp int64) (f fhir.Facts, err error) {
	facts, err := u.value("SELECT facts FROM versions WHERE stamp = ?", stamp)
	if err != nil {
		return f, err
	}
	if f, err = store.UnpackFacts(facts); err != nil {
		return f, &store.Finding{File: mainFile, Table: "versions", Row: fmt.Sprint(stamp), Column: "facts", What: "cannot be decoded"}
	}
	return f, nil
}
