package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// typedWith runs `aceso user` with something on its standard input.
func typedWith(stdin string, args ...string) (code int, out, told string) {
	var o, e bytes.Buffer
	j := userJob{stdin: strings.NewReader(stdin), stdout: &o, stderr: &e}
	return j.run(args), o.String(), e.String()
}

func served(t *testing.T, database ...node.Database) (data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	folder, err := node.CreateFolder(data)
	if err != nil {
		t.Fatal(err)
	}
	o := node.Options{Organization: "hospital", Name: "n1", BaseURL: "http://127.0.0.1/fhir", Log: slog.New(slog.DiscardHandler), Scrub: time.Hour}
	for _, d := range database {
		o.Database = d
	}
	n, err := node.Open(t.Context(), folder, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestUsersAreAddedListedAndRemoved(t *testing.T) { managesUsers(t, served(t)) }

// Users of nodes that share a database are changed there.
func TestUsersAreAddedListedAndRemovedInADatabase(t *testing.T) {
	uri, _ := mongotest.Database(t)
	key := filepath.Join(t.TempDir(), "master.key")
	if _, err := keyring.CreateMaster(key); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ACESO_STORE", uri)
	t.Setenv("ACESO_MASTER_KEY_FILE", key)
	managesUsers(t, served(t, node.Database{URI: uri, MasterKey: key}))
}

func managesUsers(t *testing.T, data string) {
	code, out, told := typedWith("a right password\n", "add", "Doc", "--data", data, "--role", "practitioner", "--subject", "Practitioner/1", "--name", "Ada")
	if code != exitOK || out != "" || !strings.Contains(told, "recorded: hospital/n1/changes.0/") || strings.Contains(told, "right password") {
		t.Fatalf("exit %d: %s %s", code, out, told)
	}
	if code, _, told := typedWith("a right password\n", "add", "doc", "--data", data, "--role", "practitioner"); code != exitFailed || !strings.Contains(told, "already") {
		t.Errorf("twice: exit %d: %s", code, told)
	}
	code, out, _ = typedWith("", "add", "pat", "--data", data, "--role", "patient", "--patient", "7", "--random")
	if code != exitOK || len(strings.TrimSpace(out)) != 20 {
		t.Errorf("random: exit %d: %s", code, out)
	}
	if code, out, _ := typedWith("", "list", "--data", data); code != exitOK || out != "doc\tpractitioner\tPractitioner/1\tTREAT\tAda\npat\tpatient\tPatient/7\tPATRQT\t\n" {
		t.Errorf("list: exit %d: %s", code, out)
	}
	if code, _, told := typedWith("another password", "passwd", "doc", "--data", data); code != exitOK {
		t.Errorf("passwd: exit %d: %s", code, told)
	}
	if code, _, told := typedWith("", "remove", "doc", "--data", data); code != exitOK {
		t.Errorf("remove: exit %d: %s", code, told)
	}
	if code, _, told := typedWith("", "remove", "doc", "--data", data); code != exitFailed || !strings.Contains(told, `there is no user "doc"`) {
		t.Errorf("remove twice: exit %d: %s", code, told)
	}
	if code, out, _ := typedWith("", "list", "--data", data); code != exitOK || strings.Contains(out, "doc") {
		t.Errorf("list: exit %d: %s", code, out)
	}
}

func TestUsersNeedWhatTheirRoleNeeds(t *testing.T) {
	data := served(t)
	for _, test := range []struct {
		stdin, says string
		args        []string
	}{
		{"a right password\n", "role of a user", []string{"add", "doc"}},
		{"a right password\n", "role of a user", []string{"add", "doc", "--role", "system"}},
		{"a right password\n", "needs that patient", []string{"add", "pat", "--role", "patient"}},
		{"a right password\n", "no purpose of use", []string{"add", "doc", "--role", "practitioner", "--purpose", "FUN"}},
		{"a right password\n", "a login has", []string{"add", "d o c", "--role", "practitioner"}},
		{"short\n", "a password has 10 to 256 bytes", []string{"add", "doc", "--role", "practitioner"}},
		{"", "--random makes one", []string{"add", "doc", "--role", "practitioner"}},
		{"", "usage: aceso user", []string{"add"}},
		{"", "usage: aceso user", []string{"change", "doc"}},
		{"", "usage: aceso user", nil},
	} {
		code, _, told := typedWith(test.stdin, append(test.args, "--data", data)...)
		if code != exitUsage || !strings.Contains(told, test.says) {
			t.Errorf("%q: exit %d: %s", test.args, code, told)
		}
	}
	if code, out, _ := typedWith("", "list", "--data", data); code != exitOK || out != "" {
		t.Errorf("list: exit %d: %s", code, out)
	}
}
