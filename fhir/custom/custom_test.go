package custom

import (
	"errors"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

const patient = `{"resourceType":"Patient","name":[{"given":["a","b"]}],"birthDate":"1970-01-01"}`

// Nodes and the values that expressions make come out, others do not.
func TestExpressionsSelect(t *testing.T) {
	for expression, want := range map[string]string{
		"Patient.name.given":                "n n",
		"Patient.name.given.count()":        "2",
		"Patient.name.given.join('-')":      "a-b",
		"Patient.birthDate < @2000-01-01":   "true",
		"Patient.birthDate + 1 day":         "1970-01-02",
		"Patient.name.given.count() + 0.50": "2.50",
		"4 days":                            "",
	} {
		selected, err := Compile(expression, []string{"Patient"})
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		tape, err := fhir.ReadTape([]byte(patient))
		if err != nil {
			t.Fatal(err)
		}
		values, err := selected(tape)
		var got []string
		for _, v := range values {
			if v.Node >= 0 {
				v.Text = "n"
			}
			got = append(got, v.Text)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q %v, want %s", expression, got, err, want)
		}
		tape.Close()
	}
}

// What an expression may cost is bounded, and it does not look at other resources.
func TestExpressionsAreBounded(t *testing.T) {
	if _, err := Compile("Patient.generalPractitioner.select(resolve())", []string{"Patient"}); err == nil {
		t.Error("resolve() is taken")
	}
	selected, err := Compile("Patient.name.given.select(%context.name.given.select(%context.name.given.count()))", []string{"Patient"})
	if err != nil {
		t.Fatal(err)
	}
	tape, err := fhir.ReadTape([]byte(strings.Replace(patient, `"b"`, `"b"`+strings.Repeat(`,"c"`, 50), 1)))
	if err != nil {
		t.Fatal(err)
	}
	defer tape.Close()
	if _, err := selected(tape); err == nil || !strings.Contains(err.Error(), "20000 steps") {
		t.Error(err)
	}
}

// A stored document that is damaged is another thing than a definition that cannot be used.
func TestDamagedDefinitionsAreNoticed(t *testing.T) {
	var unfit *fhir.Error
	if _, _, err := Read([]byte(`{"resourceType":"Sea`)); err == nil || errors.As(err, &unfit) {
		t.Errorf("damaged: %v", err)
	}
	if _, _, err := Read([]byte(`{"resourceType":"SearchParameter","id":"1","meta":{"versionId":"1","lastUpdated":"2026-01-01T00:00:00.000Z"},"status":"active","code":"x","base":["Patient"],"type":"composite"}`)); !errors.As(err, &unfit) {
		t.Errorf("unfit: %v", err)
	}
}
