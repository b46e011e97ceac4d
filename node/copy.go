package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo"
	"github.com/aceso-health/aceso/store/sqlite"
)

// Place is where a node's data are: a folder, or a database and the folder of its node.
type Place struct {
	Folder   string
	Database Database // zero: the data are in the folder
}

// Copy copies a stopped node's data, records and keys to a new place, and reports its
// progress.
func Copy(ctx context.Context, a, b Place, log *slog.Logger, report func(store.Copied)) (done store.Copied, err error) {
	from, err := OpenFolder(a.Folder)
	if err != nil {
		return done, err
	}
	n, err := from.Identity()
	if err != nil {
		return done, err
	}
	m := moving{records: records{log: log}, from: from, node: n}
	defer func() { err = errors.Join(err, m.close()) }()
	if err := m.openOriginal(ctx, a.Database); err != nil {
		return done, err
	}
	if err := m.openTarget(ctx, b); err != nil {
		return done, err
	}
	if err := m.copyOwnFiles(); err != nil {
		return done, err
	}
	err = store.Copy(ctx, m.store, m.target, func(c store.Copied) {
		done = c
		report(c)
	})
	if err == nil {
		err = m.finish(ctx)
	}
	return done, err
}

// moving is a node on its way from one place to another.
type moving struct {
	records
	from, to Folder
	node     Identity
	target   store.Target
	database *mongo.Target // target, if it is one
}

// openOriginal locks the node, so that nobody serves it during the copy.
func (m *moving) openOriginal(ctx context.Context, database Database) error {
	if err := m.choose(m.from, database); err != nil {
		return err
	}
	if err := m.home.open(ctx, &m.records, Options{BaseURL: m.node.BaseURL}); err != nil {
		return err
	}
	logs, err := store.AllLogs(ctx, m.store)
	if err != nil {
		return err
	}
	if len(logs) > 2 {
		return errors.New("this database has records of several nodes: it cannot become a store of one node. Copy it with the tools of MongoDB")
	}
	return nil
}

// openTarget also copies the keys, without which the copy would be unreadable.
func (m *moving) openTarget(ctx context.Context, p Place) (err error) {
	if m.to, err = CreateFolder(p.Folder); err != nil {
		return err
	}
	organization, name := m.store.Organization(), m.store.Node()
	if p.Database.URI == "" {
		to, err := sqlite.OpenTarget(ctx, p.Folder, sqlite.Options{Organization: organization, Node: name, Base: m.node.BaseURL})
		if err != nil {
			return err
		}
		m.target = to
		m.opened(to)
		return m.ring.Save(m.to.keys())
	}
	if m.to.used() {
		return fmt.Errorf("the folder %s holds data: the node of a database needs one of its own, name it with --data", m.to)
	}
	lock, err := m.to.lock()
	if err != nil {
		return err
	}
	m.opened(lock)
	owner, err := m.to.owner()
	if err != nil {
		return err
	}
	m.database, err = mongo.OpenTarget(ctx, p.Database.URI, mongo.Options{
		Database: p.Database.name(), Owner: owner, Organization: organization, Node: name, Base: m.node.BaseURL,
	})
	if err != nil {
		return err
	}
	m.target = m.database
	m.opened(m.database)
	master, err := p.Database.makeMaster(ctx, m.database.Keyring(), m.to, m.log)
	if err != nil {
		return err
	}
	return keyring.Move(ctx, m.ring, m.database.Keyring(), master, organization, name)
}

// own are the files of a data folder that belong to its kind of store. All others
// move with the node: checkpoints, and what it knows of its anchors on a channel.
var own = []string{"aceso.db", "access.db", "lock", "part.keys", "partkeys", "keyring.json", "node.json", "owner", "node.lock", "master.key", "copying"}

// copyOwnFiles copies the files that are not part of the store.
func (m *moving) copyOwnFiles() error {
	entries, err := os.ReadDir(string(m.from))
	if err != nil {
		return err
	}
	for _, e := range entries {
		belongs := slices.ContainsFunc(own, func(name string) bool { return e.Name() == name || strings.HasPrefix(e.Name(), name+"-") })
		if belongs || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := copyFiles(m.from.file(e.Name()), m.to.file(e.Name())); err != nil {
			return fmt.Errorf("copy %s: %w", e.Name(), err)
		}
	}
	return nil
}

// copyFiles copies a file or a folder, and replaces the remains of an interrupted copy.
func copyFiles(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, relative), 0o700)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, relative), data, 0o600)
	})
}

// finish lets the copy be served.
func (m *moving) finish(ctx context.Context) error {
	if m.database != nil {
		if err := m.copyCheckpoints(ctx); err != nil {
			return err
		}
	}
	n := m.node
	n.Shared = m.database != nil
	if err := m.to.note(n); err != nil {
		return err
	}
	return m.target.Finish(ctx)
}

// copyCheckpoints fills the checkpoints of the database from the node's file.
func (m *moving) copyCheckpoints(ctx context.Context) error {
	changes, accesses := m.target.Logs()
	file, err := local.OpenRead(m.to.checkpoints(), changes.Source(), accesses.Source())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	for _, log := range []ledgerbridge.Log{changes, accesses} {
		if err := ledgerbridge.CatchUp(ctx, log, file, m.database.Checkpoints()); err != nil {
			return err
		}
	}
	return nil
}
