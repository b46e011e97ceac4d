package fhir

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir/fhirtest"
)

func metaParameters(meta string) []byte {
	return []byte(`{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":` + meta + `}]}`)
}

func TestMetaIsChanged(t *testing.T) {
	const stored = `{"resourceType":"Patient","id":"p","meta":{"versionId":"1","extension":[{"url":"urn:e","valueCode":"a"}],"tag":[{"system":"urn:t","code":"a","display":"A"},{"code":"b"}],"profile":["urn:p"]},"active":true}`
	for name, c := range map[string]struct {
		meta, document, want string
		remove               bool
	}{
		"add": {`{"tag":[{"system":"urn:t","code":"a"},{"system":"urn:t","code":"c"}],"security":[{"code":"R"}],"profile":["urn:p","urn:q"]}`, stored,
			`{"resourceType":"Patient","id":"p","meta":{"versionId":"1","extension":[{"url":"urn:e","valueCode":"a"}],"profile":["urn:p","urn:q"],"security":[{"code":"R"}],"tag":[{"system":"urn:t","code":"a","display":"A"},{"code":"b"},{"system":"urn:t","code":"c"}]},"active":true}`, false},
		"delete": {`{"tag":[{"system":"urn:t","code":"a"},{"system":"urn:x","code":"b"}],"profile":["urn:p"]}`, stored,
			`{"resourceType":"Patient","id":"p","meta":{"versionId":"1","extension":[{"url":"urn:e","valueCode":"a"}],"tag":[{"code":"b"}]},"active":true}`, true},
		"add to nothing":      {`{"tag":[{"code":"a"}]}`, `{"resourceType":"Patient","id":"p"}`, `{"resourceType":"Patient","id":"p","meta":{"tag":[{"code":"a"}]}}`, false},
		"delete from nothing": {`{"tag":[{"code":"a"}]}`, `{"resourceType":"Patient","meta":{"versionId":"1"}}`, `{"resourceType":"Patient","meta":{"versionId":"1"}}`, true},
	} {
		change, err := ParseMetaChange(metaParameters(c.meta))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		change.Delete = c.remove
		if got, err := change.Apply([]byte(c.document), new(int64)); err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", name, err, got, c.want)
		}
	}
	change, err := ParseMetaChange(metaParameters(`{"tag":[{"code":"a"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := change.Apply([]byte(`{"resourceType":"Patient","meta":{"_versionId":{"id":"a"}}}`), new(int64)); !errors.As(err, &e) || e.Kind != Unprocessable {
		t.Errorf("extensions of single values: %v", err)
	}
}

func TestMetaChangesNeedAMeta(t *testing.T) {
	for _, parameters := range []string{
		`{"resourceType":"Parameters"}`, string(metaParameters(`{}`)), string(metaParameters(`{"versionId":"1"}`)),
		`{"resourceType":"Parameters","parameter":[{"name":"meta","valueString":"a"}]}`, `{"resourceType":"Parameters","parameter":[{"name":"metadata","valueMeta":{"tag":[{"code":"a"}]}}]}`,
		`{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"a"}]}},{"name":"meta","valueMeta":{"tag":[{"code":"a"}]}}]}`,
	} {
		var e *Error
		if _, err := ParseMetaChange([]byte(parameters)); !errors.As(err, &e) || e.Kind != Invalid {
			t.Errorf("%s: %v", parameters, err)
		}
	}
}

func TestMetaIsAnswered(t *testing.T) {
	for document, want := range map[string]string{
		`{"resourceType":"Patient","meta":{ "versionId":"1"}}`: string(`{"resourceType":"Parameters","parameter":[{"name":"return","valueMeta":{ "versionId":"1"}}]}`),
		`{"resourceType":"Patient"}`:                           string(`{"resourceType":"Parameters","parameter":[{"name":"return","valueMeta":{}}]}`),
	} {
		if got, err := MetaOf([]byte(document)); err != nil || string(got) != want {
			t.Errorf("%s: %s %v", document, got, err)
		}
	}
}

// What it costs to change many tags grows with their number, not with its square.
func TestManyTagsAreChangedLinearly(t *testing.T) {
	tags := func(letter string) string {
		var b strings.Builder
		for i := range 50_000 {
			fmt.Fprintf(&b, `,"urn:%s:%06d"`, letter, i)
		}
		return `{"profile":[` + b.String()[1:] + `]}`
	}
	document := []byte(`{"resourceType":"Patient","id":"p","meta":` + tags("a") + `}`)
	for _, remove := range []bool{false, true} {
		change, err := ParseMetaChange(metaParameters(tags("b")))
		if err != nil {
			t.Fatal(err)
		}
		change.Delete = remove
		bound := fhirtest.Linear
		bound.CPUPerByte /= 4
		bound.Check(t, len(document), func() {
			if _, err := change.Apply(document, new(int64)); err != nil {
				t.Error(err)
			}
		})
	}
}
