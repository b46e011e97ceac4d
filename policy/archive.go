package policy

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Pack packs the policies of a folder, with their tests and data, into one archive
// for a store that all nodes read. It also returns their revision.
func Pack(fsys fs.FS) (revision string, archive []byte, err error) {
	s, err := readSource(fsys)
	if err != nil {
		return "", nil, err
	}
	if archive, err = packed(s.files()); err != nil {
		return "", nil, fmt.Errorf("pack policies: %w", err)
	}
	return s.revision(), archive, nil
}

// packed is an archive of files, by path.
func packed(files map[string]string) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(files[name]))
		}
		if err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// PackFiles packs files by path, as Pack does those of a folder. What no folder of policies
// would have is refused, not skipped.
func PackFiles(files map[string]string) (revision string, archive []byte, err error) {
	for name := range files {
		if err := checkName(name); err != nil {
			return "", nil, err
		}
	}
	if archive, err = packed(files); err != nil {
		return "", nil, fmt.Errorf("pack policies: %w", err)
	}
	fsys, err := Unpack(archive)
	if err != nil {
		return "", nil, err
	}
	return Pack(fsys)
}

// checkName refuses a path that readSource would skip.
func checkName(name string) error {
	if !fs.ValidPath(name) || len(name) > 200 || strings.HasPrefix(name, ".") || strings.Contains(name, "/.") ||
		strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) ||
		path.Ext(name) != ".rego" && path.Base(name) != "data.json" {
		return fmt.Errorf("%.200q is no name of a policy file: policies are in files *.rego, tests in *_test.rego, data in data.json", name)
	}
	return nil
}

// Files are the packed files by path. It refuses what no folder of policies may have.
func Files(archive []byte) (map[string]string, error) {
	fsys, err := Unpack(archive)
	if err != nil {
		return nil, err
	}
	s, err := readSource(fsys)
	if err != nil {
		return nil, err
	}
	return s.files(), nil
}

// TestsOf tells apart the tests of packed policies, which their revision does not name.
func TestsOf(archive []byte) (string, error) {
	fsys, err := Unpack(archive)
	if err != nil {
		return "", err
	}
	s, err := readSource(fsys)
	if err != nil {
		return "", err
	}
	return hashed(s.tests), nil
}

// Unpack returns the packed folder.
func Unpack(archive []byte) (fs.FS, error) {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("unpack policies: %w", err)
	}
	return r, nil
}
