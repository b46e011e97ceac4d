package search

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// alphabet knows the codes of urn:a: a is above b; the value set urn:n has n codes.
type alphabet struct{}

func (alphabet) Members(set string) (all []Code, err error) {
	var n int
	if _, err := fmt.Sscanf(set, "urn:%d", &n); err != nil {
		return nil, &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such ValueSet here."}
	}
	for i := range n {
		all = append(all, Code{"urn:a", fmt.Sprint(i)})
	}
	return all, nil
}

func (alphabet) Below(c Code) ([]Code, error) { return []Code{c, {c.System, c.Code + "b"}}, nil }
func (alphabet) Above(c Code) ([]Code, error) { return []Code{c}, nil }

func ofCodes(t *testing.T, typ, name, value string) (Condition, error) {
	t.Helper()
	q, err := ParseQuery(typ, []fhir.Param{{Name: name, Value: value}}, QueryOptions{Codes: alphabet{}})
	if err != nil {
		return nil, err
	}
	return q.Where, nil
}

func TestCodesAreLookedUp(t *testing.T) {
	key := func(code string) HasKey { return HasKey{"code=urn:a|" + code} }
	for _, c := range []struct {
		name, value string
		want        Condition
	}{
		{"code:in", "urn:2", Any{key("0"), key("1")}},
		{"code:in", "urn:0", Any{}},
		{"code:not-in", "urn:1", Not{key("0")}},
		{"code:below", "urn:a|x", Any{key("x"), key("xb")}},
		{"code:below", `urn:a|x\|y`, Any{key(`x\|y`), key(`x\|yb`)}},
		{"code:above", "urn:a|x", key("x")},
	} {
		if got, err := ofCodes(t, "Observation", c.name, c.value); err != nil || !reflect.DeepEqual(got, All{c.want}) {
			t.Errorf("%s=%s: %#v %v", c.name, c.value, got, err)
		}
	}
}

func TestCodesThatAreLookedUpAreFew(t *testing.T) {
	if _, err := ofCodes(t, "Observation", "code:in", "urn:5000"); err != nil {
		t.Error(err)
	}
	for _, value := range []string{"urn:5001", "urn:3000,urn:3000"} {
		if _, err := ofCodes(t, "Observation", "code:in", value); err == nil || err.(*fhir.Error).Kind != fhir.TooCostly {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// Each modifier is for some kinds of parameters; with others the refusal names it.
func TestModifiersAreForTheirKinds(t *testing.T) {
	takes := map[string]string{
		"code": "missing not text in not-in above below", "identifier": "missing not text of-type", "_id": "missing not", "subject": "missing identifier Patient",
		"date": "missing", "value-quantity": "missing", "code-value-quantity": "missing",
	}
	values := map[string]string{
		"missing": "true", "not": "x", "text": "x", "in": "urn:1", "not-in": "urn:1", "above": "urn:a|x", "below": "urn:a|x", "of-type": "a|b|c",
		"identifier": "x", "Patient": "1", "exact": "x", "contains": "x", "nonsense": "x", "": "x",
	}
	for param, list := range takes {
		for modifier, value := range values {
			name := param + ":" + modifier
			_, err := ofCodes(t, "Observation", name, value)
			wanted := false
			for word := range strings.FieldsSeq(list) {
				wanted = wanted || word == modifier
			}
			e, refused := err.(*fhir.Error)
			if wanted == refused || refused && (e.Kind != fhir.Invalid || e.Expression != name) {
				t.Errorf("%s=%s: %v", name, value, err)
			}
		}
	}
	for name, value := range map[string]string{"url:above": "http://x/y", "url:below": "http://x", "name:exact": "x", "name:contains": "xyz"} {
		if _, err := ofCodes(t, "ValueSet", name, value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
