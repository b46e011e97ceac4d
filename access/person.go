package access

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
)

// Person says who an agent is, for what needs two people: what the token says; of a role
// also whose role it is, so that its token is the same person's; and the identifiers of
// that practitioner, so that one who was recorded twice is one person.
func (g *Gate) Person(ctx context.Context, a agent.Agent) (agent.Person, error) {
	p, found := a.Person(), &people{store: g.Store, base: g.Base}
	for _, step := range []struct{ typ, of string }{{"PractitionerRole", "practitioner"}, {"Practitioner", ""}} {
		refs := namedOf(step.typ, &p)
		if len(refs) == 0 {
			continue
		}
		all, err := found.Find(ctx, step.typ, "_id", refs, len(refs))
		if err != nil {
			return p, unavailable("person cannot be identified", err)
		}
		for i := range all {
			p = p.With(alsoNamed(&all[i], g.Base)...)
		}
	}
	return p, nil
}

// namedOf are the ids of a type by which a person goes.
func namedOf(typ string, p *agent.Person) (ids []string) {
	for _, name := range append([]string{p.Subject}, p.Also...) {
		if id, ok := strings.CutPrefix(name, typ+"/"); ok && fhir.IsID(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// alsoNamed is how else the person of a resource goes: whose role it is, and the
// identifiers of a practitioner. Those of a role are the role's.
func alsoNamed(v *consent.Found, base string) (names []string) {
	var doc struct {
		Practitioner struct{ Reference string }
		Identifier   []struct{ System, Value string }
	}
	if json.Unmarshal(v.Body, &doc) != nil {
		return nil
	}
	if v.Ref.Type == "PractitionerRole" {
		whose, _ := fhir.Below(doc.Practitioner.Reference, base)
		return []string{whose}
	}
	for _, i := range doc.Identifier {
		if i.System != "" && i.Value != "" {
			names = append(names, i.System+"|"+i.Value)
		}
	}
	return names
}
