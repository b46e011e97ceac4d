package sqlite

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/durable"
	fhirsearch "github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// copyMark is the file that marks a folder as an unfinished copy.
const copyMark = "copying"

var (
	_ store.Original = (*Store)(nil)
	_ store.Target   = (*Target)(nil)
)

// Target is a folder that a copy is filling. It implements store.Target.
type Target struct {
	*Store
	counted int64 // change of the last version that governs access; -1: not known yet
}

// OpenTarget opens a folder that does not exist, is empty, or that an interrupted copy
// has left.
func OpenTarget(ctx context.Context, dir string, o Options) (*Target, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	mark := filepath.Join(dir, copyMark)
	_, unmarked := os.Stat(mark)
	if _, err := os.Stat(filepath.Join(dir, mainFile)); err == nil && unmarked != nil {
		return nil, fmt.Errorf("the folder %s holds data: copy to a new one", dir)
	}
	if unmarked != nil {
		if err := durable.WriteFile(mark, nil); err != nil {
			return nil, fmt.Errorf("mark the copy: %w", err)
		}
	}
	s, err := openFolder(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	return &Target{s, -1}, nil
}

// Finish lets the folder be opened.
func (t *Target) Finish(context.Context) error {
	if err := t.keys.settle(); err != nil {
		return fmt.Errorf("finish the copy: %w", err)
	}
	if err := os.Remove(filepath.Join(t.dir, copyMark)); err != nil {
		return fmt.Errorf("finish the copy: %w", err)
	}
	return durable.SyncFolder(t.dir)
}

// refuseHalfCopy refuses to open an unfinished copy.
func refuseHalfCopy(dir string) error {
	_, err := os.Stat(filepath.Join(dir, copyMark))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open data folder: %w", err)
	}
	return fmt.Errorf("the data folder %s is a copy that was not finished: run `aceso store copy` again, it goes on where it stopped", dir)
}

// Versions visits all versions in the order of their stamps.
func (s *Store) Versions(ctx context.Context, after int64, visit func(store.Stored) error) error {
	for {
		batch, err := s.versionsAfter(ctx, after)
		if err != nil {
			return fmt.Errorf("read versions: %w", err)
		}
		for i := range batch {
			if err := visit(batch[i]); err != nil {
				return err
			}
		}
		if len(batch) < rowsAtOnce {
			return ctx.Err()
		}
		after = batch[len(batch)-1].Stamp
	}
}

func (s *Store) versionsAfter(ctx context.Context, after int64) (batch []store.Stored, err error) {
	err = s.read.read(ctx, func(c conn) error {
		return c.each("SELECT "+rowColumns+`, b.url FROM (SELECT * FROM versions WHERE stamp > ? ORDER BY stamp LIMIT ?) v
			JOIN resources r ON r.rid = v.rid JOIN bases b ON b.id = v.base ORDER BY v.stamp`, func(st *sqlite.Stmt) error {
			r := s.names.scanRow(st, 0)
			one, err := search.Stored(r, st.ColumnText(14), func() (*fhirsearch.Index, error) { return withoutCustom(r) })
			batch = append(batch, one)
			return err
		}, after, rowsAtOnce)
	})
	return batch, err
}

// withoutCustom are the search keys that the document says: which others there are, each
// store has in a plan of its own.
func withoutCustom(r *search.Row) (*fhirsearch.Index, error) {
	x, err := r.Index()
	if err != nil {
		return nil, err
	}
	return x.WithCustom(&fhirsearch.Index{}), nil
}

// WrappedKeys visits the wrapped keys of parts.
func (s *Store) WrappedKeys(ctx context.Context, visit func(id string, wrapped []byte) error) error {
	if err := s.keys.settle(); err != nil {
		return err
	}
	return s.keys.each(func(id keyID, wrapped []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return visit(id.String(), wrapped)
	})
}

// AddWrappedKey takes the wrapped key of parts. It is durable before any row, and when the
// copy is finished.
func (t *Target) AddWrappedKey(_ context.Context, text string, wrapped []byte) error {
	id, ok := parseKeyID(text)
	if !ok {
		return fmt.Errorf("part key %q: not an id", hex.EncodeToString([]byte(text)))
	}
	return t.keys.take(id, wrapped)
}

// AddRows takes the next rows of a log.
func (t *Target) AddRows(ctx context.Context, source string, rows []ledgerbridge.Row) error {
	log := t.changes
	if source == t.accesses.source {
		log = t.accesses
	}
	return log.do(ctx, func(u *logUnit) error {
		for i := range rows {
			if rows[i].Seq != u.next {
				return fmt.Errorf("row %d of %s comes where row %d should", rows[i].Seq, source, u.next)
			}
			if err := u.insert(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// AddVersions takes versions in the order of stamps.
func (t *Target) AddVersions(ctx context.Context, all []store.Stored) error {
	writes := make([]store.Write, len(all))
	for i := range all {
		writes[i] = all[i].Write()
	}
	prepared, err := prepare(writes)
	if err != nil {
		return err
	}
	var counted int64
	err = t.write.do(ctx, false, func(u *changeUnit) error {
		counted = t.counted
		for i := range all {
			if err := u.copyVersion(&all[i], &prepared[i], &counted); err != nil {
				return fmt.Errorf("%s version %d: %w", all[i].Ref, all[i].Version.Version, err)
			}
		}
		return nil
	})
	if err == nil {
		t.counted = counted
	}
	return err
}

// copyVersion writes a version with the stamp, the base and the epoch it had.
func (u *changeUnit) copyVersion(v *store.Stored, w *prepared, counted *int64) error {
	if v.Stamp <= u.stamp {
		return errors.New("comes out of order")
	}
	base, err := u.baseID(v.Base)
	if err != nil {
		return err
	}
	if store.Governs(v.Ref.Type) {
		if err := u.copyEpoch(v.Seq, counted); err != nil {
			return err
		}
	}
	return u.writeVersion(w, origin{stamp: v.Stamp, seq: v.Seq, base: base})
}

// copyEpoch counts the changes that wrote what governs access, as their commits did. counted
// is the last one, which a copy that was interrupted has to look for.
func (u *changeUnit) copyEpoch(seq int64, counted *int64) error {
	if last := *counted; last >= 0 {
		if *counted = seq; last == seq {
			return nil
		}
		return u.countEpoch()
	}
	*counted = seq
	for _, name := range store.Governing() {
		typ, err := u.intern(name, "")
		if err != nil {
			return err
		}
		n, err := u.number("SELECT count(*) FROM versions WHERE type = ? AND seq = ?", typ, seq)
		if err != nil || n > 0 {
			return err
		}
	}
	return u.countEpoch()
}
