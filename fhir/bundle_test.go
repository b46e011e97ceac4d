package fhir

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir/fhirtest"
)

const bundleBase = "http://x/fhir"

func bundleOf(typ string, entries ...string) []byte {
	return []byte(`{"resourceType":"Bundle","type":"` + typ + `","entry":[` + strings.Join(entries, ",") + `]}`)
}

func request(method, url string) string {
	return fmt.Sprintf(`{"request":{"method":%q,"url":%q}}`, method, url)
}

func entryWith(resource, method, url string, more ...string) string {
	return fmt.Sprintf(`{%s"resource":%s,"request":{"method":%q,"url":%q}}`, strings.Join(more, ""), resource, method, url)
}

const (
	patient1 = `{"resourceType":"Patient","id":"1"}`
	patient  = `{"resourceType":"Patient"}`
	urn      = "urn:uuid:0b9f4ab0-5ca5-4ab5-a0dc-c8a0e8b7a7d1"
)

func TestParseBundleOrder(t *testing.T) {
	b, err := ParseBundle(bundleOf("transaction",
		request("GET", "Patient?name=a"),
		entryWith(patient1, "PUT", "Patient/1"),
		entryWith(patient, "POST", "Patient", `"fullUrl":"`+urn+`",`),
		request("DELETE", "Patient/2"),
		request("GET", "Patient/3/_history/4"),
		entryWith(`{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"`+urn+`"}}`, "POST", "Basic"),
		request("DELETE", "Patient?identifier=x"),
	), bundleBase)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range b.Entries {
		got = append(got, fmt.Sprintf("%d %s %s %d %v", e.Index, e.Method, e.Ref, e.Version, e.Params))
	}
	want := []string{
		"3 DELETE Patient/2 0 []", "6 DELETE Patient/ 0 [{identifier x}]", "2 POST Patient/ 0 []", "5 POST Basic/ 0 []",
		"1 PUT Patient/1 0 []", "0 GET Patient/ 0 [{name a}]", "4 GET Patient/3 4 []",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if e := b.Entries[1]; !e.Conditional || len(e.Criteria) != 1 {
		t.Errorf("conditional delete read as %+v", e)
	}
	if e := b.Entries[2]; e.FullURL != urn || string(e.Resource.Bytes()) != patient {
		t.Errorf("created resource read as %s %s", e.FullURL, e.Resource.Bytes())
	}
}

// The findings of a transaction have expressions.
func TestParseBundleRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		data  []byte
		kind  Kind
		place string
	}{
		{"no JSON", []byte(`{"resourceType":"Bundle",`), Malformed, ""},
		{"empty", nil, Malformed, ""},
		{"an array", []byte(`[]`), Malformed, ""},
		{"no Bundle", []byte(patient1), Invalid, "Bundle.type"},
		{"a collection", []byte(`{"resourceType":"Bundle","type":"collection"}`), Invalid, "Bundle.type"},
		{"duplicate member of the frame", []byte(`{"resourceType":"Bundle","type":"batch","type":"transaction"}`), Malformed, ""},
		{"unknown member of the frame", []byte(`{"resourceType":"Bundle","type":"transaction","foo":1}`), Unprocessable, ""},
		{"escaped member name", bundleOf("transaction", `{"\u0072esource":`+patient1+`,"request":{"method":"PUT","url":"Patient/1"}}`), Malformed, "Bundle.entry"},
		{"two resources", bundleOf("transaction", `{"resource":{},"resource":{},"request":{"method":"PUT","url":"Patient/1"}}`), Malformed, "Bundle.entry"},
		{"invalid resource", bundleOf("transaction", request("GET", "Patient/1"), entryWith(`{"resourceType":"Patient","birthDate":"x"}`, "POST", "Patient")), Unprocessable, "Bundle.entry[1].resource.birthDate"},
		{"malformed resource", bundleOf("transaction", entryWith(`{"resourceType":"Patient",}`, "POST", "Patient")), Malformed, "Bundle.entry[0].resource"},
		{"same identity twice", bundleOf("transaction", entryWith(patient1, "PUT", "Patient/1"), request("DELETE", "Patient/1")), Invalid, "Bundle.entry[1].request.url"},
		{"same fullUrl twice", bundleOf("transaction", entryWith(patient, "POST", "Patient", `"fullUrl":"`+urn+`",`), entryWith(patient, "POST", "Patient", `"fullUrl":"`+urn+`",`)), Unprocessable, "Bundle.entry[1].fullUrl"},
		{"dangling urn:uuid", bundleOf("transaction", entryWith(`{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"`+urn+`"}}`, "POST", "Basic")), Unprocessable, "Bundle.entry[0].resource"},
		{"no request", bundleOf("transaction", `{"resource":`+patient1+`}`), Unprocessable, "Bundle.entry[0]"},
		{"PATCH with a resource", bundleOf("transaction", entryWith(patient1, "PATCH", "Patient/1")), Invalid, "Bundle.entry[0].resource"},
		{"HEAD", bundleOf("transaction", request("HEAD", "Patient/1")), Invalid, "Bundle.entry[0].request.method"},
		{"unknown method", bundleOf("transaction", request("FLY", "Patient/1")), Unprocessable, "Bundle.entry[0].request.method"},
		{"POST to an instance", bundleOf("transaction", entryWith(patient, "POST", "Patient/1")), Invalid, "Bundle.entry[0].request.url"},
		{"PUT of a type", bundleOf("transaction", entryWith(patient1, "PUT", "Patient")), Invalid, "Bundle.entry[0].request.url"},
		{"DELETE of a version", bundleOf("transaction", request("DELETE", "Patient/1/_history/1")), Invalid, "Bundle.entry[0].request.url"},
		{"unknown type", bundleOf("transaction", request("GET", "Foo/1")), Invalid, "Bundle.entry[0].request.url"},
		{"other server", bundleOf("transaction", request("GET", "http://y/fhir/Patient/1")), Invalid, "Bundle.entry[0].request.url"},
		{"type mismatch", bundleOf("transaction", entryWith(patient1, "PUT", "Basic/1")), Invalid, "Bundle.entry[0].resource"},
		{"id mismatch", bundleOf("transaction", entryWith(patient1, "PUT", "Patient/2")), Invalid, "Bundle.entry[0].resource.id"},
		{"PUT without id", bundleOf("transaction", entryWith(patient, "PUT", "Patient/2")), Invalid, "Bundle.entry[0].resource.id"},
		{"POST without resource", bundleOf("transaction", request("POST", "Patient")), Invalid, "Bundle.entry[0].resource"},
		{"GET with resource", bundleOf("transaction", entryWith(patient1, "GET", "Patient/1")), Invalid, "Bundle.entry[0].resource"},
		{"ifMatch", bundleOf("transaction", `{"request":{"method":"DELETE","url":"Patient/1","ifMatch":"3"}}`), Invalid, "Bundle.entry[0].request.ifMatch"},
		{"ifMatch of a GET", bundleOf("transaction", `{"request":{"method":"GET","url":"Patient/1","ifMatch":"W/\"3\""}}`), Invalid, "Bundle.entry[0].request.ifMatch"},
		{"ifNoneExist without criteria", bundleOf("transaction", `{"resource":`+patient+`,"request":{"method":"POST","url":"Patient","ifNoneExist":"?"}}`), Invalid, "Bundle.entry[0].request.ifNoneExist"},
		{"ifNoneExist of a PUT", bundleOf("transaction", `{"resource":`+patient1+`,"request":{"method":"PUT","url":"Patient/1","ifNoneExist":"a=b"}}`), Invalid, "Bundle.entry[0].request.ifNoneExist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseBundle(c.data, bundleBase)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%v", err)
			}
			first := e.Findings("")[0]
			if e.Kind != c.kind || !strings.HasPrefix(first.Expression, c.place) || first.Detail == "" {
				t.Errorf("kind %d at %q: %v", e.Kind, first.Expression, e)
			}
		})
	}
}

func TestParseBundleBatchKeepsErrorsApart(t *testing.T) {
	good := entryWith(patient1, "PUT", "Patient/1")
	for name, bad := range map[string]string{
		"resource":          entryWith(`{"resourceType":"Patient","birthDate":"x"}`, "POST", "Patient"),
		"malformed":         entryWith(`{"resourceType":"Patient",}`, "POST", "Patient"),
		"method":            request("FLY", "Patient/1"),
		"no request":        `{"fullUrl":"http://x/y"}`,
		"wrong type":        `{"fullUrl":5,"request":{"method":"GET","url":"Patient/1"}}`,
		"unknown member":    `{"request":{"method":"GET","url":"Patient/1","foo":1}}`,
		"urn of a neighbor": entryWith(`{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"`+urn+`"}}`, "POST", "Basic"),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := ParseBundle(bundleOf("batch", good, bad, entryWith(patient, "POST", "Patient", `"fullUrl":"`+urn+`",`), good), bundleBase)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range b.Entries {
				if (e.Err != nil) != (e.Index == 1) {
					t.Errorf("entry %d: %v", e.Index, e.Err)
				}
				if e.Err != nil && !strings.HasPrefix(e.Err.Findings("")[0].Expression, "Bundle.entry[1]") {
					t.Errorf("place of %v", e.Err)
				}
			}
		})
	}
}

func TestParseBundleLimits(t *testing.T) {
	many := strings.Repeat(request("GET", "Patient/1")+",", maxEntries)
	_, err := ParseBundle(bundleOf("batch", many+request("GET", "Patient/1")), bundleBase)
	var e *Error
	if !errors.As(err, &e) || e.Kind != TooLarge {
		t.Errorf("%v", err)
	}
}

// ParseBundle keeps the bytes of every resource in the Synthea transactions.
func TestParseBundleSynthea(t *testing.T) {
	for _, file := range fhirtest.Corpus(t, "synthea-r4-100")[:10] {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b, err := ParseBundle(data, bundleBase)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		at := 0
		for _, e := range b.Entries {
			next := strings.Index(string(data[at:]), string(e.Resource.Bytes()))
			if next < 0 {
				t.Fatalf("%s: entry %d changed", file, e.Index)
			}
			at += next
		}
	}
}

// ParseBundle answers any bytes with entries or an *Error.
func FuzzParseBundle(f *testing.F) {
	f.Add(bundleOf("transaction", entryWith(patient, "POST", "Patient"), request("GET", "Patient?_id=1")))
	f.Add(bundleOf("batch", `{"fullUrl":5,"request":{"method":"GET","url":"Patient/1"}}`, `null`, `1`))
	f.Add(bundleOf("batch", entryWith(patient1, "PUT", "Patient/1"), `{"request":{"method":"PUT","url":"?"}}`, `{"request":{}}`, `{"request":null}`))
	f.Add(bundleOf("batch", request("HEAD", "Patient/1"), request("POST", "Patient/_search?name=a"), entryWith(patient, "POST", "Patient/$validate")))
	f.Add([]byte(`{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/1/_history/1"},"resource":null}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ParseBundle(data, bundleBase)
		var e *Error
		if err != nil && (!errors.As(err, &e) || len(e.Findings("x")) == 0) {
			t.Fatalf("%v", err)
		}
		if err != nil {
			return
		}
		for i := range b.Entries {
			e := &b.Entries[i]
			if e.Err == nil && e.Path == "" && (e.Method == "POST" || e.Method == "PUT") != (e.Resource != nil) {
				t.Fatalf("entry %d: %s with resource %t", e.Index, e.Method, e.Resource != nil)
			}
			if e.Err != nil && b.Type == "transaction" {
				t.Fatal("a transaction with an error went through")
			}
		}
	})
}

func BenchmarkParseBundle(b *testing.B) {
	entry := entryWith(`{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"valueQuantity":{"value":80,"unit":"/min"}}`, "POST", "Observation")
	data := bundleOf("transaction", strings.Repeat(entry+",", 999)+entry)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseBundle(data, bundleBase); err != nil {
			b.Fatal(err)
		}
	}
}
