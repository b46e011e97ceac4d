package fhir

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// invalidExamples are the official examples that are not valid R4, and why.
var invalidExamples = map[string]string{
	"ActivityDefinition-blood-tubes-supply.json":        "its narrative is empty (txt-2)",
	"ActivityDefinition-heart-valve-replacement.json":   "its narrative is empty (txt-2)",
	"EventDefinition-example.json":                      "its narrative is empty (txt-2)",
	"Questionnaire-zika-virus-exposure-assessment.json": "its narrative is empty (txt-2)",
	"DeviceMetric-example.json":                         "parent refers to a DeviceDefinition, only Device is allowed",
	"DeviceUseStatement-example.json":                   "reasonReference refers to a Procedure, which is not allowed",
	"MedicationRequest-medrx0301.json":                  "dispenseRequest.performer refers to a Practitioner, only Organization is allowed",
	"Observation-clinical-gender.json":                  "performer refers to an Encounter, which is not allowed",
	"Questionnaire-qs1.json":                            "items lack linkId",
	"ImplementationGuide-fhir.json":                     "name and status are missing",
	"ig-r4.json":                                        "name and status are missing",
}

func TestOfficialExamples(t *testing.T) {
	files := fhirtest.Corpus(t, "r4-examples")
	if len(files) != 724 {
		t.Errorf("%d examples, want 724", len(files))
	}
	for _, file := range files {
		name := filepath.Base(file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Parse(data)
		if reason := invalidExamples[name]; (err != nil) != (reason != "") {
			t.Errorf("%s: %v; known to be invalid: %q", name, err, reason)
		}
		if err != nil {
			if r, err = Open(data); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
		}
		checkStamp(t, name, r)
		checkSubsets(t, name, data)
	}
}

func TestSyntheaBundles(t *testing.T) {
	files := fhirtest.Corpus(t, "synthea-r4-100")
	if len(files) != 102 {
		t.Errorf("%d bundles, want 102", len(files))
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(data); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}

// checkStamp stamps twice: both stamps may change only the three values.
func checkStamp(t *testing.T, name string, r *Resource) {
	t.Helper()
	when := time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, time.FixedZone("", 3600))
	once, err := r.Stamp("a-1", 3, when)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if once.ID() != "a-1" || once.Version() != 3 || !once.LastUpdated().Equal(when.Truncate(time.Millisecond)) || once.Type() != r.Type() {
		t.Errorf("%s: stamped %s %d %s", name, once.ID(), once.Version(), once.LastUpdated())
	}
	if got, want := unstamped(t, once), unstamped(t, r); got != want {
		t.Errorf("%s: stamping changed other bytes\n got %.300s\nwant %.300s", name, got, want)
	}
	if !json.Valid(once.Bytes()) {
		t.Errorf("%s: not JSON after stamping", name)
	}
	again, err := once.Stamp("a-1", 3, when)
	if err != nil || string(again.Bytes()) != string(once.Bytes()) || again.Hash() != once.Hash() {
		t.Errorf("%s: the same stamp again changed bytes: %v", name, err)
	}
}

// unstamped is the document without id and meta, member by member: the part that a
// stamp must not touch.
func unstamped(t *testing.T, r *Resource) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(r.Bytes(), &members); err != nil {
		t.Fatal(err)
	}
	var meta map[string]json.RawMessage
	if m, ok := members["meta"]; ok {
		if err := json.Unmarshal(m, &meta); err != nil {
			t.Fatal(err)
		}
	}
	delete(members, "id")
	delete(members, "meta")
	out := ""
	for _, name := range sorted(members) {
		out += name + ":" + string(members[name]) + "\n"
	}
	for _, name := range sorted(meta) {
		if name != "versionId" && name != "lastUpdated" {
			out += "meta." + name + ":" + string(meta[name]) + "\n"
		}
	}
	return out
}

// checkSubsets checks that every subset is readable and keeps whole elements
// unchanged.
func checkSubsets(t *testing.T, name string, data []byte) {
	t.Helper()
	for _, summary := range []string{"true", "text", "data"} {
		cut, err := Subset(data, summary, nil)
		if err != nil {
			t.Errorf("%s: _summary=%s: %v", name, summary, err)
			continue
		}
		var e *Error
		if _, err := Parse(cut); invalidExamples[name] == "" && errors.As(err, &e) {
			for _, i := range e.Issues {
				if i.Code != "invariant" { // a reference to a contained resource loses its target
					t.Errorf("%s: _summary=%s: %s %s", name, summary, i.Expression, i.Detail)
				}
			}
		}
	}
}
