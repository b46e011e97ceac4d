// Package fhirtest supports tests and benchmarks: it finds the large sets of test
// data and measures CPU time. It is never linked into the binary, and knows nothing
// about FHIR.
package fhirtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Corpus lists the JSON files of one of the large sets of test data that
// testdata/README.md names.
func Corpus(t testing.TB, name string) []string {
	t.Helper()
	dir := os.Getenv("ACESO_TEST_DATA")
	if dir == "" {
		dir = filepath.Join(root(t), "..", "shared", "data")
	}
	set := filepath.Join(dir, name)
	if _, err := os.Stat(set); err != nil {
		archive := set + ".tar.xz"
		if _, err := os.Stat(archive); err != nil {
			t.Skipf("SKIPPED: no test data %s: set ACESO_TEST_DATA to the folder that holds it", name)
		}
		dir = t.TempDir()
		if out, err := exec.Command("tar", "-xJf", archive, "-C", dir).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: cannot extract %s: %v %s", archive, err, out)
		}
		set = filepath.Join(dir, name)
	}
	var files []string
	err := filepath.WalkDir(set, func(path string, _ os.DirEntry, err error) error {
		if filepath.Ext(path) == ".json" {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", set, err)
	}
	return files
}

// root is the folder of the module under test.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	t.Fatalf("no go.mod above the test: %v", err)
	return ""
}
