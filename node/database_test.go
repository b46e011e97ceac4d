package node

import (
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/keyring"
)

func TestDatabaseOptions(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://h1,h2:27018/?replicaSet=rs0":     "",
		"mongodb://h1/aceso2?replicaSet=rs0":        "aceso2",
		"mongodb://u:p%2Fq@h1/hospital":             "hospital",
		"mongodb+srv://u:p@h1.example.org/a?tls=on": "a",
		"mongodb://h1": "",
	} {
		o := Database{URI: uri}
		if o.name() != want {
			t.Errorf("%s: database %q, want %q", uri, o.name(), want)
		}
	}
	made, err := keyring.CreateMaster(filepath.Join(t.TempDir(), "k"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("ACESO_MASTER_KEY", base64.StdEncoding.EncodeToString(made[:]))
	if m, err := (Database{}).master(Folder(t.TempDir())); err != nil || m != made {
		t.Errorf("the key in the environment: %v", err)
	}
	t.Setenv("ACESO_MASTER_KEY", "c2hvcnQ=")
	if _, err := (Database{}).master(Folder(t.TempDir())); err == nil || !strings.Contains(err.Error(), "ACESO_MASTER_KEY") || strings.Contains(err.Error(), "c2hvcnQ") {
		t.Errorf("a short key: %v", err)
	}
}
