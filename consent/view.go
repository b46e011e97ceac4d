package consent

import (
	"bytes"
	"encoding/json"

	samply "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/aceso-health/aceso/fhir"
)

// Limits of one Consent.
const (
	maxProvisions = 500
	maxDepth      = 8
)

// outline is what is read before and beside the typed view, which invents a value
// for a missing code: fhir.View guards those at the top, this the others.
type outline struct {
	Status    *string
	Provision *outlineProvision
}

type outlineProvision struct {
	Data      []struct{ Meaning *string }
	Provision []outlineProvision
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

// size counts the provisions and how deep they nest.
func (p *outlineProvision) size() (count, depth int) {
	if p == nil {
		return 0, 0
	}
	count = 1
	for i := range p.Provision {
		n, d := p.Provision[i].size()
		count, depth = count+n, max(depth, d)
	}
	return count, depth + 1
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
