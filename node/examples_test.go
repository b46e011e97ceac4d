package node

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
	"github.com/aceso-health/aceso/fhir/xml"
)

// Every example of R4 that is valid is taken, kept byte by byte, and the same as XML. Those
// of Consents come last: they hide others.
func TestExamplesAreKept(t *testing.T) {
	examplesAreKept(t, startNode(t, t.TempDir()).as("system", "HOPERAT"), 1)
}

// MongoDB keeps them, too: of the many every fifth is tried.
func TestExamplesAreKeptOnMongoDB(t *testing.T) {
	examplesAreKept(t, newCluster(t, 1).users("system", "HOPERAT")[0], 5)
}

// examplesAreKept tries one of so many examples.
func examplesAreKept(t *testing.T, system user, each int) {
	t.Helper()
	seen, kept, valid := 0, 0, 0
	var consents []*fhir.Resource
	for _, file := range fhirtest.Corpus(t, "r4-examples") {
		document, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(document)
		switch {
		case err != nil || r.ID() == "" || r.Type() == "Subscription" || r.Type() == "AuditEvent":
			continue
		case r.Type() == "Consent":
			consents = append(consents, r)
			continue
		}
		if seen++; seen%each != 0 {
			continue
		}
		valid++
		if exampleIsKept(t, system, r) {
			kept++
		}
	}
	if t.Logf("%d of %d examples are kept", kept, valid); kept < valid*98/100 || valid < 650/each {
		t.Errorf("only %d of %d", kept, valid)
	}
	for _, r := range consents {
		if a := system.Put("/Consent/"+r.ID(), string(r.Bytes())); a.Status >= http.StatusInternalServerError {
			t.Errorf("%s: %d", r.ID(), a.Status)
		}
	}
}

// exampleIsKept says whether an example is taken.
func exampleIsKept(t *testing.T, system user, r *fhir.Resource) bool {
	t.Helper()
	path := "/" + r.Type() + "/" + r.ID()
	if a := system.Put(path, string(r.Bytes())); a.Status != http.StatusCreated && a.Status != http.StatusOK {
		t.Logf("%s is not taken: %d %.300s", path, a.Status, a.Body)
		return false
	}
	a := system.Get(path + "?_format=json")
	got, err := fhir.Open(a.Body)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return true
	}
	if want, err := r.Stamp(r.ID(), got.Version(), got.LastUpdated()); err != nil || !bytes.Equal(want.Bytes(), a.Body) {
		t.Errorf("%s is not kept byte by byte: %v %d", path, err, a.Status)
	}
	again, err := xml.Read(system.Get(path + "?_format=xml").Body)
	if err != nil || !reflect.DeepEqual(decoded(t, again), decoded(t, a.Body)) {
		t.Errorf("%s is another one as XML: %v", path, err)
	}
	return true
}

func decoded(t *testing.T, document []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Error(err)
	}
	return v
}
