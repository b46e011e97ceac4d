package policy

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

// Pack packs the policies of a folder, with their tests and data, into one archive
// for a store that all nodes read. It also returns their revision.
func Pack(fsys fs.FS) (revision string, archive []byte, err error) {
	s, err := readSource(fsys)
	if err != nil {
		return "", nil, err
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, files := range []map[string]string{s.rego, s.tests, s.data} {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			f, err := w.Create(name)
			if err == nil {
				_, err = f.Write([]byte(files[name]))
			}
			if err != nil {
				return "", nil, fmt.Errorf("pack policies: %w", err)
			}
		}
	}
	if err := w.Close(); err != nil {
		return "", nil, fmt.Errorf("pack policies: %w", err)
	}
	return s.revision(), b.Bytes(), nil
}

// Unpack returns the packed folder.
func Unpack(archive []byte) (fs.FS, error) {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("unpack policies: %w", err)
	}
	return r, nil
}
