package node

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/aceso-health/aceso/keyring"
)

// Folder is where a node keeps everything: one folder, private to its user.
type Folder string

// CreateFolder makes the folder if it is absent.
func CreateFolder(path string) (Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("create data folder: %w", err)
	}
	return Folder(path), nil
}

// OpenFolder opens one that a server has used before.
func OpenFolder(path string) (Folder, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return "", fmt.Errorf("there is no data folder %s; `aceso serve --data %s` creates it", path, path)
	}
	if err != nil {
		return "", fmt.Errorf("open data folder: %w", err)
	}
	return Folder(path), nil
}

func (d Folder) file(name string) string { return filepath.Join(string(d), name) }

func (d Folder) resources() string   { return d.file("aceso.db") }
func (d Folder) keys() string        { return d.file("keyring.json") }
func (d Folder) checkpoints() string { return d.file("checkpoints.log") }
func (d Folder) verified() string    { return d.file("verified") }
func (d Folder) inspected() string   { return d.file("inspected") }
func (d Folder) identity() string    { return d.file("node.json") }

// Identity is what a data folder is fixed to, and where it was last served.
type Identity struct {
	Organization string `json:"organization"`
	Node         string `json:"node"`
	BaseURL      string `json:"base_url"`
	Shared       bool   `json:"shared,omitempty"` // the data are in a database
}

// issuer is the name of the built-in token issuer: that of the node, or of all nodes
// that share a database and its keys.
func (n Identity) issuer() string {
	if n.Shared {
		return "urn:aceso:" + n.Organization
	}
	return "urn:aceso:" + n.Organization + ":" + n.Node
}

// ErrNeverServed is the error of a folder without an identity.
var ErrNeverServed = errors.New("has never been served; start `aceso serve` with it first")

// Identity reads what Open noted at the last start.
func (d Folder) Identity() (Identity, error) {
	data, err := os.ReadFile(d.identity())
	if errors.Is(err, fs.ErrNotExist) {
		return Identity{}, fmt.Errorf("the data folder %s %w", d, ErrNeverServed)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("read node: %w", err)
	}
	var n Identity
	if err := json.Unmarshal(data, &n); err != nil {
		return Identity{}, fmt.Errorf("read %s: %w", d.identity(), err)
	}
	return n, nil
}

// lock keeps a second process from using the folder's checkpoints. The kernel drops
// the lock when the process ends, however it ends.
func (d Folder) lock() (*os.File, error) {
	f, err := os.OpenFile(d.file("node.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("the data folder %s is in use by another process: stop it first", d), f.Close())
	}
	return f, nil
}

// Discard removes a folder that the caller has just made and could not use, unless another
// process has begun to use it or has used it.
func (d Folder) Discard() error {
	f, err := os.OpenFile(d.file("lock"), os.O_CREATE|os.O_RDWR, 0o600) // what a store locks
	if err != nil {
		return fmt.Errorf("remove data folder: %w", err)
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil
	}
	if _, err := os.Stat(d.identity()); err == nil {
		return nil
	}
	return os.RemoveAll(string(d))
}

// owner names this folder to the database: the process that holds the folder's lock may
// take over the node's name from one that died. A copied folder has the same owner; the
// database notices it like any second process.
func (d Folder) owner() (string, error) {
	text, err := os.ReadFile(d.file("owner"))
	if errors.Is(err, fs.ErrNotExist) {
		text = []byte(rand.Text())
		err = os.WriteFile(d.file("owner"), text, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("owner of the data folder: %w", err)
	}
	return string(text), nil
}

// used reports whether the folder holds data.
func (d Folder) used() bool {
	_, err := os.Stat(d.resources())
	return err == nil
}

// ring is the folder's keyring. It is made with the folder, never later: fresh keys
// could not open what old ones sealed.
func (d Folder) ring() (*keyring.Ring, error) {
	if d.used() {
		return keyring.Load(d.keys())
	}
	return keyring.Open(d.keys())
}

// names completes what is needed to fix a new folder to an organisation and a
// node. A folder in use knows its own; the store refuses others.
func (d Folder) names(o Options) (organization, name string) {
	if d.used() {
		return o.Organization, o.Name
	}
	return cmp.Or(o.Organization, o.Unnamed, "org1"), cmp.Or(o.Name, "node1")
}

// note replaces the file in one step: `aceso token` may read it meanwhile.
func (d Folder) note(n Identity) error {
	data, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	temporary := d.identity() + ".new"
	if err := os.WriteFile(temporary, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write node: %w", err)
	}
	if err := os.Rename(temporary, d.identity()); err != nil {
		return fmt.Errorf("write node: %w", err)
	}
	return nil
}
