package agent

import (
	"slices"
	"strings"
)

// Person is who somebody is, for what needs two people: the author of something keeps it,
// and who approves is compared with it. It has no token and no browser, so a second one
// of these makes nobody another person.
type Person struct {
	Subject      string   `json:"subject"`
	Name         string   `json:"name,omitempty"` // for display alone
	Role         string   `json:"role,omitempty"`
	Organization string   `json:"organization,omitempty"`
	Issuer       string   `json:"issuer,omitempty"`
	Also         []string `json:"also,omitempty"` // further references and names of the same person
}

// Person is who the agent is. What else the store knows of her is for the gate to add.
func (a Agent) Person() Person {
	p := Person{Subject: a.Subject, Name: a.Name, Role: a.Role, Organization: a.Organization, Issuer: a.Issuer}
	return p.With(a.Actors...)
}

// With adds references of the same person. What many people share is left out: an
// organisation, a team, an app.
func (p Person) With(references ...string) Person {
	p.Also = slices.Clone(p.Also)
	for _, ref := range references {
		if ref != "" && ref != p.Subject && !shared(ref) && !slices.Contains(p.Also, ref) {
			p.Also = append(p.Also, ref)
		}
	}
	return p
}

// shared says whether a reference is not of one person.
func shared(ref string) bool {
	typ, _, _ := strings.Cut(ref, "/")
	return slices.Contains([]string{"Organization", "CareTeam", "Group", "Device"}, typ)
}

// Same says whether they may be the same person: one name in common is enough, however
// it is written. Of whom nothing is known, it is anybody.
func (p Person) Same(other Person) bool {
	mine, theirs := p.names(), other.names()
	if len(mine) == 0 || len(theirs) == 0 {
		return true
	}
	return slices.ContainsFunc(mine, func(name string) bool { return slices.Contains(theirs, name) })
}

// names are all by which a person goes, as they are compared.
func (p Person) names() (all []string) {
	for _, name := range append([]string{p.Subject}, p.Also...) {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			all = append(all, name)
		}
	}
	return all
}
