package node

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// What the policy is asked with is in no file of the folder in clear; a node that is killed
// has it, too, and goes on; the log stays whole.
func TestInputsAreSealedAndSurviveAKill(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor := n.as("practitioner", "TREAT", func(g *Grant) {
		g.Subject, g.Scope = "Practitioner/zebra-subject", "user/Patient.rs user/Observation.rs"
	})
	own := n.as("patient", "PATRQT", func(g *Grant) {
		g.Subject, g.Patient, g.Scope = "Patient/p1", "Patient/p1", "patient/Patient.rs patient/Observation.rs"
	})
	for range 3 {
		doctor.Get("/Patient/p2").Want(200)
		own.Get("/Patient/p1").Want(200)
	}
	wantNowhere(t, string(n.data), "zebra-subject", "user/Patient.rs", "patient/Patient.rs")
	killed := startNode(t, copyOf(t, string(n.data)))
	again := killed.as("patient", "PATRQT", func(g *Grant) {
		g.Subject, g.Patient, g.Scope = "Patient/p1", "Patient/p1", "patient/Patient.rs patient/Observation.rs"
	})
	again.Get("/Patient/p1").Want(200)
	killed.stop()
	wantWhole(t, killed.data, Database{})
}

// copyOf is what the disk holds now, as after kill -9.
func copyOf(t *testing.T, folder string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(Folder(dir).keys(), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// wantNowhere fails if a text stands in a file of a folder.
func wantNowhere(t *testing.T, folder string, texts ...string) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		seen += len(data)
		for _, text := range texts {
			if bytes.Contains(data, []byte(text)) {
				err = fmt.Errorf("%s has %q", path, text)
			}
		}
		return err
	})
	if err != nil || seen < 10_000 {
		t.Errorf("%d bytes: %v", seen, err)
	}
}
