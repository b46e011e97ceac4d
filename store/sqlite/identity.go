package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/store"
)

// identity is what a data folder is fixed to.
type identity struct{ organization, tenant, node string }

func (id identity) options() Options {
	return Options{Organization: id.organization, Tenant: id.tenant, Node: id.node}
}

// accept refuses options that name somebody else.
func (id identity) accept(o Options) error {
	for _, f := range []struct{ what, has, wanted string }{
		{"organisation", id.organization, o.Organization},
		{"tenant", id.tenant, o.Tenant},
		{"node", id.node, o.Node},
	} {
		if f.wanted != "" && f.wanted != f.has {
			return fmt.Errorf("this data folder belongs to %s %q and cannot be used for %q: choose another folder", f.what, f.has, f.wanted)
		}
	}
	return nil
}

// schemaOf returns the schema version of a file, and refuses one that a newer version of
// this program has written. A new file has that of this program.
func schemaOf(c conn) (int, error) {
	tables, err := c.number("SELECT count(*) FROM sqlite_master WHERE name = 'meta'")
	if err != nil {
		return 0, fmt.Errorf("read schema: %w", err)
	}
	if tables == 0 {
		return schemaVersion, nil
	}
	values, err := readMeta(c)
	if err != nil || len(values) == 0 {
		return schemaVersion, err
	}
	v, err := strconv.Atoi(values["schema"])
	if err != nil {
		return 0, &store.Finding{File: c.file, Table: "meta", Row: `"schema"`, Column: "value", What: "does not say which version of the store wrote the folder"}
	}
	if v > schemaVersion {
		return 0, fmt.Errorf("this data folder has schema version %d, this program knows versions up to %d: use a newer program", v, schemaVersion)
	}
	return v, nil
}

// readMeta reads and checks the table meta.
func readMeta(c conn) (map[string]string, error) {
	values := map[string]string{}
	err := c.each("SELECT name, value, sum FROM meta", func(st *sqlite.Stmt) error {
		k, v := st.ColumnText(0), st.ColumnText(1)
		if !bytes.Equal(blob(st, 2), rowSum(0, k, v)) {
			return &store.Finding{File: c.file, Table: "meta", Row: fmt.Sprintf("%q", k), Column: "sum", What: "the row does not match its checksum"}
		}
		values[k] = v
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read meta: %w", err)
	}
	for _, k := range []string{"schema", "organization", "tenant", "node"} {
		if _, ok := values[k]; !ok && len(values) > 0 {
			return nil, &store.Finding{File: c.file, Table: "meta", Row: fmt.Sprintf("%q", k), What: "is missing"}
		}
	}
	return values, nil
}

func readIdentity(c conn) (identity, error) {
	if _, err := schemaOf(c); err != nil {
		return identity{}, err
	}
	values, err := readMeta(c)
	id := identity{values["organization"], values["tenant"], values["node"]}
	if err == nil && (id.organization == "" || id.node == "") {
		err = &store.Finding{File: c.file, Table: "meta", What: "does not name an organisation and a node"}
	}
	return id, err
}

// settleIdentity fixes a new file to the options and checks an old one.
func settleIdentity(c conn, o Options) (identity, error) {
	n, err := c.number("SELECT count(*) FROM meta")
	if err != nil {
		return identity{}, fmt.Errorf("read meta: %w", err)
	}
	if n > 0 {
		id, err := readIdentity(c)
		if err != nil {
			return id, err
		}
		return id, id.accept(o)
	}
	if o.Organization == "" || o.Node == "" {
		return identity{}, errors.New("a new data folder needs an organisation and a node name")
	}
	return identity{o.Organization, o.Tenant, o.Node}, writeIdentity(c, o)
}

func writeIdentity(c conn, o Options) (err error) {
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("write meta: %w", err)
	}
	for _, m := range [][2]string{
		{"schema", strconv.Itoa(schemaVersion)},
		{"organization", o.Organization}, {"tenant", o.Tenant}, {"node", o.Node},
	} {
		if err := c.exec("INSERT INTO meta VALUES (?, ?, ?)", m[0], m[1], rowSum(0, m[0], m[1])); err != nil {
			return errors.Join(fmt.Errorf("write meta: %w", err), c.exec("ROLLBACK"))
		}
	}
	if err := c.exec("COMMIT"); err != nil {
		return fmt.Errorf("write meta: %w", err)
	}
	return nil
}

// sameIdentity refuses an access.db that comes from another folder.
func (s *Store) sameIdentity(c conn) error {
	id, err := readIdentity(c)
	if err != nil {
		return err
	}
	if id != s.identity {
		return &store.Finding{File: c.file, Table: "meta", Column: "value", What: "names another organisation, tenant or node than " + mainFile}
	}
	return nil
}

// Bases are all base URLs that the server has had, the current one first: see fhir.Below.
func (s *Store) Bases() string { return s.ownBases }

// settleBases adds the base URL of this start to those before.
func (s *Store) settleBases(c conn) (err error) {
	var known []string
	err = c.each("SELECT url FROM bases ORDER BY id", func(st *sqlite.Stmt) error {
		known = append(known, st.ColumnText(0))
		return nil
	})
	if err != nil {
		return fmt.Errorf("read bases: %w", err)
	}
	s.ownBases = store.Bases(s.opts.Base, known)
	s.base, err = c.baseID(s.ownBases)
	return err
}

// baseID finds or adds the base URLs of a start.
func (c conn) baseID(url string) (int64, error) {
	id := int64(-1)
	err := c.each("SELECT id FROM bases WHERE url = ?", func(st *sqlite.Stmt) error {
		id = st.ColumnInt64(0)
		return nil
	}, url)
	if err == nil && id < 0 {
		if id, err = c.number("SELECT count(*) FROM bases"); err == nil {
			err = c.exec("INSERT INTO bases VALUES (?, ?, ?)", id, url, rowSum(id, url))
		}
	}
	if err != nil {
		return 0, fmt.Errorf("read bases: %w", err)
	}
	return id, nil
}

// lockFolder keeps a second process from serving the same folder. The kernel
// drops the lock when the process ends, however it ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("the data folder %s is in use by another process: stop it first", dir)
	}
	return f, nil
}
