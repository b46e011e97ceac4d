package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// sameTokens compares a resource that was sent with the one that is read, by
// nothing but encoding/json: token by token, numbers by their text. It leaves
// out what the server sets (id, meta.versionId, meta.lastUpdated) and reads
// references of the input through targets.
func sameTokens(sent, read []byte, id string, targets map[string]string) error {
	want, got := newTokens(sent), newTokens(read)
	for {
		a, aName, aErr := want.next()
		b, bName, bErr := got.next()
		switch {
		case aErr == io.EOF && bErr == io.EOF:
			if got.id != id {
				return fmt.Errorf("id is %q, want %q", got.id, id)
			}
			return nil
		case aErr != nil || bErr != nil:
			return fmt.Errorf("after %v: %w", b, errors.Join(aErr, bErr))
		}
		if text, ok := a.(string); ok && aName == "reference" {
			if target, known := targets[text]; known {
				a = target
			}
		}
		if a != b || aName != bName {
			return fmt.Errorf("member %q, token %v (%T); sent was member %q, token %v (%T)", bName, b, b, aName, a, a)
		}
	}
}

// tokens walks a document.
type tokens struct {
	decoder *json.Decoder
	open    []level
	id      string // of the resource itself
}

// level is an object or array that is not closed yet.
type level struct {
	object bool
	name   string // of the member whose value comes; "" while a name comes
	inside string // the name under which this level stands
}

func newTokens(data []byte) *tokens {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return &tokens{decoder: d}
}

// next is the next token that the server does not set; name is the member whose
// value it is, "" for a name itself, an element of an array and a bracket's end.
func (t *tokens) next() (token json.Token, name string, err error) {
	for {
		if token, err = t.decoder.Token(); err != nil {
			return nil, "", err
		}
		if name = t.place(token); !t.isSet(token, name) {
			return token, name, nil
		}
		value, err := t.decoder.Token()
		if err != nil {
			return nil, "", err
		}
		if text, ok := value.(string); ok && len(t.open) == 1 {
			t.id = text
		}
		t.open[len(t.open)-1].name = ""
	}
}

// isSet tells whether a token is the name of a member that the server sets.
func (t *tokens) isSet(token json.Token, name string) bool {
	text, ok := token.(string)
	if !ok || name != "" || len(t.open) == 0 {
		return false
	}
	top := t.open[len(t.open)-1]
	switch {
	case !top.object || top.name != text: // no name at all
		return false
	case len(t.open) == 1:
		return text == "id"
	}
	return len(t.open) == 2 && top.inside == "meta" && (text == "versionId" || text == "lastUpdated")
}

// place keeps account of where the walk is.
func (t *tokens) place(token json.Token) (name string) {
	if token == json.Delim('}') || token == json.Delim(']') {
		t.open = t.open[:len(t.open)-1]
		return ""
	}
	if n := len(t.open); n > 0 && t.open[n-1].object {
		top := &t.open[n-1]
		if top.name == "" {
			top.name = token.(string)
			return ""
		}
		name, top.name = top.name, ""
	}
	if token == json.Delim('{') || token == json.Delim('[') {
		t.open = append(t.open, level{object: token == json.Delim('{'), inside: name})
	}
	return name
}

func TestSameTokensSeesEveryChange(t *testing.T) {
	const sent = `{"resourceType":"Observation","id":"a", "meta":{"tag":[{"code":"x"}]},"contained":[{"id":"c"}],"subject":{"reference":"urn:uuid:1","display":"urn:uuid:1"},"valueQuantity":{"value":1.50}}`
	const read = `{"resourceType":"Observation","id":"b","meta":{"versionId":"1","lastUpdated":"2026","tag":[{"code":"x"}]},"contained":[{"id":"c"}],"subject":{"reference":"Patient/2","display":"urn:uuid:1"},"valueQuantity":{"value":1.50}}`
	targets := map[string]string{"urn:uuid:1": "Patient/2"}
	if err := sameTokens([]byte(sent), []byte(read), "b", targets); err != nil {
		t.Errorf("what the server may set is a difference: %v", err)
	}
	for _, c := range [][2]string{
		{`1.50`, `1.5`}, {`1.50`, `"1.50"`}, {`1.50`, `1.50,"unit":"g"`}, {`"code":"x"`, `"code":"y"`},
		{`,"tag":[{"code":"x"}]`, ``}, {`"id":"c"`, `"id":"d"`}, {`"id":"c"`, ``}, {`"id":"b"`, `"id":"a"`},
		{`"id":"b",`, ``}, {`Patient/2`, `Patient/3`}, {`Patient/2`, `urn:uuid:1`}, {`"display":"urn:uuid:1"`, `"display":"Patient/2"`},
		{`"valueQuantity"`, `"valueRange"`}, {`[{"id":"c"}]`, `[{"id":"c"},{}]`}, {`[{"id":"c"}]`, `{"id":"c"}`},
		{`"reference":"Patient/2","display":"urn:uuid:1"`, `"display":"urn:uuid:1","reference":"Patient/2"`}, {`}}`, `}`}, {`"c"`, `{}`},
	} {
		changed := strings.Replace(read, c[0], c[1], 1)
		if changed == read {
			t.Fatalf("%s is not in the document", c[0])
		}
		if err := sameTokens([]byte(sent), []byte(changed), "b", targets); err == nil {
			t.Errorf("%s instead of %s is not seen", c[1], c[0])
		}
	}
}
