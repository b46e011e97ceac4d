package fhirpath

import (
	"os"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// BenchmarkPath evaluates compiled expressions on a Patient of 5 KB that is read already.
func BenchmarkPath(b *testing.B) {
	data, err := os.ReadFile("testdata/patient-example.json")
	if err != nil {
		b.Fatal(err)
	}
	data = []byte(strings.Replace(string(data), `"use": "usual",`, `"use": "usual", "text": "`+strings.Repeat("x", 5<<10-len(data))+`",`, 1))
	tape, err := fhir.ReadTape(data)
	if err != nil {
		b.Fatal(err)
	}
	root := Root(tape)
	for _, text := range []string{
		"Patient.name.given", "Patient.birthDate", "name.where(use = 'official').given.first()", "Patient.contact.name.family.extension('http://hl7.org/fhir/StructureDefinition/humanname-own-prefix').value",
		"contact.all(name.exists() or telecom.exists() or address.exists() or organization.exists())", "descendants().count()",
	} {
		e, err := Compile(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			began := fhirtest.CPUTime()
			for b.Loop() {
				if _, err := e.Evaluate(nil, root); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(fhirtest.CPUTime()-began)/float64(b.N), "cpu-ns/op")
		})
	}
	b.Run("reading the document", func(b *testing.B) {
		began := fhirtest.CPUTime()
		for b.Loop() {
			tape, err := fhir.ReadTape(data)
			if err != nil {
				b.Fatal(err)
			}
			tape.Close()
		}
		b.ReportMetric(float64(fhirtest.CPUTime()-began)/float64(b.N), "cpu-ns/op")
	})
}
