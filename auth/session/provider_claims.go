package session

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/fhir"
)

// ErrNoRole is the error of somebody whom the provider knows and who has no role here.
var ErrNoRole = errors.New("session: this account has no role here")

// user maps the claims of an id_token.
func (p *Provider) user(claims map[string]any) (oauth.User, error) {
	u := oauth.User{
		Login: text(claims, p.Claims.Login), Name: text(claims, p.Claims.Name),
		Organization: cmp.Or(text(claims, p.Claims.Organization), p.Organization, p.House),
	}
	if u.Login == "" {
		return u, errors.New("session: the id_token does not say who it is: claim " + p.Claims.Login)
	}
	role, ok := p.role(texts(claims, p.Claims.Role))
	if !ok {
		return u, ErrNoRole
	}
	u.Role, u.Purposes = role.Role, p.purposes(role, claims)
	if len(u.Purposes) == 0 {
		return u, ErrNoRole
	}
	u.Subject = p.here(text(claims, p.Claims.FHIRUser))
	if u.Role == agent.Patient {
		if !strings.HasPrefix(u.Subject, "Patient/") {
			return u, ErrNoRole
		}
		u.Patient = u.Subject
	}
	if u.Subject == "" { // a name inside that provider, nobody here
		u.Subject = p.Issuer + "|" + text(claims, "sub")
	}
	return u, nil
}

// role is the first whose value the user has.
func (p *Provider) role(has []string) (Role, bool) {
	i := slices.IndexFunc(p.Roles, func(r Role) bool { return r.Value == "*" || slices.Contains(has, r.Value) })
	if i < 0 {
		return Role{}, false
	}
	return p.Roles[i], true
}

// purposes are those of the role which the claim has, if there is to be one, and which
// anybody may have.
func (p *Provider) purposes(r Role, claims map[string]any) (some []string) {
	claimed := texts(claims, p.Claims.Purposes)
	for _, code := range r.Purposes {
		if p.Claims.Purposes != "" && !slices.Contains(claimed, code) || len(p.Purposes) > 0 && !slices.Contains(p.Purposes, code) {
			continue
		}
		some = append(some, code)
	}
	return some
}

// here is a fhirUser as a reference of this server, "" if it is none: a URL must be below
// one of its bases.
func (p *Provider) here(fhirUser string) string {
	below, _ := fhir.Below(fhirUser, p.Bases)
	ref, err := fhir.ParseRef(below)
	if err != nil || !slices.Contains([]string{"Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Person"}, ref.Type) {
		return ""
	}
	return ref.String()
}

// text is a claim that is a text, "" otherwise.
func text(claims map[string]any, name string) string {
	s, _ := claims[name].(string)
	return s
}

// texts is a claim that is a text with words, or a list of texts. A name with dots leads
// into objects, as in realm_access.roles, unless there is such a claim.
func texts(claims map[string]any, name string) (all []string) {
	value, ok := claims[name]
	if outer, inner, found := strings.Cut(name, "."); !ok && found {
		within, _ := claims[outer].(map[string]any)
		return texts(within, inner)
	}
	switch v := value.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		for _, one := range v {
			if s, ok := one.(string); ok {
				all = append(all, s)
			}
		}
	}
	return all
}
