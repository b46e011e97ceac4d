package node

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// Very many patients who are new to the records come in one transaction, and each has a
// record that can be read.
func TestManyNewPatientsInOneTransaction(t *testing.T) {
	patients := 50_000
	if testing.Short() {
		patients = 5_000
	}
	dir := t.TempDir()
	n := startNode(t, dir)
	var b strings.Builder
	b.WriteString(`{"resourceType":"Bundle","type":"transaction","entry":[`)
	for i := range patients {
		fmt.Fprintf(&b, `{"resource":{"resourceType":"Patient","identifier":[{"system":"urn:ward","value":"%d"}]},"request":{"method":"POST","url":"Patient"}},`, i)
	}
	bundle := strings.TrimSuffix(b.String(), ",") + `]}`
	began := time.Now()
	r := n.as("system", "HOPERAT").Post("/", bundle).Want(http.StatusOK)
	t.Logf("%d new patients in %v", patients, time.Since(began))
	if got := len(r.Statuses()); got != patients {
		t.Errorf("%d answers", got)
	}
	found := n.as("system", "HOPERAT").Get(fmt.Sprintf("/Patient?identifier=urn:ward|%d", patients-1)).Want(200)
	report := n.as("privacy-officer", "HOPERAT").Get("/" + found.IDs()[0] + "/$access-report").Want(200)
	if !report.Has(r.Event()) {
		t.Errorf("the report of the last patient does not have the transaction: %.300s", report.Body)
	}
	n.stop()
	wantWhole(t, Folder(dir), Database{})
}

// Whoever is erased leaves no key behind, sealed or not, in any file of the folder.
func TestErasedKeyIsNowhere(t *testing.T) {
	dir := t.TempDir()
	n := startNode(t, dir)
	twoPatients(n)
	doctor := n.as("practitioner", "TREAT")
	doctor.Get("/Patient/p1").Want(200)
	pseudonym := n.node.sealer.PatientPseudonym("Patient/p1")
	keys, err := n.node.parts.Keys(t.Context(), []string{pseudonym})
	if err != nil {
		t.Fatal(err)
	}
	sealed := sealedKey(t, dir, keys[0].ID)
	n.stop()
	if found := holding(t, dir, sealed); len(found) != 1 || found[0] != "part.keys" {
		t.Errorf("before the erasure the sealed key is in %q", found)
	}
	if _, _, err := Erase(t.Context(), Folder(dir), Database{}, fhir.Ref{Type: "Patient", ID: "p1"}); err != nil {
		t.Fatal(err)
	}
	if found := holding(t, dir, sealed, keys[0].Key); len(found) > 0 {
		t.Errorf("after the erasure the key is in %q", found)
	}
	n = startNode(t, dir)
	n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200) // with another key
	n.stop()
	if found := holding(t, dir, sealed, keys[0].Key); len(found) > 0 {
		t.Errorf("later the key is in %q", found)
	}
	wantWhole(t, Folder(dir), Database{})
}

// sealedKey reads from the file of keys what follows the id of one.
func sealedKey(t *testing.T, dir, id string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "part.keys"))
	at := bytes.Index(data, raw)
	if err != nil || at < 0 {
		t.Fatalf("the file has no key %s: %v", id, err)
	}
	return data[at+len(raw)+32:][:48] // without the name of the wrapping key, which others have, too
}

// holding lists the files of a folder in which one of the secrets stands, as it is or as text.
func holding(t *testing.T, dir string, secrets ...[]byte) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, s := range secrets {
			if bytes.Contains(data, s) || bytes.Contains(data, []byte(hex.EncodeToString(s))) || bytes.Contains(data, []byte(base64.StdEncoding.EncodeToString(s))) {
				files = append(files, d.Name())
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
