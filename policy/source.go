package policy

import (
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/util"
)

//go:embed rego
var base embed.FS

// Limits of a policy folder. Policies are small: an operator who points --policies
// at a home directory by mistake should see an error at once.
const (
	maxFiles = 500
	maxFile  = 1 << 20
	maxAll   = 8 << 20 // bytes of all files together
)

// Base is the built-in policy with its tests.
func Base() fs.FS {
	sub, err := fs.Sub(base, "rego")
	if err != nil {
		return base // cannot happen: the folder is embedded above
	}
	return sub
}

// Folder opens a folder of policies. One that is not there is an error, which the first
// file in it would tell less clearly.
func Folder(dir string) (fs.FS, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, fmt.Errorf("there is no folder %s; `aceso policy init %s` makes one with the built-in policies", dir, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open policy folder: %w", err)
	}
	return os.DirFS(dir), nil
}

// source is the text of a policy folder.
type source struct {
	rego  map[string]string // path -> policy
	tests map[string]string // path -> tests of policies; they do not decide
	data  map[string]string // path -> data.json
	size  int64             // of all
}

// files are all of them by path.
func (s *source) files() map[string]string {
	all := maps.Clone(s.rego)
	maps.Copy(all, s.tests)
	maps.Copy(all, s.data)
	return all
}

// readSource reads *.rego and data.json at any depth. It skips names that start
// with a dot (editors and mounted volumes keep files there), and follows links to
// files but not to folders.
func readSource(fsys fs.FS) (*source, error) {
	s := &source{rego: map[string]string{}, tests: map[string]string{}, data: map[string]string{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != "." && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return s.add(fsys, name)
	})
	if err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	if len(s.rego) == 0 {
		return nil, errors.New("read policies: the folder has no .rego file")
	}
	return s, nil
}

// add reads one file.
func (s *source) add(fsys fs.FS, name string) error {
	place, err := s.place(name)
	if place == nil || err != nil {
		return err
	}
	info, err := fs.Stat(fsys, name)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	if info.Size() > maxFile || len(s.rego)+len(s.tests)+len(s.data) >= maxFiles {
		return fmt.Errorf("%s: a policy folder has at most %d files of %d bytes", name, maxFiles, maxFile)
	}
	if s.size += info.Size(); s.size > maxAll {
		return fmt.Errorf("%s: the files of a policy folder have at most %d bytes together", name, maxAll)
	}
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	place[name] = string(text)
	return nil
}

// place returns the map that a file belongs to, nil for other files. Data under
// another name is an error: rules would silently miss it.
func (s *source) place(name string) (map[string]string, error) {
	switch ext := path.Ext(name); {
	case strings.HasSuffix(name, "_test.rego"):
		return s.tests, nil
	case ext == ".rego":
		return s.rego, nil
	case path.Base(name) == "data.json":
		return s.data, nil
	case ext == ".json", ext == ".yaml", ext == ".yml":
		return nil, fmt.Errorf("%s: data for policies must be in a file named data.json", name)
	}
	return nil, nil
}

// state tells apart everything that matters for putting a folder in force: what
// decides, and the tests.
func (s *source) state() string {
	return s.revision() + hashed(s.tests)
}

// revision is the SHA-256 of everything that decides: paths and contents of
// policies and data in order of path, each preceded by its length. Tests do not
// decide.
func (s *source) revision() string { return hashed(s.rego, s.data) }

// hashed hashes files in order of path.
func hashed(all ...map[string]string) string {
	h := sha256.New()
	for _, files := range all {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			for _, part := range []string{name, files[name]} {
				var n [8]byte
				binary.BigEndian.PutUint64(n[:], uint64(len(part)))
				h.Write(n[:])
				h.Write([]byte(part))
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// document is the data of the folder: a data.json in a/b is found under data.a.b.
func (s *source) document() (map[string]any, error) {
	root := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.data)) {
		var v map[string]any
		if err := util.UnmarshalJSON([]byte(s.data[name]), &v); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if dir := path.Dir(name); dir != "." {
			v = nest(strings.Split(dir, "/"), v)
		}
		if err := merge(root, v); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return root, nil
}

func nest(dirs []string, v map[string]any) map[string]any {
	for i := len(dirs) - 1; i >= 0; i-- {
		v = map[string]any{dirs[i]: v}
	}
	return v
}

// merge adds from to into; two files must not say different things in one place.
func merge(into, from map[string]any) error {
	for k, v := range from {
		old, ok := into[k]
		if !ok {
			into[k] = v
			continue
		}
		a, isA := old.(map[string]any)
		b, isB := v.(map[string]any)
		if !isA || !isB {
			return fmt.Errorf("%q is defined by another file as well", k)
		}
		if err := merge(a, b); err != nil {
			return err
		}
	}
	return nil
}
