package sqlite

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/store"
)

var _ store.Purger = (*Store)(nil)

// scrubbedAtOnce is how many pages are overwritten in one transaction.
const scrubbedAtOnce = 64

// scrubRounds is how often pages that have changed meanwhile are looked at again.
const scrubRounds = 20

var errBusy = errors.New("the database is too busy to overwrite what was removed from it; this goes on later")

// Scrub overwrites what is in aceso.db and its write-ahead log and in no row. SQLite leaves
// removed rows in free blocks, and copies of rows that are there in the pages from which it
// moved them, so that its secure_delete does not suffice.
func (s *Store) Scrub(ctx context.Context, progress func(done, total int64)) error {
	if s.write == nil {
		return errReadOnly
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	for range scrubRounds {
		changed, err := s.scrubRound(ctx, progress)
		if err != nil {
			return fmt.Errorf("overwrite what was removed: %w", err)
		}
		if changed == 0 {
			return s.emptyLog(ctx)
		}
	}
	return errBusy
}

// scrubRound looks for free space and overwrites it. It says how many pages others have
// changed in between, which stay as they are.
func (s *Store) scrubRound(ctx context.Context, progress func(done, total int64)) (changed int, err error) {
	var pages []unused
	err = s.read.read(ctx, func(c conn) (err error) {
		f := &freeSpace{conn: c, ctx: ctx}
		f.tell = func(done int64) { progress(done, f.total) }
		pages, err = f.look()
		return err
	})
	for len(pages) > 0 && err == nil {
		some := pages[:min(len(pages), scrubbedAtOnce)]
		pages = pages[len(some):]
		err = s.write.do(ctx, true, func(u *changeUnit) error {
			n, err := u.overwrite(some)
			changed += n
			return err
		})
	}
	return changed, err
}

// overwrite zeroes the free space of those pages that are as they were.
func (c conn) overwrite(pages []unused) (changed int, err error) {
	for _, p := range pages {
		data, err := c.value("SELECT data FROM sqlite_dbpage WHERE pgno = ?", p.number)
		if err != nil {
			return changed, err
		}
		if sha256.Sum256(data) != p.sum {
			changed++
			continue
		}
		for _, s := range p.spans {
			clear(data[s.from:s.to])
		}
		if err := c.exec("UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?", data, p.number); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// emptyLog brings the write-ahead log into the database and cuts it off. It waits for
// snapshots that still read from it.
func (s *Store) emptyLog(ctx context.Context) error {
	c, err := openConn(s.read.path, writing)
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		busy := true
		err := c.each("PRAGMA wal_checkpoint(TRUNCATE)", func(st *sqlite.Stmt) error {
			busy = st.ColumnInt64(0) != 0
			return nil
		})
		if err != nil && !busyFault(err) {
			return fmt.Errorf("empty the write-ahead log: %w", err)
		}
		if err == nil && !busy {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func busyFault(err error) bool { return sqlite.ErrCode(err).ToPrimary() == sqlite.ResultBusy }
