package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	looseObservation = `{"resourceType":"Observation","id":"odd","status":"done","mood":"fine","subject":{"reference":"Patient/p1"},"effectivePeriod":{"start":"2020-02-02","end":"2019-01-01"}}`
	upsideDown       = `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p1"},"effectivePeriod":{"start":"2020-02-02","end":"2019-01-01"}}`
)

func atLevel(level string) func(*Node, *Options) {
	return func(_ *Node, o *Options) { o.Validate = level }
}

// What is accepted depends on the level; what access rests on is checked at each.
func TestLevelsOfValidation(t *testing.T) {
	for level, want := range map[string]struct{ loose, upsideDown int }{
		"off": {201, 201}, "structure": {422, 201}, "base": {422, 422}, "": {422, 422}, "profiles": {422, 422},
	} {
		n := startNode(t, t.TempDir(), atLevel(level))
		twoPatients(n)
		system := n.as("system", "HOPERAT")
		system.Put("/Observation/odd", looseObservation).Want(want.loose)
		system.Post("/Observation", upsideDown).Want(want.upsideDown)
		inBundle := want.upsideDown
		if inBundle == 201 {
			inBundle = 200
		}
		system.Post("/", bundleJSON("transaction", entryJSON("POST", "Observation", upsideDown, ""))).Want(inBundle)
		system.Post("/Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":"Patient/p1"}`).Want(422)
		system.Put("/Group/g", `{"resourceType":"Group","id":"g","type":"person","actual":true,"name":7}`).Want(422)
		if level == "off" {
			read := system.Get("/Observation/odd").Want(200)
			if !read.Has(`"mood":"fine"`) || !read.Has(`"status":"done"`) {
				t.Errorf("what was sent is not what is read: %s", read.Body)
			}
			if found := system.Get("/Observation?patient=p1&_id=odd").Want(200); !found.Has(`"mood":"fine"`) {
				t.Errorf("it is not found by its patient: %s", found.Body)
			}
		}
		n.stop()
	}
	if err := newNode(quiet()).start(t.Context(), Folder(t.TempDir()), Options{Organization: "hospital", Name: "n1", BaseURL: "http://127.0.0.1/fhir", Validate: "much"}); err == nil {
		t.Error("a level that there is not")
	}
}

const guideFile = "../fhir/validate/testdata/ips.tgz"

// namelessIPS is a patient of IPS without the name that IPS demands.
const namelessIPS = `{"resourceType":"Patient","meta":{"profile":["http://hl7.org/fhir/uv/ips/StructureDefinition/Patient-uv-ips"]},"birthDate":"2000-01-01"}`

// Packages are added while the node serves: it notices, and so does each node of a
// database.
func TestPackagesAreNoticed(t *testing.T) {
	alone := startNode(t, t.TempDir(), atLevel("profiles"))
	holdsAgainstPackages(t, alone, alone)
	c := newCluster(t, 0)
	first := c.start(t.TempDir(), "n1", atLevel("profiles"))
	holdsAgainstPackages(t, first, c.start(t.TempDir(), "n2", atLevel("profiles")))
}

// holdsAgainstPackages adds a package where one node is and looks at the other.
func holdsAgainstPackages(t *testing.T, at, other *testNode) {
	t.Helper()
	system := other.as("system", "HOPERAT")
	system.Post("/Patient", namelessIPS).Want(201)
	if told := system.Post("/Patient/$validate", namelessIPS).Want(200); !told.Has("not known here") {
		t.Errorf("an unknown profile is not told: %s", told.Body)
	}
	shelf, err := OpenPackages(t.Context(), at.data, at.database)
	if err != nil {
		t.Fatal(err)
	}
	defer shelf.Close()
	added, missing, err := shelf.Add(t.Context(), []string{guideFile})
	if err != nil || len(added) != 1 || added[0] != "hl7.fhir.uv.ips#2.0.0" || len(missing) != 3 {
		t.Errorf("added %q, missing %q, %v", added, missing, err)
	}
	if kept, err := shelf.List(t.Context()); err != nil || len(kept) != 1 || kept[0] != added[0] {
		t.Errorf("kept %q, %v", kept, err)
	}
	waitUntil(t, func() bool { return system.Post("/Patient/$validate", namelessIPS).Has("Patient.name") })
	refused := system.Post("/Patient", namelessIPS).Want(422)
	if !refused.Has(`"expression":["Patient.name"]`) || !refused.Has(`"code":"required"`) {
		t.Error(refused.Body)
	}
	if err := shelf.Remove(t.Context(), "hl7.fhir.uv.ips"); err != nil {
		t.Error(err)
	}
	if shelf.Remove(t.Context(), "hl7.fhir.uv.ips") == nil {
		t.Error("a package was removed twice")
	}
	waitUntil(t, func() bool { return !system.Post("/Patient/$validate", namelessIPS).Has("Patient.name") })
}

func waitUntil(t *testing.T, holds func() bool) {
	t.Helper()
	for range 100 {
		if holds() {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatal("the node has not noticed")
}

// A folder of packages, as npm makes one or with files .tgz, is added as a whole.
func TestFoldersOfPackages(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	guide, err := os.ReadFile(guideFile)
	if err != nil {
		t.Fatal(err)
	}
	write("ips.tgz", string(guide))
	write("b/package.json", `{"name":"b","version":"1.0.0","dependencies":{"hl7.fhir.uv.ips":"2.0.0","hl7.fhir.r4.core":"4.0.1"}}`)
	write("b/StructureDefinition-x.json", `{"resourceType":"StructureDefinition","url":"http://example.org/x"}`)
	write("c/package/package.json", `{"name":"c","version":"1.0.0","fhirVersions":["4.0.1"]}`)
	write("other/readme.txt", "none")
	all, err := readPackages(dir)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d packages, %v", len(all), err)
	}
	for name, c := range map[string]struct{ manifest, says string }{
		"R5":           {`{"name":"r5","version":"1.0.0","fhirVersions":["5.0.0"]}`, "R4"},
		"no name":      {`{"version":"1.0.0"}`, "name and a version"},
		"a path":       {`{"name":"../x","version":"1.0.0"}`, "letters"},
		"no manifest":  {`{}`, "name and a version"},
		"not JSON":     {`{`, "package.json"},
		"hidden names": {`{"name":".x","version":"1.0.0"}`, "letters"},
	} {
		write("bad/package.json", c.manifest)
		if _, err := readPackages(filepath.Join(dir, "bad")); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
