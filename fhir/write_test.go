package fhir

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestAnswerKeepsResourceBytes(t *testing.T) {
	body := "{ \"resourceType\" : \"Observation\",\n\t\"valueQuantity\":{\"value\":1.50},\"x\":\"\\u0041<&>\" }"
	a := Answer{
		Type: "searchset", Total: 1,
		Links:   []Link{{"self", "http://x/fhir/Observation?a=1&b=2"}},
		Entries: []AnswerEntry{{FullURL: "http://x/fhir/Observation/1", Body: []byte(body), Mode: "match"}, {Body: []byte("{}")}},
	}
	got, err := a.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"Bundle","type":"searchset","total":1,"link":[{"relation":"self","url":"http://x/fhir/Observation?a=1&b=2"}],` +
		`"entry":[{"fullUrl":"http://x/fhir/Observation/1","search":{"mode":"match"},"resource":` + body + `},{"resource":{}}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAnswerFrames(t *testing.T) {
	at := time.Date(2024, 5, 1, 10, 0, 0, 123456789, time.FixedZone("", 3600))
	a := Answer{ID: "b", Type: "history", Time: at, Total: -1, Entries: []AnswerEntry{{
		FullURL:  "http://x/fhir/Patient/1",
		Request:  &AnswerRequest{"DELETE", "Patient/1"},
		Response: &AnswerResponse{Status: "204 No Content", Location: "l", ETag: ETag(2), LastModified: at, Outcome: []byte(`{}`)},
	}}}
	got, err := a.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"Bundle","id":"b","type":"history","timestamp":"2024-05-01T09:00:00.123Z","entry":[` +
		`{"fullUrl":"http://x/fhir/Patient/1","request":{"method":"DELETE","url":"Patient/1"},` +
		`"response":{"status":"204 No Content","location":"l","etag":"W/\"2\"","lastModified":"2024-05-01T09:00:00.123Z","outcome":{}}}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, bad := range []Answer{
		{Type: "x"},
		{Type: "searchset", Entries: []AnswerEntry{{Mode: "x"}}},
		{Type: "history", Entries: []AnswerEntry{{Request: &AnswerRequest{"FOO", "x"}}}},
	} {
		if b, err := bad.Bytes(); err == nil {
			t.Errorf("unknown code written: %s", b)
		}
	}
}

func TestOutcome(t *testing.T) {
	e := &Error{Kind: Invalid, Detail: "D", Expression: "A.b"}
	for _, c := range []struct {
		name   string
		issues []Issue
		want   string
	}{
		{"one error", e.Findings("invalid"), `[{"severity":"error","code":"invalid","details":{"text":"D"},"expression":["A.b"]}]`},
		{"findings replace their sum", (&Error{Detail: "sum", Issues: []Issue{{Detail: "x", Expression: "A.c"}, {Code: "value"}}}).Findings("invalid"),
			`[{"severity":"error","code":"invalid","details":{"text":"x"},"expression":["A.c"]},{"severity":"error","code":"value"}]`},
		{"warnings do not replace an error", (&Error{Detail: "D", Issues: []Issue{{Detail: "w", Warning: true}}}).Findings("processing"),
			`[{"severity":"error","code":"processing","details":{"text":"D"}},{"severity":"warning","code":"processing","details":{"text":"w"}}]`},
		{"nothing wrong", nil, `[{"severity":"information","code":"informational","details":{"text":"All OK"}}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Outcome(c.issues)
			want := `{"resourceType":"OperationOutcome","issue":` + c.want + `}`
			if err != nil || string(got) != want {
				t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
			}
		})
	}
	if _, err := Outcome([]Issue{{Code: "no such code"}}); err == nil {
		t.Error("unknown issue type accepted")
	}
}

func TestCapability(t *testing.T) {
	c := Capability{
		Software: "Aceso", URL: "http://x/fhir", Formats: []string{"application/fhir+json"},
		Interactions: []string{"transaction"},
		Resources: []ResourceCapability{{
			Type: "Patient", Interactions: []string{"read"}, Versioned: true, Writable: true,
			Search:     []CapabilityParam{{Name: "name", Type: "string"}},
			Operations: []CapabilityOperation{{"access-report", "http://x"}},
		}},
	}
	b, err := c.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(b) || !strings.HasPrefix(string(b), `{"resourceType":"CapabilityStatement"`) {
		t.Errorf("%s", b)
	}
	for _, part := range []string{`"fhirVersion":"4.0.1"`, `"kind":"instance"`, `"code":"transaction"`, `"conditionalDelete":"multiple"`, `"type":"string"`, `"name":"access-report"`} {
		if !strings.Contains(string(b), part) {
			t.Errorf("no %s in %s", part, b)
		}
	}
	c.Resources[0].Interactions = []string{"fly"}
	if _, err := c.Bytes(); err == nil {
		t.Error("unknown interaction accepted")
	}
}

// A match written without an encoder equals an encoded one.
func TestAnswerMatchIsEncoded(t *testing.T) {
	for _, url := range []string{"http://x/fhir/Patient/1", `http://x/"\\é`, "http://x/\n\x01"} {
		e := AnswerEntry{FullURL: url, Mode: "match"}
		frame, err := e.frame()
		if err != nil {
			t.Fatal(err)
		}
		want, err := encode(frame)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.appendFrame(nil)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(got, &a) != nil || json.Unmarshal(want, &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	a := Answer{Type: "searchset", Total: -1}
	for range 50 {
		a.Entries = append(a.Entries, AnswerEntry{FullURL: "http://x/fhir/Observation/1", Body: make([]byte, 1500), Mode: "match"})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Bytes(); err != nil {
			b.Fatal(err)
		}
	}
}
