package xml

import (
	"bytes"
	"encoding/json"
	stdxml "encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// TestExamplesSurviveXML writes every R4 example as XML, reads it again, and compares the
// JSON values, numbers by their text. Examples that are valid R4 stay valid.
func TestExamplesSurviveXML(t *testing.T) {
	for _, set := range []string{"r4-examples", "synthea-r4-100"} {
		files := fhirtest.Corpus(t, set)
		if testing.Short() && set != "r4-examples" {
			files = files[:3]
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			survives(t, filepath.Base(file), data, set == "r4-examples" && len(data)%2 == 0)
		}
	}
}

func survives(t *testing.T, name string, data []byte, pretty bool) {
	t.Helper()
	written, err := Write(data, pretty)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if err := strict(written); err != nil {
		t.Errorf("%s is not well-formed: %v", name, err)
	}
	read, err := Read(written)
	if err != nil {
		t.Errorf("%s: %v\n%.2000s", name, err, written)
		return
	}
	if got, want := valueOf(t, read), valueOf(t, data); !reflect.DeepEqual(got, want) {
		t.Errorf("%s is another one after XML:\n%s", name, difference("", want, got))
	}
	_, before := fhir.Parse(data)
	if _, after := fhir.Parse(read); (before == nil) != (after == nil) {
		t.Errorf("%s: as JSON %v, after XML %v", name, before, after)
	}
}

// strict reads all of a document with the decoder of the standard library.
func strict(document []byte) error {
	d := stdxml.NewDecoder(bytes.NewReader(document))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func valueOf(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// difference is the first place where two values differ.
func difference(at string, want, got any) string {
	if w, ok := want.(map[string]any); ok {
		g, _ := got.(map[string]any)
		for name := range w {
			if !reflect.DeepEqual(w[name], g[name]) {
				return difference(at+"."+name, w[name], g[name])
			}
		}
	}
	if w, ok := want.([]any); ok {
		g, _ := got.([]any)
		for i := range w {
			if i < len(g) && !reflect.DeepEqual(w[i], g[i]) {
				return difference(at+"[]", w[i], g[i])
			}
		}
	}
	w, _ := json.Marshal(want)
	g, _ := json.Marshal(got)
	return at + ": " + string(w) + "\nis " + string(g)
}

// TestOfficialXML compares XML documents of the official FHIRPath cases with the examples
// that they are in JSON.
func TestOfficialXML(t *testing.T) {
	folder := filepath.Dir(fhirtest.Corpus(t, "fhirpath-r4")[0])
	examples := filepath.Dir(fhirtest.Corpus(t, "r4-examples")[0])
	for name, example := range map[string]string{
		"patient-example.xml":       "Patient-example.json",
		"questionnaire-example.xml": "Questionnaire-3141.json", "valueset-example-expansion.xml": "",
		"codesystem-example.xml": "", "parameters-example-types.xml": "",
	} {
		official, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		read, err := Read(official)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		survives(t, name, read, false)
		if example == "" {
			continue
		}
		want, err := os.ReadFile(filepath.Join(examples, example))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := valueOf(t, read), valueOf(t, want); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is not %s: %s", name, example, difference("", want, got))
		}
	}
	official, err := os.ReadFile(filepath.Join(folder, "observation-example.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(official); err == nil { // its text stands after its extension
		t.Error("elements in another order than R4's are taken")
	}
}
