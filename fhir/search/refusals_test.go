package search

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// says tells whether an error is a refusal with a status and a sentence of docs/refusals.md.
func says(err error, status int, sentence string) bool {
	var refusal *fhir.Error
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(sentence), "…", ".*") + "$"
	return errors.As(err, &refusal) && refusal.Kind.Status() == status && regexp.MustCompile(pattern).MatchString(refusal.Detail)
}

// What no client gets to see is refused all the same.
func TestRefusalsOfCallers(t *testing.T) {
	_, noType := ParseQuery("Foo", nil, QueryOptions{})
	_, noSecond := criterion{def: fhir.SearchParam{Name: "x"}}.second("a", "number", "1")
	var unknown *unknownParam
	if errors.As(noSecond, &unknown) {
		noSecond = invalidParam("x", unknown.detail)
	}
	for sentence, err := range map[string]error{
		"A search needs one R4 resource type.":                                  noType,
		"This composite parameter is not supported.":                            noSecond,
		"The search parameters of a restriction are about the resource itself.": aboutItself(All{Chain{}}),
	} {
		if !says(err, 400, sentence) {
			t.Errorf("%v; want %s", err, sentence)
		}
	}
	broken := extractor{roles: &roles{plans: []func() *plan{func() *plan { return &plan{err: errors.New("broken")} }}}, Tape: &fhir.Tape{Nodes: make([]fhir.Node, 1)}}
	broken.resource(0, false)
	if !says(broken.fault, 500, "The server cannot read its search definitions.") {
		t.Error(broken.fault)
	}
}
