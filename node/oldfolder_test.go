package node

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/server"
	"github.com/aceso-health/aceso/store"
)

// A folder that a node with schema version 1 wrote, and stopped with, is served: it has
// versions, a tombstone, Consents that permit and deny, and records of all that,
// refusals among them. In the archive there are also the requests, each with the
// receipts that its client got, and the AuditEvents as that node rendered them.
func TestFolderOfSchemaVersion1(t *testing.T) {
	dir := unpack(t, "testdata/folder-v1.tar.gz")
	folder := Folder(filepath.Join(dir, "folder"))
	receipts := keptReceipts(t, filepath.Join(dir, "requests.txt"))
	n := startNode(t, string(folder))
	t.Run("resources", func(t *testing.T) { oldResources(t, n) })
	t.Run("records", func(t *testing.T) { oldRecords(t, n, filepath.Join(dir, "events.ndjson")) })
	r := n.as("system", "HOPERAT").Put("/Patient/p1", patientJSON("p1", "Later")).Want(200)
	receipts = append(receipts, r.Header.Get(server.RecordHeader))
	n.as("privacy-officer", "HOPERAT").Get("/AuditEvent/" + r.Event() + "/$proof").Want(200)
	n.stop()
	wantWhole(t, folder, Database{}, receipts...)
	err := CheckStore(t.Context(), folder, Database{}, Check{Sample: 1}, Extent{All: true}, func(f store.Finding) error { return errors.New(f.Error()) })
	if err != nil {
		t.Error(err)
	}
	startNode(t, string(folder)).as("practitioner", "TREAT").Get("/Patient?family=later").Want(200)
}

// A folder that a node with schema version 1 wrote, whose teams, groups, roles and
// organisations have no epoch, and whose Bundles do not say what is in them, is checked as
// it is, upgraded, whole afterwards, and its Consents find whom they mean.
func TestFolderWithoutEpochsOfTeams(t *testing.T) {
	folder := Folder(filepath.Join(unpack(t, "testdata/folder-v1-governing.tar.gz"), "folder"))
	whole := func() {
		t.Helper()
		wantWhole(t, folder, Database{})
		err := CheckStore(t.Context(), folder, Database{}, Check{Sample: 1}, Extent{All: true}, func(f store.Finding) error { return errors.New(f.Error()) })
		if err != nil {
			t.Error(err)
		}
	}
	whole()
	for range 2 {
		n := startNode(t, string(folder))
		as := func(id string) user {
			return n.as("practitioner", "TREAT", func(g *Grant) { g.Subject = "Practitioner/" + id })
		}
		for _, path := range []string{"/Observation/o-p1", "/Bundle/b", "/Observation/o-p2"} {
			as("in").Get(path).Want(404)
			as("out").Get(path).Want(200)
		}
		n.stop()
		whole()
	}
	n := startNode(t, string(folder))
	n.as("system", "HOPERAT").Do("DELETE", "/PractitionerRole/r", "").Want(204)
	in := n.as("practitioner", "TREAT", func(g *Grant) { g.Subject = "Practitioner/in" })
	in.Get("/Observation/o-p1").Want(200)
	in.Get("/Observation/o-p2").Want(404)
	n.stop()
	whole()
}

// oldResources reads what was written, as those who may and who may not.
func oldResources(t *testing.T, n *testNode) {
	doctor, researcher := n.as("practitioner", "TREAT"), n.as("practitioner", "HRESCH")
	for path, says := range map[string]string{
		"/Patient/p1": `"family":"Married"`, "/Patient/p1/_history/1": `"family":"Familyp1"`, "/Patient/p3": `"family":"Third"`,
		"/Observation/o-p1": `"value":70.50`, "/Consent/c-p2/_history/1": `"type":"permit"`, "/Consent/c-p2": `"type":"deny"`,
	} {
		if r := doctor.Get(path).Want(200); !r.Has(says) {
			t.Errorf("%s does not say %s: %s", path, says, r.Body)
		}
	}
	for _, version := range []string{"/Patient/p1/_history/1", "/Patient/p1/_history/2", "/Observation/gone/_history/1", "/Consent/c-p2/_history/2"} {
		if r := doctor.Get(version + "/$verify").Want(200); !r.Has(`"name":"result","valueString":"ok"`) {
			t.Errorf("%s: %s", version, r.Body)
		}
	}
	doctor.Get("/Observation/gone").Want(410)
	doctor.Get("/Observation/gone/_history/1").Want(200)
	wantIDs(t, doctor.Get("/Patient?family=married"), 1, "Patient/p1")
	wantIDs(t, doctor.Get("/Patient?family=familyp1"), 0)
	wantIDs(t, doctor.Get("/Observation?patient=Patient/p1,Patient/p3&_sort=date"), 2, "Observation/o-p1", "Observation/o-p3")
	researcher.Get("/Patient/p1").Want(200)
	researcher.Get("/Patient/p2").Want(404)
	n.as("practitioner", "TREAT", func(g *Grant) { g.Organization = "elsewhere" }).Get("/Patient/p1").Want(404)
}

// oldRecords compares AuditEvents with what they were, and finds them.
func oldRecords(t *testing.T, n *testNode, path string) {
	officer := n.as("privacy-officer", "HOPERAT")
	refused := 0
	for _, line := range lines(t, path) {
		var was map[string]any
		if err := json.Unmarshal([]byte(line), &was); err != nil {
			t.Fatal(err)
		}
		is := officer.Get(fmt.Sprint("/AuditEvent/", was["id"])).Want(200).JSON()
		now := toldBy(is)
		for _, fact := range toldBy(was) {
			if !slices.Contains(now, fact) {
				t.Errorf("%v no longer says %q: %q", was["id"], fact, now)
			}
		}
		if strings.Contains(line, `"valueString":"deny"`) {
			refused++
		}
	}
	if refused != 5 {
		t.Errorf("%d refusals, want 5", refused)
	}
	found := strings.Join(officer.Get("/AuditEvent?entity=Patient/p2&_count=1000").IDs(), " ")
	for _, event := range []string{"n1.changes.0.3", "n1.accesses.0.6", "n1.accesses.0.11"} { // written, refused by Consent, by role
		if !strings.Contains(found+" ", event+" ") {
			t.Errorf("%s is not found under entity=Patient/p2: %s", event, found)
		}
	}
}

// toldBy is what an AuditEvent says of a record, however it is rendered.
func toldBy(event map[string]any) (facts []string) {
	add := func(name string, v any) {
		if text, ok := v.(string); ok {
			facts = append(facts, name+" "+text)
		}
	}
	within := func(v any, name string) any {
		object, _ := v.(map[string]any)
		return object[name]
	}
	each := func(name string, visit func(any)) {
		list, _ := event[name].([]any)
		for _, v := range list {
			visit(v)
		}
	}
	whom := func(name string, v any) {
		add(name, within(v, "reference"))
		add(name, within(within(v, "identifier"), "value"))
	}
	add("recorded", event["recorded"])
	add("action", event["action"])
	each("extension", func(v any) { add(fmt.Sprint(within(v, "url")), within(v, "valueString")) })
	each("agent", func(v any) {
		whom("agent", within(v, "who"))
		add("address", within(within(v, "network"), "address"))
	})
	each("entity", func(v any) {
		whom("entity", within(v, "what"))
		if query, ok := within(v, "query").(string); ok {
			text, _ := base64.StdEncoding.DecodeString(query)
			add("query", string(text[bytes.IndexByte(text, '?')+1:]))
		}
	})
	return facts
}

// keptReceipts are those that clients got. Each line of the file also says who asked for
// what, and the status of the answer.
func keptReceipts(t *testing.T, path string) (all []string) {
	for _, line := range lines(t, path) {
		for _, word := range strings.Fields(line)[4:] {
			receipt := strings.TrimSuffix(word, ",")
			if _, err := ledgerbridge.ParseReceipt(receipt); err != nil {
				t.Fatal(err)
			}
			all = append(all, receipt)
		}
	}
	if len(all) != 28 {
		t.Fatalf("%d receipts", len(all))
	}
	return all
}

func lines(t *testing.T, path string) (all []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(bytes.NewReader(data))
	for s.Buffer(nil, 1<<20); s.Scan(); {
		all = append(all, s.Text())
	}
	return all
}

// unpack puts the files of an archive into a new folder.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return dir
		}
		if err == nil {
			err = unpackOne(filepath.Join(dir, filepath.FromSlash(h.Name)), h, r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func unpackOne(path string, h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeDir {
		return os.MkdirAll(path, h.FileInfo().Mode().Perm())
	}
	data, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, h.FileInfo().Mode().Perm())
}
