package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
	"github.com/aceso-health/aceso/store/sqlite"
)

// aceso runs a command and returns its exit code and all that it printed.
func runAceso(args ...string) (int, string) {
	var out bytes.Buffer
	code := run(args, &out, &out)
	return code, out.String()
}

// loadSynthea posts the hospital's bundles, those that others refer to first.
func loadSynthea(t *testing.T, system user) {
	files, err := filepath.Glob(filepath.Join(synthea(t), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	slices.SortStableFunc(files, func(a, b string) int {
		first := func(name string) int { return strings.Count(filepath.Base(name), "Information") }
		return first(b) - first(a)
	})
	if testing.Short() {
		files = files[:12]
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		system.Post("", string(body)).Want(200)
	}
}

// The hospital moves from its folder to a database and to a folder again without a
// changed byte: versions, history, tombstones, logs, roots. What was proven before is
// proven after, and each place goes on where the one before it ended.
func TestHospitalMovesToADatabaseAndBack(t *testing.T) {
	old, beside, back := t.TempDir(), t.TempDir(), t.TempDir()
	n := startNode(t, old)
	loadSynthea(t, n.as("system", "HOPERAT"))
	system, officer := n.as("system", "HOPERAT"), n.as("privacy-officer", "HOPERAT")
	system.Put("/Patient/gone", patientJSON("gone", "Gone")).Want(201)
	system.Do("DELETE", "/Patient/gone", "").Want(204)
	event := n.as("practitioner", "TREAT").Get("/Patient?_count=3").Want(200).Event()
	proof := filepath.Join(t.TempDir(), "proof.json")
	if err := os.WriteFile(proof, officer.Get("/AuditEvent/"+event+"/$proof").Want(200).Body, 0o600); err != nil {
		t.Fatal(err)
	}
	count := system.Get("/Observation?_summary=count").Want(200).JSON()["total"]
	n.stop()
	trusted := trustedKeys(t, old)

	uri, _ := mongotest.Database(t)
	t.Setenv("ACESO_STORE", uri)
	if code, out := runAceso("store", "copy", old, "database", "--data", beside); code != exitOK {
		t.Fatalf("there: exit %d\n%s", code, out)
	}
	database := node.Database{URI: uri}
	shared := startNode(t, beside, func(o *node.Options) { o.Database = database })
	if got := shared.as("system", "HOPERAT").Get("/Observation?_summary=count").Want(200).JSON()["total"]; got != count {
		t.Errorf("%v Observations in the database, %v in the folder", got, count)
	}
	shared.as("practitioner", "TREAT").Get("/Patient/gone").Want(410)
	shared.as("privacy-officer", "HOPERAT").Get("/AuditEvent/" + event + "/$proof").Want(200)
	shared.as("system", "HOPERAT").Put("/Patient/later", patientJSON("later", "Later")).Want(201)
	shared.stop()
	if code, out := runAceso("store", "check", "--data", beside); code != exitWhole {
		t.Errorf("check of the database: exit %d\n%s", code, out)
	}

	if code, out := runAceso("store", "copy", "database", back, "--data", beside); code != exitOK {
		t.Fatalf("back: exit %d\n%s", code, out)
	}
	t.Setenv("ACESO_STORE", "")
	os.Unsetenv("ACESO_STORE")
	startsWith(t, old, back)
	for _, args := range [][]string{
		append([]string{"verify", "record", proof}, trusted...),
		{"verify", "log", "--data", back},
		{"store", "check", "--data", back},
	} {
		if code, out := runAceso(args...); code != exitWhole {
			t.Errorf("%v: exit %d\n%s", args[:2], code, out)
		}
	}
	again := startNode(t, back)
	again.as("practitioner", "TREAT").Get("/Patient/later").Want(200)
	again.as("privacy-officer", "HOPERAT").Get("/AuditEvent/" + event + "/$proof").Want(200)
}

// trustedKeys are the keys that sign a folder's checkpoints, as flags.
func trustedKeys(t *testing.T, folder string) (flags []string) {
	t.Helper()
	code, out := runAceso("verify", "keys", "--data", folder)
	if code != exitWhole {
		t.Fatal(out)
	}
	for _, key := range strings.Fields(out) {
		flags = append(flags, "--key", key)
	}
	return flags
}

// startsWith compares every version of a folder with the one that has grown from it.
func startsWith(t *testing.T, folder, grown string) {
	t.Helper()
	var all [2]map[int64]store.Stored
	for i, dir := range []string{folder, grown} {
		s, err := sqlite.OpenReadOnly(t.Context(), dir, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		all[i] = map[int64]store.Stored{}
		err = s.Versions(t.Context(), 0, func(v store.Stored) error {
			all[i][v.Stamp] = v
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all[1]) != len(all[0])+1 {
		t.Errorf("%d versions became %d", len(all[0]), len(all[1]))
	}
	for stamp, v := range all[0] {
		if w := all[1][stamp]; !bytes.Equal(v.Body, w.Body) || v.Hash != w.Hash || v.Version.Version != w.Version.Version || v.Deleted != w.Deleted {
			t.Errorf("%s version %d was changed", v.Ref, v.Version.Version)
		}
	}
}

func TestStoreCommandRefuses(t *testing.T) {
	t.Setenv("ACESO_STORE", "")
	os.Unsetenv("ACESO_STORE")
	used := t.TempDir()
	startNode(t, used).stop()
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"copy", "a"}, exitUsage, "usage: aceso store check | copy FROM TO"},
		{[]string{"copy", used, "database"}, exitUsage, "no database is named"},
		{[]string{"copy", used, used}, exitUsage, "folders of their own"},
		{[]string{"copy", filepath.Join(used, "absent"), t.TempDir()}, exitFailed, "there is no data folder"},
		{[]string{"copy", t.TempDir(), t.TempDir()}, exitFailed, "never been served"},
		{[]string{"check", "--sample", "9", "--data", used}, exitUsage, "--store"},
		{[]string{"check", "--sample", "0", "--data", used}, exitUsage, "--sample must be"},
		{[]string{"check", "--data", filepath.Join(used, "absent")}, exitUnchecked, "there is no data folder"},
	} {
		code, out := runAceso(append([]string{"store"}, test.args...)...)
		if code != test.code || !strings.Contains(out, test.says) {
			t.Errorf("%v: exit %d, says %q", test.args, code, out)
		}
	}
	n := startNode(t, used)
	if code, out := runAceso("store", "copy", used, t.TempDir()); code != exitFailed || !strings.Contains(out, "in use by another process") {
		t.Errorf("a folder that is served: exit %d, says %q", code, out)
	}
	n.stop()
}
