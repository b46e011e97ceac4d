package fhir

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir/fhirtest"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func parse(t testing.TB, s string) *Resource {
	t.Helper()
	r, err := Parse([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return r
}

func TestStamp(t *testing.T) {
	when := time.Date(2026, 11, 23, 14, 30, 0, 5_000_000, time.FixedZone("", -3600))
	const v, u = `"versionId":"2"`, `"lastUpdated":"2026-11-23T15:30:00.005Z"`
	for _, c := range []struct{ in, want string }{
		{`{"resourceType":"Patient"}`, `{"resourceType":"Patient","id":"x","meta":{` + v + `,` + u + `}}`},
		{`{ "resourceType" : "Patient" , "active":true }`, `{ "resourceType" : "Patient","id":"x","meta":{` + v + `,` + u + `} , "active":true }`},
		{`{"active":true,"resourceType":"Patient"}`, `{"active":true,"resourceType":"Patient","id":"x","meta":{` + v + `,` + u + `}}`},
		{`{"id":"old","active":true,"resourceType":"Patient"}`, `{"id":"x","active":true,"resourceType":"Patient","meta":{` + v + `,` + u + `}}`},
		{`{"resourceType":"Patient","active":true,"id":"old"}`, `{"resourceType":"Patient","active":true,"id":"x","meta":{` + v + `,` + u + `}}`},
		{`{"resourceType":"Patient","meta":{"source":"a"},"id":"old"}`, `{"resourceType":"Patient","meta":{` + v + `,` + u + `,"source":"a"},"id":"x"}`},
		{`{"resourceType":"Patient","meta":{"versionId":"9","source":"a"}}`, `{"resourceType":"Patient","id":"x","meta":{` + u + `,"versionId":"2","source":"a"}}`},
		{`{"resourceType":"Patient","meta":{"lastUpdated":"2001-01-01T00:00:00Z"}}`, `{"resourceType":"Patient","id":"x","meta":{` + v + `,` + u + `}}`},
		{`{"resourceType":"Patient","id":"y","meta":{"lastUpdated" : "2001-01-01T00:00:00Z","versionId": "abc"}}`,
			`{"resourceType":"Patient","id":"x","meta":{"lastUpdated" : "2026-11-23T15:30:00.005Z","versionId": "2"}}`},
		{`{"resourceType":"Patient","contained":[{"resourceType":"Basic","id":"c","code":{"text":"#"},"subject":{"reference":"#"}}]}`,
			`{"resourceType":"Patient","id":"x","meta":{` + v + `,` + u + `},"contained":[{"resourceType":"Basic","id":"c","code":{"text":"#"},"subject":{"reference":"#"}}]}`},
	} {
		r, err := parse(t, c.in).Stamp("x", 2, when)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := string(r.Bytes()); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
		if r.ID() != "x" || r.Version() != 2 || !r.LastUpdated().Equal(when) || r.Hash() != sha256.Sum256(r.Bytes()) {
			t.Errorf("%s: %s %d %s", c.in, r.ID(), r.Version(), r.LastUpdated())
		}
	}
}

func TestStampEmptyMeta(t *testing.T) {
	// Parse refuses an empty meta, but an older document may be stored with one.
	r, err := Open([]byte(`{"resourceType":"Patient","meta":{ }}`))
	if err != nil {
		t.Fatal(err)
	}
	if r, err = r.Stamp("x", 1, time.Unix(0, 0)); err != nil || r.Version() != 1 || r.ID() != "x" {
		t.Errorf("%v %v", r, err)
	}
}

func TestStampRefusesNonsense(t *testing.T) {
	r := parse(t, `{"resourceType":"Patient"}`)
	for _, c := range []struct {
		id      string
		version int64
	}{{"", 1}, {`a"b`, 1}, {strings.Repeat("a", 65), 1}, {"a", 0}, {"a", -1}} {
		if _, err := r.Stamp(c.id, c.version, time.Now()); err == nil {
			t.Errorf("%q %d was stamped", c.id, c.version)
		}
	}
}

func TestReferences(t *testing.T) {
	r := parse(t, string(readTestdata(t, "patient.json")))
	want := []string{"#gp", "http://example.org/fhir/Patient/p-0"}
	if got := r.References(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	mapped, err := r.MapReferences(func(v string) (string, bool) {
		return `Patient/"2"`, v == "http://example.org/fhir/Patient/p-0"
	})
	if err != nil {
		t.Fatal(err)
	}
	want[1] = `Patient/"2"`
	if got := mapped.References(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	expect := bytes.Replace(r.Bytes(), []byte(`"http://example.org/fhir/Patient/p-0"`), []byte(`"Patient/\"2\""`), 1)
	if !bytes.Equal(mapped.Bytes(), expect) {
		t.Error("other bytes changed")
	}
	same, err := r.MapReferences(func(string) (string, bool) { return "", false })
	if err != nil || same != r {
		t.Errorf("nothing to map made another resource: %v", err)
	}
}

// What R4 has a transaction rewrite is rewritten, wherever it is, and nothing else; every
// other byte stays.
func TestLinksAreRewrittenAsR4Says(t *testing.T) {
	const urn, url = "urn:uuid:0b9f4ab0-5ca5-4ab5-a0dc-c8a0e8b7a7d1", "http://example.org/fhir/Binary/b"
	narrative := func(a, b string) string {
		return `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">\u00e9\ud83d\ude00 <a href=\"` + a + `\">x<\/a> <img src='` + b + `' alt=\"` + urn + `\"/>é ` + urn + `</div>"}`
	}
	for name, c := range map[string][2]string{
		"reference":  {`"subject":{"reference":"` + urn + `"}`, `"subject":{"reference":"New/1"}`},
		"narrative":  {narrative(urn, url) + `,"code":{"text":"x"}`, narrative("New/1", "New/2") + `,"code":{"text":"x"}`},
		"contained":  {`"contained":[{"resourceType":"DocumentReference","id":"d","status":"current","content":[{"attachment":{"url":"` + url + `"}}],"subject":{"reference":"` + urn + `"}}],"extension":[{"url":"x","valueReference":{"reference":"#d"}}]`, `"contained":[{"resourceType":"DocumentReference","id":"d","status":"current","content":[{"attachment":{"url":"New/2"}}],"subject":{"reference":"New/1"}}],"extension":[{"url":"x","valueReference":{"reference":"#d"}}]`},
		"canonical":  {`"meta":{"profile":["` + urn + `"]}`, `"meta":{"profile":["` + urn + `"]}`},
		"extension":  {`"extension":[{"url":"` + urn + `","valueUri":"` + urn + `"},{"url":"x","valueCanonical":"` + urn + `"},{"url":"y","valueOid":"urn:oid:1.2"},{"url":"z","valueString":"` + urn + `"}]`, `"extension":[{"url":"` + urn + `","valueUri":"New/1"},{"url":"x","valueCanonical":"` + urn + `"},{"url":"y","valueOid":"New/3"},{"url":"z","valueString":"` + urn + `"}]`},
		"identifier": {`"identifier":[{"system":"urn:uuid:1b9f4ab0-5ca5-4ab5-a0dc-c8a0e8b7a7d1","value":"` + urn + `"}]`, `"identifier":[{"system":"urn:uuid:1b9f4ab0-5ca5-4ab5-a0dc-c8a0e8b7a7d1","value":"` + urn + `"}]`},
	} {
		before, want := `{"resourceType":"Basic","code":{"text":"y"},`+c[0]+`}`, `{"resourceType":"Basic","code":{"text":"y"},`+c[1]+`}`
		if name == "narrative" {
			before, want = strings.Replace(before, `"code":{"text":"y"},`, "", 1), strings.Replace(want, `"code":{"text":"y"},`, "", 1)
		}
		targets := map[string]string{urn: "New/1", url: "New/2", "urn:oid:1.2": "New/3"}
		for _, read := range []func([]byte) (*Resource, error){Parse, Open} {
			r, err := read([]byte(before))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			r, err = r.MapReferences(func(v string) (string, bool) { to, ok := targets[v]; return to, ok })
			if err != nil || string(r.Bytes()) != want {
				t.Errorf("%s: %v\n got %s\nwant %s", name, err, r.Bytes(), want)
			}
		}
	}
	questionnaire := `{"resourceType":"Questionnaire","status":"draft","url":"` + urn + `"}`
	document := `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"` + urn + `","resource":{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"` + urn + `"}}}]}`
	for _, same := range []string{questionnaire, document} {
		r := parse(t, same)
		if mapped, err := r.MapReferences(func(string) (string, bool) { return "x", true }); err != nil || string(mapped.Bytes()) != same {
			t.Errorf("%s: %v", mapped.Bytes(), err)
		}
	}
}

func TestOpenRefusesWhatIsNoResource(t *testing.T) {
	for _, in := range []string{``, `{`, `[]`, `{}`, `{"resourceType":"Nothing"}`, `null`} {
		var e *Error
		if _, err := Open([]byte(in)); !errors.As(err, &e) || e.Kind != Internal {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestView(t *testing.T) {
	type consent struct{ Status string }
	body := []byte(`{"resourceType":"Consent","status":"active"}`)
	c, err := View[consent](body, "Consent", "status")
	if err != nil || c.Status != "active" {
		t.Errorf("%+v %v", c, err)
	}
	for name, body := range map[string]string{
		"other type":   `{"resourceType":"Patient"}`,
		"no status":    `{"resourceType":"Consent"}`,
		"only beside":  `{"resourceType":"Consent","_status":{"extension":[{"url":"x","valueCode":"unknown"}]}}`,
		"nested":       `{"resourceType":"Consent","provision":{"status":"active"}}`,
		"not a string": `{"resourceType":"Consent","status":1}`,
		"not JSON":     `{"resourceType":"Consent",`,
	} {
		if _, err := View[consent]([]byte(body), "Consent", "status"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestStampedIsAsRead compares a stamped Resource with one read from its bytes.
func TestStampedIsAsRead(t *testing.T) {
	for _, file := range fhirtest.Corpus(t, "r4-examples") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Parse(data)
		if err != nil {
			continue
		}
		opened, err := Open(data)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := r.References(), opened.References(); !slices.Equal(got, want) {
			t.Errorf("%s: references %q, want %q", file, got, want)
		}
		stamped, err := r.Stamp("s", 7, time.Unix(1700000000, 123456789))
		if err != nil {
			t.Fatal(err)
		}
		again, err := Open(stamped.Bytes())
		if err != nil || stamped.ID() != again.ID() || stamped.Version() != again.Version() || stamped.Type() != again.Type() ||
			!stamped.LastUpdated().Equal(again.LastUpdated()) || !slices.Equal(stamped.References(), again.References()) {
			t.Errorf("%s: stamped %v, read %v: %v", file, stamped.LastUpdated(), again.LastUpdated(), err)
		}
	}
}
