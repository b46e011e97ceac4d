package patch

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// rfc6902 are the cases of RFC 6902, appendix A, and others of its text. Without a result
// the patch must be refused.
var rfc6902 = []struct{ name, doc, patch, want string }{
	{"4.1 nothing is made on the way", `{"q":{"bar":2}}`, `[{"op":"add","path":"/a/b","value":1}]`, ""},
	{"A.1 add a member", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"baz":"qux","foo":"bar"}`},
	{"A.2 add an item", `{"foo":["bar","baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar","qux","baz"]}`},
	{"A.3 remove a member", `{"baz":"qux","foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{"foo":"bar"}`},
	{"A.4 remove an item", `{"foo":["bar","qux","baz"]}`, `[{"op":"remove","path":"/foo/1"}]`, `{"foo":["bar","baz"]}`},
	{"A.5 replace", `{"baz":"qux","foo":"bar"}`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `{"baz":"boo","foo":"bar"}`},
	{"A.6 move a member", `{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`, `{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
	{"A.7 move an item", `{"foo":["all","grass","cows","eat"]}`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{"foo":["all","cows","eat","grass"]}`},
	{"A.8 test", `{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]`, `{"baz":"qux","foo":["a",2,"c"]}`},
	{"A.9 test fails", `{"baz":"qux"}`, `[{"op":"test","path":"/baz","value":"bar"}]`, ""},
	{"A.10 add an object", `{"foo":"bar"}`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, `{"foo":"bar","child":{"grandchild":{}}}`},
	{"A.11 unknown members are ignored", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, `{"foo":"bar","baz":"qux"}`},
	{"A.12 no parent", `{"foo":"bar"}`, `[{"op":"add","path":"/baz/bat","value":"qux"}]`, ""},
	{"A.13 op twice", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","op":"remove"}]`, ""},
	{"A.14 escapes", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10}]`, `{"/":9,"~1":10}`},
	{"A.15 number and string", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":"10"}]`, ""},
	{"A.16 add an array", `{"foo":["bar"]}`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{"foo":["bar",["abc","def"]]}`},
	{"add replaces", `{"a":1}`, `[{"op":"add","path":"/a","value":2}]`, `{"a":2}`},
	{"add the document", `{"a":1}`, `[{"op":"add","path":"","value":{"b":2}}]`, `{"b":2}`},
	{"replace the document", `{"a":1}`, `[{"op":"replace","path":"","value":{"b":2}}]`, `{"b":2}`},
	{"remove the document", `{"a":1}`, `[{"op":"remove","path":""}]`, ""},
	{"replace what is not there", `{"a":1}`, `[{"op":"replace","path":"/b","value":2}]`, ""},
	{"copy", `{"a":{"x":1}}`, `[{"op":"copy","from":"/a","path":"/b"},{"op":"replace","path":"/b/x","value":2}]`, `{"a":{"x":1},"b":{"x":2}}`},
	{"copy the document into itself", `{"a":1}`, `[{"op":"copy","from":"","path":"/b"}]`, `{"a":1,"b":{"a":1}}`},
	{"move into itself", `{"a":{"b":1}}`, `[{"op":"move","from":"/a","path":"/a/b"}]`, ""},
	{"move to where it is", `{"a":1,"b":2}`, `[{"op":"move","from":"/a","path":"/a"}]`, `{"a":1,"b":2}`},
	{"move what is not there", `{"a":1}`, `[{"op":"move","from":"/b","path":"/b"}]`, ""},
	{"test numbers by value", `{"a":1.50,"b":1e2,"c":-0.0}`, `[{"op":"test","path":"/a","value":1.5},{"op":"test","path":"/b","value":100.0},{"op":"test","path":"/c","value":0}]`, `{"a":1.5,"b":100,"c":0}`},
	{"test huge exponents", `{"a":1e999999999999999999999}`, `[{"op":"test","path":"/a","value":1e999999999999999999998}]`, ""},
	{"test the order of items", `{"a":[1,2]}`, `[{"op":"test","path":"/a","value":[2,1]}]`, ""},
	{"test without the order of members", `{"a":{"x":1,"y":[{}]}}`, `[{"op":"test","path":"/a","value":{"y":[{}],"x":1}}]`, `{"a":{"x":1,"y":[{}]}}`},
	{"test a member more", `{"a":{"x":1}}`, `[{"op":"test","path":"/a","value":{"y":1,"x":1}}]`, ""},
	{"test another name", `{"a":{"x":1,"y":1}}`, `[{"op":"test","path":"/a","value":{"x":1,"z":1}}]`, ""},
	{"test a name twice", `{"a":{"x":1,"y":1}}`, `[{"op":"test","path":"/a","value":{"x":1,"x":1}}]`, ""},
	{"test escapes", `{"a":"ü/"}`, `[{"op":"test","path":"/a","value":"\u00fc\/"}]`, `{"a":"ü/"}`},
	{"test literals", `{"a":true}`, `[{"op":"test","path":"/a","value":false}]`, ""},
	{"a later failure undoes all", `{"a":1}`, `[{"op":"add","path":"/b","value":2},{"op":"test","path":"/b","value":3}]`, ""},
	{"item after the end", `{"a":[1]}`, `[{"op":"add","path":"/a/2","value":2}]`, ""},
	{"item with a zero in front", `{"a":[1,2]}`, `[{"op":"remove","path":"/a/01"}]`, ""},
	{"item below zero", `{"a":[1,2]}`, `[{"op":"remove","path":"/a/-1"}]`, ""},
	{"no item after the last", `{"a":[1,2]}`, `[{"op":"remove","path":"/a/-"}]`, ""},
	{"into a string", `{"a":"x"}`, `[{"op":"add","path":"/a/0","value":2}]`, ""},
	{"an empty name", `{"":1}`, `[{"op":"replace","path":"/","value":2}]`, `{"":2}`},
	{"a name with quotes", `{"a":1}`, `[{"op":"add","path":"/x\"y","value":2}]`, `{"a":1,"x\"y":2}`},
	{"a name with escapes in the document", `{"\u0061":1}`, `[{"op":"replace","path":"/a","value":2}]`, `{"a":2}`},
}

func TestJSONPatchDoesWhatRFC6902Says(t *testing.T) {
	for _, c := range rfc6902 {
		got, err := applied1(c.doc, c.patch)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: %s, want a refusal", c.name, got)
			}
			continue
		}
		if err != nil || !sameJSON(got, c.want) {
			t.Errorf("%s: %s, %v; want %s", c.name, got, err, c.want)
		}
	}
}

func applied1(doc, patch string) (string, error) {
	p, err := ParseJSON([]byte(patch))
	if err != nil {
		return "", err
	}
	got, err := p.Apply([]byte(doc), new(int64))
	return string(got), err
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// What a patch does not touch keeps its bytes: space, escapes, the text of numbers, the
// order of members.
func TestJSONPatchKeepsWhatItDoesNotTouch(t *testing.T) {
	doc := "{ \"resourceType\" : \"Observation\",\r\n\t\"valueQuantity\":{\"value\": 1.50 , \"unit\":\"m\\u00b2\"},\n  \"note\" : [ {\"text\":\"a\"} , {\"text\":\"b\\/\"} ],\n  \"status\": \"final\"\n}"
	for _, c := range []struct{ patch, was, is string }{
		{`{"op":"test","path":"/note/1/text","value":"b/"}`, "", ""},
		{`{"op":"replace","path":"/status","value": "amended" }`, `"final"`, `"amended"`},
		{`{"op":"add","path":"/valueQuantity/code","value":"m2"}`, `"m\u00b2"}`, `"m\u00b2","code":"m2"}`},
		{`{"op":"remove","path":"/note/0"}`, "[ {\"text\":\"a\"} , {", "[ {"},
		{`{"op":"remove","path":"/note/1"}`, " , {\"text\":\"b\\/\"} ]", " ]"},
		{`{"op":"add","path":"/note/-","value":{"text":"c"}}`, "\"b\\/\"} ]", "\"b\\/\"},{\"text\":\"c\"} ]"},
		{`{"op":"remove","path":"/status"}`, ",\n  \"status\": \"final\"\n}", "\n}"},
	} {
		got, err := applied1(doc, "["+c.patch+"]")
		if want := strings.Replace(doc, c.was, c.is, 1); err != nil || got != want {
			t.Errorf("%s:\n%s, %v\nwant\n%s", c.patch, got, err, want)
		}
	}
}

// A patch in wrong form says which operation is wrong, and what to do.
func TestMalformedPatchesAreRefused(t *testing.T) {
	for patch, says := range map[string]string{
		`{`:        "not valid JSON",
		"\"\xff\"": "not valid JSON",
		`{}`:       "array of operations",
		`[]`:       "1 to 10000 operations",
		"[" + strings.Repeat("{},", 10_000) + "{}]": "1 to 10000 operations",
		`[1]`:                                  "Operation 1 of the patch: it must be an object",
		`[{"op":"test"}]`:                      "path is missing",
		`[{"op":"gone","path":""}]`:            "op must be",
		`[{"op":7,"path":""}]`:                 "op must be",
		`[{"path":""}]`:                        "op must be",
		`[{"op":"add","path":"/a"}]`:           "value is missing",
		`[{"op":"move","path":"/a"}]`:          "from is missing",
		`[{"op":"copy","path":"/a","from":1}]`: "from is missing",
		`[{"op":"remove","path":"a"}]`:         "path is no JSON Pointer",
		`[{"op":"remove","path":"/a~"}]`:       "path is no JSON Pointer",
		`[{"op":"remove","path":"/a~2"}]`:      "path is no JSON Pointer",
		`[{"op":"remove","path":"/a"},{"op":"remove","path":"/a~2"}]`: "Operation 2",
	} {
		_, err := ParseJSON([]byte(patch))
		var refusal *fhir.Error
		if !errors.As(err, &refusal) || refusal.Kind != fhir.Invalid && refusal.Kind != fhir.Malformed || !strings.Contains(refusal.Detail, says) {
			t.Errorf("%.60s: %v, want %q", patch, err, says)
		}
	}
}

// What cannot be done is told apart from what is in wrong form, without the values.
func TestRefusedPatchesNameTheirOperation(t *testing.T) {
	_, err := applied1(`{"name":"Secret"}`, `[{"op":"test","path":"/name","value":"Secret"},{"op":"test","path":"/name","value":"Other"}]`)
	var refusal *fhir.Error
	if !errors.As(err, &refusal) || refusal.Kind != fhir.Unprocessable || !strings.HasPrefix(refusal.Detail, "Operation 2 of the patch: the test fails") {
		t.Errorf("%v", err)
	}
	if strings.Contains(err.Error(), "Secret") || strings.Contains(err.Error(), "Other") {
		t.Errorf("the refusal tells values: %v", err)
	}
}

// Few operations cannot make much: each copy of the whole doubles it.
func TestCopiesCannotExplode(t *testing.T) {
	var doubled []string
	for i := range 60 {
		doubled = append(doubled, fmt.Sprintf(`{"op":"copy","from":"","path":"/b%d"}`, i))
	}
	wantRefused(t, `{"a":[`+strings.Repeat(`"0123456789",`, 100)+`1]}`, "["+strings.Join(doubled, ",")+"]", fhir.TooCostly)
	wantRefused(t, `{"a":"`+strings.Repeat("x", 9_000_000)+`"}`, `[{"op":"copy","from":"/a","path":"/b"},{"op":"copy","from":"/a","path":"/c"}]`, fhir.TooLarge)
}

// Neither many small values in a patch nor many operations on a long list cost much.
func TestSmallValuesCannotExplode(t *testing.T) {
	ones := "[" + strings.Repeat("1,", 2_000_000) + "1]"
	wantRefused(t, `{"a":[]}`, `[{"op":"test","path":"/a","value":`+ones+`}]`, fhir.TooCostly)
	wantRefused(t, `{"a":[]}`, ones, fhir.TooCostly)
	list := "[" + strings.Repeat("1,", 100_000) + "1]"
	wantRefused(t, `{"a":`+list+`}`, repeated(`{"op":"add","path":"/a/0","value":1}`, 1000), fhir.TooCostly)
	wantRefused(t, `{"a":`+list+`}`, repeated(`{"op":"add","path":"/a/0","value":1},{"op":"remove","path":"/a/0"}`, 1000), fhir.TooCostly)
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	if got, err := applied1(`{"a":`+deep+`}`, `[{"op":"test","path":"/a","value":`+deep+`}]`); err != nil || len(got) != len(deep)+6 {
		t.Errorf("deep values: %v", err)
	}
}

func repeated(operation string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(operation+",", n), ",") + "]"
}

func wantRefused(t *testing.T, doc, patch string, kind fhir.Kind) {
	t.Helper()
	_, err := applied1(doc, patch)
	var refusal *fhir.Error
	if !errors.As(err, &refusal) || refusal.Kind != kind {
		t.Errorf("%.40s: %v, want kind %d", patch, err, kind)
	}
}

// FuzzJSONPatch: whatever is sent, there is a refusal or a JSON document; what a patch
// adds can be tested afterwards, and a test changes nothing.
func FuzzJSONPatch(f *testing.F) {
	for _, c := range rfc6902 {
		f.Add(c.doc, c.patch)
	}
	f.Fuzz(func(t *testing.T, doc, patch string) {
		if !json.Valid([]byte(doc)) {
			return
		}
		if same, err := applied1(doc, fmt.Sprintf(`[{"op":"test","path":"","value":%s}]`, doc)); err == nil && same != strings.Trim(doc, " \n\r\t") {
			t.Fatalf("a test changed %q to %q", doc, same)
		}
		got, err := applied1(doc, patch)
		if err == nil && !json.Valid([]byte(got)) {
			t.Fatalf("%q with %q is %q", doc, patch, got)
		}
	})
}
