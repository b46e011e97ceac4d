package consent

import (
	"bytes"
	"encoding/json"
	"fmt"

	samply "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/aceso-health/aceso/fhir"
)

// Limits of one Consent.
const (
	maxProvisions = 500
	maxDepth      = 8
	maxCriteria   = 5000
)

// outline is what is read before and beside the typed view, which invents a value
// for a missing code: fhir.View guards those at the top, this the others.
type outline struct {
	Status    *string
	Provision *outlineProvision
}

type outlineProvision struct {
	Data                                 []struct{ Meaning *string }
	Period, DataPeriod                   any
	Actor, Purpose, Class, SecurityLabel []any
	Action, Code                         []struct{ Coding []any }
	Provision                            []outlineProvision
}

// readOutline also returns the document in the one spelling of strings that the
// typed view reads (it does not unescape codes).
func readOutline(body []byte) (*outline, []byte, error) {
	var tree any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, nil, err
	}
	plain, err := json.Marshal(tree)
	if err != nil {
		return nil, nil, err
	}
	var o outline
	if err := json.Unmarshal(plain, &o); err != nil { // o has what could be read
		return &o, nil, err
	}
	return &o, plain, nil
}

func readView(plain []byte) (*samply.Consent, error) {
	return fhir.View[samply.Consent](plain, "Consent", "status", "scope", "category")
}

// size counts the provisions, how deep they nest, and the values of all criteria.
func (p *outlineProvision) size() (count, depth, criteria int) {
	if p == nil {
		return 0, 0, 0
	}
	count, criteria = 1, p.criteria()
	for i := range p.Provision {
		n, d, c := p.Provision[i].size()
		count, depth, criteria = count+n, max(depth, d), criteria+c
	}
	return count, depth + 1, criteria
}

// criteria counts the values of the criteria of this provision alone.
func (p *outlineProvision) criteria() int {
	n := len(p.Actor) + len(p.Purpose) + len(p.Class) + len(p.SecurityLabel) + len(p.Data)
	for _, concepts := range [][]struct{ Coding []any }{p.Action, p.Code} {
		for i := range concepts {
			n += max(1, len(concepts[i].Coding))
		}
	}
	for _, period := range []any{p.Period, p.DataPeriod} {
		if period != nil {
			n++
		}
	}
	return n
}

// checkSize refuses a Consent that would take too long to judge by.
func (o *outline) checkSize() (criteria int, err error) {
	count, depth, criteria := o.Provision.size()
	switch {
	case count > maxProvisions:
		return criteria, beyond("Consent.provision", "A Consent may have at most %d provisions; this one has %d. Split it into several Consents.", maxProvisions, count)
	case depth > maxDepth:
		return criteria, beyond("Consent.provision", "Provisions may nest at most %d deep; these nest %d deep.", maxDepth, depth)
	case criteria > maxCriteria:
		return criteria, beyond("Consent.provision", "A Consent may have at most %d values of criteria; this one has %d. Split it into several Consents.", maxCriteria, criteria)
	}
	return criteria, nil
}

func beyond(place, format string, numbers ...any) error {
	return &fhir.Error{Kind: fhir.Unprocessable, Detail: fmt.Sprintf(format, numbers...), Expression: place}
}

// inactive says that the status is known and does not bind anybody.
func (o *outline) inactive() bool {
	if o == nil || o.Status == nil {
		return false
	}
	switch *o.Status {
	case "draft", "proposed", "rejected", "inactive", "entered-in-error":
		return true
	}
	return false
}
