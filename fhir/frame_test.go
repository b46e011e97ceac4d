package fhir

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestCutBundle(t *testing.T) {
	for _, c := range []struct{ name, in, frame, resources string }{
		{"no entry", `{"resourceType":"Bundle"}`, `{"resourceType":"Bundle"}`, ``},
		{"only member", `{"entry":[{"resource":{"a":"}"}}]}`, `{"entry":[{}]}`, `{"a":"}"}`},
		{"first member", `{"entry":[{"resource": {"a":[1,{}]} , "x":1}]}`, `{"entry":[{"x":1}]}`, `{"a":[1,{}]}`},
		{"last member", `{"entry":[{"x":1 , "resource" : {} }]}`, `{"entry":[{"x":1 }]}`, `{}`},
		{"middle member", `{"entry":[{"x":1,"resource":{},"y":2},{"x":{"resource":{}}}]}`, `{"entry":[{"x":1,"y":2},{"x":{"resource":{}}}]}`, `{} -`},
		{"escaped quote", `{"entry":[{"resource":{"a":"\"}"},"x":1}]}`, `{"entry":[{"x":1}]}`, `{"a":"\"}"}`},
		{"resource is a string", `{"entry":[{"resource":"x"}]}`, `{"entry":[{"resource":"x"}]}`, `-`},
		{"entry of something else", `{"x":{"entry":[{"resource":{}}]}}`, `{"x":{"entry":[{"resource":{}}]}}`, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := cutBundle([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			var resources [][]byte
			for _, r := range got.resources {
				if r == nil {
					r = []byte("-")
				}
				resources = append(resources, r)
			}
			if string(got.frame) != c.frame || string(bytes.Join(resources, []byte(" "))) != c.resources {
				t.Errorf("frame %s\nresources %s", got.frame, resources)
			}
		})
	}
}

// Cutting must not turn an invalid document into valid parts, nor a valid one into
// invalid parts.
func FuzzCutBundle(f *testing.F) {
	for _, seed := range []string{
		`{"entry":[{"resource":{}}]}`, `{"entry":[{"a":1 "resource":{}}]}`, `{"entry":[{"resource":{},}]}`,
		`{"entry":[{"resource":{},"resource":{}}]}`, `{"entry":[{,"resource":{}}]}`, `{"entry":[{"a","resource":{}}]}`,
		`{"entry":[}`, `{"entry":[{"resource":`, `{"entry":[{"resource":{"a":"\`, `{"entry":[{"resource":{}"a":1}]}`,
		`{"entry":[1,{"resource":{}}]}`, `{"entry":[{"resource":{]}]}`, `[]`, `"`, ``, `{"a":,"entry":[{"x":,"resource":{}}]}`,
		`{"entry":[{"a":1,"resource":{}x}]}`, `{"entry":[{"resource":{} , , "b":2}]}`, `{"entry":{"resource":{}}}`,
		`{"entry":[[{"resource":{}}]]}`, `{"a":{"entry":[]},"entry":[{"a":[{}],"resource":{"b":[{}]},"c":{}}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		parts, err := cutBundle(data)
		sound := err == nil && json.Valid(parts.frame)
		for _, r := range parts.resources {
			sound = sound && (r == nil || json.Valid(r))
		}
		if err == nil && sound != json.Valid(data) {
			t.Errorf("whole valid %t, parts valid %t\n%q\n%q %q", json.Valid(data), sound, data, parts.frame, parts.resources)
		}
		if err != nil && json.Valid(data) && !twice(data) {
			t.Errorf("valid document refused: %q", data)
		}
	})
}

// twice allows the only refusal of valid JSON: two resources in an entry.
func twice(data []byte) bool { return bytes.Count(data, []byte(`"resource"`)) > 1 }
