package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/durable"
	"github.com/aceso-health/aceso/fhir/validate"
)

// packages keeps the packages of implementation guides, one of each name, under a
// revision that is another one for other content.
type packages interface {
	List(ctx context.Context) (revisions map[string]string, err error)
	Load(ctx context.Context, name, revision string) ([]byte, error)
	Save(ctx context.Context, name, revision string, data []byte) error
	Remove(ctx context.Context, name string) error
}

// packageFiles keeps them as files NAME@REVISION of a folder.
type packageFiles string

func (p packageFiles) List(context.Context) (map[string]string, error) {
	files, err := os.ReadDir(string(p))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	all := map[string]string{}
	for _, f := range files {
		if name, revision, ok := strings.Cut(f.Name(), "@"); ok && !strings.HasSuffix(revision, ".new") {
			all[name] = revision
		}
	}
	return all, err
}

func (p packageFiles) file(name, revision string) string {
	return filepath.Join(string(p), name+"@"+revision)
}

func (p packageFiles) Load(_ context.Context, name, revision string) ([]byte, error) {
	return os.ReadFile(p.file(name, revision))
}

func (p packageFiles) Save(ctx context.Context, name, revision string, data []byte) error {
	if err := os.MkdirAll(string(p), 0o700); err != nil {
		return err
	}
	old, err := p.List(ctx)
	if err != nil || old[name] == revision {
		return err
	}
	if err := durable.WriteFile(p.file(name, revision), data); err != nil {
		return err
	}
	return p.drop(name, old[name])
}

func (p packageFiles) Remove(ctx context.Context, name string) error {
	all, err := p.List(ctx)
	if err != nil {
		return err
	}
	return p.drop(name, all[name])
}

func (p packageFiles) drop(name, revision string) error {
	if revision == "" {
		return nil
	}
	return os.Remove(p.file(name, revision))
}

func (a alone) packages() packages { return packageFiles(a.data.file("packages")) }

func (c *cluster) packages() packages { return c.store.Packages() }

// PackageShelf is the packages of a node's home, for operators. The nodes may be serving:
// they notice within seconds.
type PackageShelf struct {
	r    *records
	kept packages
}

// OpenPackages opens the packages of a folder's node, or of all nodes of its database.
func OpenPackages(ctx context.Context, data Folder, database Database) (*PackageShelf, error) {
	r := &records{log: slog.New(slog.DiscardHandler)}
	if err := r.choose(data, database); err != nil {
		return nil, err
	}
	if err := r.home.read(ctx, r); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return &PackageShelf{r, r.home.packages()}, nil
}

// Close closes the home.
func (s *PackageShelf) Close() error { return s.r.close() }

// Add reads packages (files .tgz, folders of one or of several) and keeps them. It returns
// what was added, and what they depend on and is nowhere.
func (s *PackageShelf) Add(ctx context.Context, paths []string) (added, missing []string, err error) {
	var all []*validate.Package
	for _, path := range paths {
		some, err := readPackages(path)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, some...)
	}
	for _, p := range all {
		data, err := p.Pack()
		if err != nil {
			return added, nil, err
		}
		sum := sha256.Sum256(data)
		if err := s.kept.Save(ctx, p.Name, p.Version+"-"+hex.EncodeToString(sum[:8]), data); err != nil {
			return added, nil, err
		}
		added = append(added, p.Name+"#"+p.Version)
	}
	kept, err := s.kept.List(ctx)
	if err != nil {
		return added, nil, err
	}
	for _, p := range all {
		missing = append(missing, p.Missing(func(name string) bool { return kept[name] != "" })...)
	}
	slices.Sort(missing)
	return added, slices.Compact(missing), nil
}

// List names the packages that are kept, as name#version.
func (s *PackageShelf) List(ctx context.Context) ([]string, error) {
	kept, err := s.kept.List(ctx)
	var all []string
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		revision := kept[name]
		all = append(all, name+"#"+revision[:max(0, strings.LastIndexByte(revision, '-'))])
	}
	return all, err
}

// Remove removes a package by its name.
func (s *PackageShelf) Remove(ctx context.Context, name string) error {
	kept, err := s.kept.List(ctx)
	if err != nil {
		return err
	}
	if kept[name] == "" {
		return fmt.Errorf("there is no package %s", name)
	}
	return s.kept.Remove(ctx, name)
}

// readPackages reads a file, a folder of one package, or a folder that has several.
func readPackages(path string) ([]*validate.Package, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		p, err := validate.ReadArchive(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return []*validate.Package{p}, nil
	}
	if isPackage(path) {
		p, err := validate.ReadFolder(os.DirFS(path))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return []*validate.Package{p}, nil
	}
	return readShelf(path)
}

func isPackage(path string) bool {
	for _, file := range []string{"package.json", "package/package.json"} {
		if _, err := os.Stat(filepath.Join(path, file)); err == nil {
			return true
		}
	}
	return false
}

// readShelf reads the packages in a folder.
func readShelf(path string) ([]*validate.Package, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var all []*validate.Package
	for _, e := range entries {
		inner := filepath.Join(path, e.Name())
		if !strings.HasSuffix(e.Name(), ".tgz") && !(e.IsDir() && isPackage(inner)) {
			continue
		}
		some, err := readPackages(inner)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no packages: neither files .tgz nor folders with a package.json", path)
	}
	return all, nil
}
