package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/store"
)

var _ store.Alone = (*Store)(nil)

// Epoch is the consent epoch of all that was acknowledged.
func (s *Store) Epoch() int64 { return s.acknowledged.Load() }

const keptColumns = "SELECT space, key, version, expires, value, sum FROM kept "

// Kept returns a row that has not expired.
func (s *Store) Kept(ctx context.Context, space, key string) (k store.Kept, err error) {
	there := false
	err = s.consentRead.read(ctx, func(c conn) error {
		epoch, err := c.number("SELECT " + epochQuery)
		if err != nil {
			return err
		}
		k, there, err = c.kept(space, key)
		k.Epoch = epoch
		return err
	})
	switch {
	case err != nil:
		return store.Kept{}, fmt.Errorf("read what is kept: %w", err)
	case !there || k.Gone(s.opts.Now()):
		return store.Kept{}, store.ErrNotFound
	}
	return k, nil
}

// EachKept returns rows of a space in the order of keys. Expired ones do not count.
func (s *Store) EachKept(ctx context.Context, space, after string, limit int) (all []store.Kept, err error) {
	now := s.opts.Now().UnixMilli()
	err = s.consentRead.use(ctx, func(c conn) error {
		return c.each(keptColumns+"WHERE space = ? AND key > ? AND (expires = 0 OR expires > ?) ORDER BY key LIMIT ?", func(st *sqlite.Stmt) error {
			k, err := scanKept(st)
			all = append(all, k)
			return err
		}, space, after, now, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("read what is kept: %w", err)
	}
	return all, nil
}

// SweepKept removes rows that have expired.
func (s *Store) SweepKept(ctx context.Context, limit int) (n int, err error) {
	now := s.opts.Now().UnixMilli()
	err = s.write.do(ctx, false, func(u *changeUnit) error {
		err := u.exec(`DELETE FROM kept WHERE (space, key) IN
			(SELECT space, key FROM kept WHERE expires > 0 AND expires <= ? LIMIT ?)`, now, limit)
		n = u.Changes()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sweep what is kept: %w", err)
	}
	return n, nil
}

// AllKept visits the rows that have not expired.
func (s *Store) AllKept(ctx context.Context, visit func(store.Kept) error) error {
	now := s.opts.Now()
	space, key := "", ""
	for {
		var batch []store.Kept
		err := s.read.use(ctx, func(c conn) error {
			return c.each(keptColumns+"WHERE (space, key) > (?, ?) ORDER BY space, key LIMIT ?", func(st *sqlite.Stmt) error {
				k, err := scanKept(st)
				batch = append(batch, k)
				return err
			}, space, key, rowsAtOnce)
		})
		if err != nil || len(batch) == 0 {
			return err
		}
		for i := range batch {
			space, key = batch[i].Space, batch[i].Key
			if batch[i].Gone(now) {
				continue
			}
			if err := visit(batch[i]); err != nil {
				return err
			}
		}
	}
}

// AddKept takes rows in their versions.
func (t *Target) AddKept(ctx context.Context, all []store.Kept) error {
	return t.write.do(ctx, false, func(u *changeUnit) error {
		for i := range all {
			if err := u.putKept(&all[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c conn) kept(space, key string) (k store.Kept, there bool, err error) {
	err = c.each(keptColumns+"WHERE space = ? AND key = ?", func(st *sqlite.Stmt) (err error) {
		there = true
		k, err = scanKept(st)
		return err
	}, space, key)
	return k, there, err
}

func scanKept(st *sqlite.Stmt) (store.Kept, error) {
	k := store.Kept{Space: st.ColumnText(0), Key: st.ColumnText(1), Version: st.ColumnInt64(2), Value: blob(st, 4)}
	if at := st.ColumnInt64(3); at > 0 {
		k.Expires = time.UnixMilli(at).UTC()
	}
	if !bytes.Equal(blob(st, 5), keptSum(&k)) {
		return k, &store.Finding{File: mainFile, Table: "kept", Row: k.Space, Column: "sum", What: "the row does not match its checksum"}
	}
	return k, nil
}

// keptSum is the checksum of a row.
func keptSum(k *store.Kept) []byte {
	return rowSum(k.Version, k.Space, k.Key, fmt.Sprint(expiry(k)), string(k.Value))
}

// expiry is when a row expires, in milliseconds; 0 is never.
func expiry(k *store.Kept) int64 {
	if k.Expires.IsZero() {
		return 0
	}
	return k.Expires.UnixMilli()
}

// keep writes rows, each in the version after the one it expects.
func (u *changeUnit) keep(all []store.Kept) error {
	for i := range all {
		if err := u.keepOne(&all[i]); err != nil {
			return err
		}
	}
	ended := store.Ended(all)
	if len(ended) == 0 {
		return nil
	}
	if err := u.countEpoch(); err != nil {
		return err
	}
	for _, key := range ended {
		if err := u.exec("INSERT OR IGNORE INTO consent_writes VALUES (?, ?)", u.epoch, key); err != nil {
			return err
		}
	}
	return nil
}

func (u *changeUnit) keepOne(k *store.Kept) error {
	now, there, err := u.kept(k.Space, k.Key)
	if err != nil {
		return err
	}
	if !there || now.Gone(u.now()) {
		now.Version = 0
	}
	if now.Version != k.Version {
		return store.ErrChanged
	}
	if k.Value == nil {
		return u.exec("DELETE FROM kept WHERE space = ? AND key = ?", k.Space, k.Key)
	}
	next := *k
	next.Version++
	return u.putKept(&next)
}

func (u *changeUnit) putKept(k *store.Kept) error {
	return u.exec("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?, ?)", k.Space, k.Key, k.Version, expiry(k), k.Value, keptSum(k))
}

// checkKept compares rows with their checksums.
func (k *checker) checkKept() error {
	if there, err := k.number("SELECT count(*) FROM sqlite_master WHERE name = 'kept'"); err != nil || there == 0 { // an older folder, read only
		return err
	}
	return k.conn.each(keptColumns, func(st *sqlite.Stmt) error {
		row, err := scanKept(st)
		if err != nil {
			k.found("kept", row.Space, "sum", "the row does not match its checksum")
		}
		return k.ctx.Err()
	})
}
