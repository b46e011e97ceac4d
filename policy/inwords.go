package policy

import "strings"

// InWords says what a decision permits.
func (d *Decision) InWords() string {
	if !d.Allow {
		return "refused: " + d.Reason
	}
	all := "permitted: " + d.Reason + "; Consents: " + d.Consent
	c := &d.Constraints
	for _, one := range []struct{ name, value string }{
		{"types", strings.Join(c.Types, ", ")}, {"compartment", c.Compartment}, {"shared types", strings.Join(c.SharedTypes, ", ")}, {"uncompartmented", strings.Join(c.Uncompartmented, ", ")},
		{"owner", c.Owner}, {"without labels", strings.Join(c.Labels, ", ")}, {"search", c.Search}, {"author", c.Author}, {"obligations", strings.Join(d.Obligations, ", ")},
	} {
		if one.value != "" {
			all += "; " + one.name + ": " + one.value
		}
	}
	return all
}
