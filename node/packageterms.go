package node

import (
	"context"
	"encoding/json"

	"github.com/aceso-health/aceso/fhir/terminology"
	"github.com/aceso-health/aceso/fhir/validate"
)

// packageTerms are the value sets and code systems of packages, by type and URL. What is
// stored on the server is not among them: what is valid must not depend on who asks.
type packageTerms map[[2]string][]byte

func (p packageTerms) add(resources []json.RawMessage) error {
	for _, r := range resources {
		var head struct {
			ResourceType string `json:"resourceType"`
			URL          string `json:"url"`
		}
		if err := json.Unmarshal(r, &head); err != nil {
			return err
		}
		p[[2]string{head.ResourceType, head.URL}] = r
	}
	return nil
}

// Canonical implements terminology.Source. There is one version of each.
func (p packageTerms) Canonical(_ context.Context, typ, url, _ string) ([]byte, error) {
	return p[[2]string{typ, url}], nil
}

// Instance implements terminology.Source.
func (packageTerms) Instance(context.Context, string, string) ([]byte, error) { return nil, nil }

// begin makes what answers the questions of one validation.
func (p packageTerms) begin() validate.Terminology { return &bindings{from: p} }

// bindings says which codes value sets have.
type bindings struct {
	from  packageTerms
	terms *terminology.Terms // once something is asked: most documents ask nothing
}

// Member implements validate.Terminology.
func (b *bindings) Member(ctx context.Context, set, system, code string) (member, known bool) {
	if b.terms == nil {
		b.terms = terminology.New(b.from)
	}
	vs, err := b.terms.Set(ctx, set)
	if vs == nil || err != nil {
		return false, false
	}
	e, err := b.terms.Member(ctx, vs, terminology.Coding{System: system, Code: code}, true)
	return e != nil, err == nil
}
