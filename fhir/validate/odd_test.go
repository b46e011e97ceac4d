package validate_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/validate"
)

// A profile may say anything, sane or not: nothing panics, and nothing goes on for ever.
func TestOddProfilesDoNoHarm(t *testing.T) {
	_, all := ips(t)
	document, err := fhir.Parse(all["Bundle-bundle-minimal"])
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	odd := []any{"", ".", "Bundle", "Bundle.entry", "Bundle.entry:patient.resource", "Bundle.entry.resource.name", "#Bundle.entry", "#Bundle", "a/b", "*", "-1", "x'(", "extension(", "$this", "resolve()",
		"http://example.org/odd", true, -1.0, 1e9, json.RawMessage(`{}`), json.RawMessage(`{"value":1}`), json.RawMessage(`[]`), json.RawMessage(`["x"]`), nil}
	const start = `{"url":"http://example.org/odd","derivation":"constraint","type":"Bundle","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Bundle","differential":{"element":[
{"id":"Bundle.entry","path":"Bundle.entry","slicing":{"discriminator":[{"type":"value","path":"resource.code"},{"type":"profile","path":"resource"}],"rules":"open"},"contentReference":"#Bundle.link"},
{"id":"Bundle.entry:a","path":"Bundle.entry","sliceName":"a","min":1,"max":"2","type":[{"code":"BackboneElement","profile":["http://example.org/odd"]}]},
{"id":"Bundle.entry:a.resource","path":"Bundle.entry.resource","type":[{"code":"Observation","profile":["http://example.org/odd"],"targetProfile":["http://example.org/odd"]}],"patternString":"x"},
{"id":"Bundle.entry:a.resource.code","path":"Bundle.entry.resource.code","fixedCode":"x","minValueDate":"","maxValueQuantity":{"value":1},"maxLength":1,"binding":{"strength":"required","valueSet":"x"},
 "constraint":[{"key":"k","severity":"error","expression":"descendants().where($this)"}]},
{"id":"Bundle.total","path":"Bundle.total","contentReference":"#Bundle.entry","minValueInteger":1,"patternInteger":7}]}}`
	cases := 3_000
	if testing.Short() {
		cases = 300
	}
	for range cases {
		var profile map[string]any
		if err := json.Unmarshal([]byte(start), &profile); err != nil {
			t.Fatal(err)
		}
		for range 1 + r.IntN(4) {
			spoil(r, profile["differential"], odd)
		}
		text, err := json.Marshal(profile)
		if err != nil {
			t.Fatal(err)
		}
		known, err := validate.NewProfiles([][]byte{text})
		if err != nil {
			continue
		}
		v := &validate.Validator{Profiles: known}
		if _, err := v.Check(t.Context(), document, validate.Options{Profiles: []string{"http://example.org/odd"}, Declared: true, Warnings: true}); err != nil {
			t.Logf("%v: %s", err, text)
		}
	}
}

// spoil puts something odd at one place.
func spoil(r *rand.Rand, in any, odd []any) {
	pick := func() any { return odd[r.IntN(len(odd))] }
	switch v := in.(type) {
	case map[string]any:
		names := []string{"id", "path", "type", "sliceName", "min", "max", "slicing", "contentReference", "patternCoding", "constraint", "binding"}
		for name := range v {
			names = append(names, name)
		}
		name := names[r.IntN(len(names))]
		if r.IntN(3) == 0 || v[name] == nil {
			v[name] = pick()
			return
		}
		spoil(r, v[name], odd)
	case []any:
		if len(v) == 0 {
			return
		}
		i := r.IntN(len(v))
		if r.IntN(4) == 0 {
			v[i] = pick()
			return
		}
		spoil(r, v[i], odd)
	}
}
