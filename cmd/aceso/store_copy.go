package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo"
	"github.com/aceso-health/aceso/store/sqlite"
)

// place is where a node's data are: a folder, or a database and the folder of its node.
type place struct {
	folder   string
	database databaseOptions // without uri: the data are in the folder
}

// place reads FROM or TO: a folder, a connection string, or the word database for
// the one that --store or ACESO_STORE names.
func (j *storeJob) place(name string) (place, error) {
	p := place{folder: name}
	if name != "database" && !strings.HasPrefix(name, "mongodb://") && !strings.HasPrefix(name, "mongodb+srv://") {
		return p, nil
	}
	p.folder, p.database = j.data, j.database
	if name != "database" {
		p.database.uri = name
	}
	if p.database.uri == "" {
		return p, errors.New("no database is named: give --store, or set ACESO_STORE")
	}
	return p, nil
}

// copy brings a stopped node's data, records and keys to a new place.
func (j *storeJob) copy(from, to string) int {
	a, err := j.place(from)
	if err != nil {
		return misuse(j.stderr, "store", "FROM: %v", err)
	}
	b, err := j.place(to)
	if err != nil {
		return misuse(j.stderr, "store", "TO: %v", err)
	}
	if a.folder == b.folder {
		return misuse(j.stderr, "store", "FROM and TO need data folders of their own: %s is named twice (--data names that of the database's node)", a.folder)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	done, err := j.move(ctx, a, b)
	if err != nil {
		return fail(j.stderr, "store", err)
	}
	fmt.Fprintf(j.stdout, "ok: %d versions and records were compared and are the same in both places\n", done.Compared)
	return exitOK
}

func (j *storeJob) move(ctx context.Context, a, b place) (done store.Copied, err error) {
	from, err := openDataFolder(a.folder)
	if err != nil {
		return done, err
	}
	n, err := from.readNode()
	if err != nil {
		return done, err
	}
	m := moving{from: from, node: n, log: slog.New(slog.NewTextHandler(j.stderr, nil))}
	defer func() { err = errors.Join(err, m.close()) }()
	if err := m.openOriginal(ctx, a.database); err != nil {
		return done, err
	}
	if err := m.openTarget(ctx, b); err != nil {
		return done, err
	}
	if err := m.beside(); err != nil {
		return done, err
	}
	said := time.Now()
	err = store.Copy(ctx, m.original, m.target, func(c store.Copied) {
		if done = c; time.Since(said) > time.Second {
			said = time.Now()
			fmt.Fprintf(j.stderr, "%d versions and %d records copied, %d compared\n", c.Versions, c.Rows, c.Compared)
		}
	})
	if err == nil {
		err = m.finish(ctx)
	}
	return done, err
}

// moving is a node on its way from one place to another.
type moving struct {
	records
	from, to dataFolder
	node     node
	original store.Original
	target   interface {
		store.Target
		Close() error
	}
	database *mongo.Target // target, if it is one
	locked   *os.File      // of to, where the store has no lock of its own
	log      *slog.Logger
}

// openOriginal keeps the node from being served meanwhile.
func (m *moving) openOriginal(ctx context.Context, database databaseOptions) error {
	o := serveOptions{database: database, baseURL: m.node.BaseURL}
	if err := m.openStorage(ctx, m.from, o, m.log); err != nil {
		return err
	}
	logs, err := store.AllLogs(ctx, m.store)
	if err != nil {
		return err
	}
	if len(logs) > 2 {
		return errors.New("this database has records of several nodes: it cannot become a store of one node. Copy it with the tools of MongoDB")
	}
	original, ok := m.store.(store.Original)
	if !ok {
		return errors.New("this store cannot be copied")
	}
	m.original = original
	return nil
}

// openTarget also brings the keys, which the copy needs to be of any use.
func (m *moving) openTarget(ctx context.Context, p place) (err error) {
	if m.to, err = createDataFolder(p.folder); err != nil {
		return err
	}
	organization, name := m.store.Organization(), m.store.Node()
	if p.database.uri == "" {
		to, err := sqlite.OpenTarget(ctx, p.folder, sqlite.Options{Organization: organization, Node: name, Base: m.node.BaseURL})
		if err != nil {
			return err
		}
		m.target = to
		return m.ring.Save(m.to.keys())
	}
	if m.to.used() {
		return fmt.Errorf("the folder %s holds data: the node of a database needs one of its own, name it with --data", m.to)
	}
	if m.locked, err = m.to.lock(); err != nil {
		return err
	}
	owner, err := m.to.owner()
	if err != nil {
		return err
	}
	m.database, err = mongo.OpenTarget(ctx, p.database.uri, mongo.Options{
		Database: p.database.name(), Owner: owner, Organization: organization, Node: name, Base: m.node.BaseURL,
	})
	if err != nil {
		return err
	}
	m.target = m.database
	master, err := p.database.makeMaster(ctx, m.database.Keyring(), m.to, m.log)
	if err != nil {
		return err
	}
	return keyring.Move(ctx, m.ring, m.database.Keyring(), master, organization, name)
}

// own are the files of a data folder that belong to its kind of store. All others
// move with the node: checkpoints, and what it knows of its anchors on a channel.
var own = []string{"aceso.db", "access.db", "lock", "partkeys", "keyring.json", "node.json", "owner", "node.lock", "master.key", "copying"}

// beside copies the files that are not part of the store.
func (m *moving) beside() error {
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

// copyFiles copies a file or a folder; what is there of a copy that was cut short is
// replaced.
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
		if err := m.bringCheckpoints(ctx); err != nil {
			return err
		}
	}
	n := m.node
	n.Shared = m.database != nil
	if err := m.to.writeNode(n); err != nil {
		return err
	}
	return m.target.Finish(ctx)
}

// bringCheckpoints fills the checkpoints of the database from the node's file.
func (m *moving) bringCheckpoints(ctx context.Context) error {
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

func (m *moving) close() error {
	err := m.records.close()
	if m.target != nil {
		err = errors.Join(err, m.target.Close())
	}
	if m.locked != nil {
		err = errors.Join(err, m.locked.Close())
	}
	return err
}
