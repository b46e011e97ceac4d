package fhir

import "testing"

func TestPlainReference(t *testing.T) {
	const base = "http://127.0.0.1:8080/fhir"
	for target, plain := range map[string]bool{
		"Patient/1": true, "Patient/1/_history/2": true, "#p": true,
		"urn:uuid:9a9f0f2e-6d0e-4a41-9a6b-0d8b6f2f7a01": true,
		"http://elsewhere.example/fhir/Patient/1":       true,
		"https://127.0.0.1:8080/other/Patient/1":        true,
		base + "/Patient/1":                             true,
		"/Patient/1":                                    false,
		"./Patient/1":                                   false,
		"Patient/1/":                                    false,
		"Patient/1#x":                                   false,
		"Patient/1?x=1":                                 false,
		"Nonsense/1":                                    false,
		"Patient":                                       false,
		"":                                              false,
		"HTTP://127.0.0.1:8080/fhir/Patient/1":          false,
		base + "//Patient/1":                            false,
		base + "/./Patient/1":                           false,
		base + "/Patient/1?x=1":                         false,
		base:                                            false,
	} {
		if PlainReference(target, base) != plain {
			t.Errorf("%q: plain should be %v", target, plain)
		}
	}
}
