package server

import (
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// Every operation of the routes has one definition, which is a valid resource, and every
// definition has a route.
func TestOperationsAreDefined(t *testing.T) {
	all := operationsOffered()
	for _, r := range routes() {
		if !strings.HasPrefix(r.interaction, "$") {
			continue
		}
		n := 0
		for _, o := range all {
			if o.isAt(r) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s %s %s has %d definitions", r.method, r.path, r.typ, n)
		}
	}
	for _, o := range all {
		if !slices.ContainsFunc(routes(), o.isAt) {
			t.Errorf("%s has no route", o.id)
		}
		d, ok := definitionOf(o.id)
		if !ok || !d.OnType && !d.OnOne && !d.OnSystem {
			t.Errorf("%s is called nowhere", o.id)
			continue
		}
		body, err := d.bytes()
		if err != nil {
			t.Fatal(err)
		}
		if r, err := fhir.Parse(body); err != nil || r.ID() != o.id {
			t.Errorf("%s: %v\n%s", o.id, err, body)
		}
	}
}
