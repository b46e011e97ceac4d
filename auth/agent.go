package auth

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

var code = regexp.MustCompile(`^[A-Za-z0-9\-]{1,32}$`)

// purposeSystems are the names under which v3-ActReason goes in tokens.
var purposeSystems = map[string]bool{
	"": true, PurposeSystem: true, "urn:oid:2.16.840.1.113883.5.8": true, "2.16.840.1.113883.5.8": true,
}

// agent reads verified claims. chosen holds the values of PurposeHeader.
func (a *Authenticator) agent(i *trusted, c *Claims, chosen []string) (agent.Agent, error) {
	caller := agent.Agent{
		Subject: a.user(i, c.Subject), Name: c.Name, Client: i.client(c.Client), Issuer: c.Issuer, Token: c.ID, Expires: c.Expires,
	}
	if i.Own { // others' words for a grant mean nothing here
		caller.Grant = c.Grant
	}
	var err error
	if caller.Organization, err = i.organization(c); err != nil {
		return agent.Agent{}, err
	}
	if caller.Role, err = i.role(c); err != nil {
		return agent.Agent{}, err
	}
	if caller.Purpose, err = i.purpose(c, chosen); err != nil {
		return agent.Agent{}, err
	}
	if caller.Scopes, err = a.scopes(c.Scope); err != nil {
		return agent.Agent{}, forbidden("The token has a resource scope that is refused: " + strings.TrimSuffix(err.Error(), ".") + ".")
	}
	if i.Own {
		caller.Scopes = withUser(caller.Scopes, c.Scope, a.user(i, c.User))
	}
	if caller.Patient, err = a.patient(c, &caller, a.user(i, c.User)); err != nil {
		return agent.Agent{}, err
	}
	caller.Actors = Actors(&caller, a.user(i, c.User))
	return caller, nil
}

// withUser lets an app that may know who signed in (scope fhirUser) read that resource, as
// far as the policy lets its user.
func withUser(scopes []agent.Scope, claim, user string) []agent.Scope {
	typ, id, found := strings.Cut(user, "/")
	reads := func(s agent.Scope) bool {
		return s.Query == "" && (s.Type == "*" || s.Type == typ) && strings.Contains(s.Actions, "r")
	}
	if !found || !agent.IsTypeName(typ) || !fhir.IsID(id) || !slices.Contains(strings.Fields(claim), "fhirUser") || slices.ContainsFunc(scopes, reads) {
		return scopes
	}
	return append(scopes, agent.Scope{Context: "user", Type: typ, Actions: "r", Query: "_id=" + id})
}

// wholeScopes refuses all scopes with search parameters: nobody enforces them.
func wholeScopes(claim string) ([]agent.Scope, error) {
	scopes, err := agent.ParseScopes(claim)
	if slices.ContainsFunc(scopes, func(s agent.Scope) bool { return s.Query != "" }) {
		return nil, errors.New("this server does not enforce scopes with search parameters")
	}
	return scopes, err
}

func (i *trusted) organization(c *Claims) (string, error) {
	organization := cmp.Or(c.Organization, i.Defaults.Organization)
	if mapped, ok := i.OrganizationMap[organization]; ok {
		organization = mapped
	}
	if organization == "" {
		return "", forbidden("The token names no organisation (subject_organization_id).")
	}
	if !fhir.IsID(organization) || !allowed(i.Organizations, organization) {
		return "", forbidden("The token's issuer may not assert this organisation.")
	}
	return organization, nil
}

// role is the only role among the codings. It ignores others, such as a specialty.
func (i *trusted) role(c *Claims) (string, error) {
	found := ""
	for _, coding := range c.Roles {
		role := i.meaning(coding)
		if role == "" {
			continue
		}
		if found != "" && found != role {
			return "", forbidden("The token names several roles (subject_role); request one for a single role.")
		}
		found = role
	}
	if found == "" && len(c.Roles) == 0 {
		found = i.usual(c)
	}
	if found == "" {
		return "", forbidden("The token names no role that this server knows (subject_role).")
	}
	if !allowed(i.Roles, found) {
		return "", forbidden("The token's issuer may not assert this role.")
	}
	return found, nil
}

// usual is the role of a token that says nothing of roles: the default, but of a patient hers.
// There is none for relatives, nor for others where patients are the usual ones.
func (i *trusted) usual(c *Claims) string {
	typ := ""
	if parts := strings.Split(c.User, "/"); len(parts) > 1 {
		typ = parts[len(parts)-2]
	}
	switch {
	case i.Defaults.Role == "", typ == "RelatedPerson", i.Defaults.Role == agent.Patient && typ != "" && typ != "Patient":
		return ""
	case typ == "Patient":
		return agent.Patient
	}
	return i.Defaults.Role
}

func (i *trusted) meaning(c fhir.Coding) string {
	if role, ok := i.RoleMap[c.System+"|"+c.Code]; ok {
		return role
	}
	if c.System != RoleSystem || !slices.Contains(agent.Roles(), c.Code) {
		return ""
	}
	return c.Code
}

func (i *trusted) purpose(c *Claims, chosen []string) (string, error) {
	purposes := map[string]bool{}
	for _, p := range c.Purposes {
		if !purposeSystems[p.System] || !code.MatchString(p.Code) {
			return "", forbidden("The token has a purpose of use that is no code of v3-ActReason.")
		}
		if !allowed(i.Purposes, p.Code) {
			return "", forbidden("The token's issuer may not assert this purpose of use.")
		}
		purposes[p.Code] = true
	}
	if d := i.Defaults.Purpose; len(c.Purposes) == 0 && d != "" {
		purposes[d] = true
	}
	switch {
	case len(purposes) == 0:
		return "", forbidden("The token names no purpose of use (purpose_of_use).")
	case len(chosen) > 1:
		return "", forbidden("Send " + PurposeHeader + " once: a request has exactly one purpose of use.")
	case len(chosen) == 1 && !purposes[chosen[0]] && !mayBreakGlass(chosen[0], purposes):
		return "", forbidden("The purpose of use chosen with " + PurposeHeader + " is not in the token.")
	case len(chosen) == 1:
		return chosen[0], nil
	case len(purposes) > 1:
		return "", forbidden("The token has several purposes of use; choose one with the header " + PurposeHeader + ".")
	}
	for p := range purposes {
		return p, nil
	}
	return "", nil
}

// mayBreakGlass says whether who may act for the treatment of patients chooses BTG, which is
// a kind of it. It opens nothing but what an emergency opens that the caller has declared.
func mayBreakGlass(chosen string, purposes map[string]bool) bool {
	if agent.PurposeFamily(chosen) != agent.BreakGlass {
		return false
	}
	for p := range purposes {
		if agent.PurposeFamily(p) == agent.Treatment {
			return true
		}
	}
	return false
}

// patient is the launch context, or the patient herself: user is her fhirUser.
func (a *Authenticator) patient(c *Claims, caller *agent.Agent, user string) (string, error) {
	id := strings.TrimPrefix(a.local(c.Patient), "Patient/")
	if id == "" && caller.Role == agent.Patient {
		self, found := strings.CutPrefix(caller.Subject, "Patient/")
		if !found {
			self, found = strings.CutPrefix(user, "Patient/")
		}
		if !found {
			return "", forbidden("A token for the role patient must name the patient (claim patient).")
		}
		id = self
	}
	if id == "" {
		return "", nil
	}
	if !fhir.IsID(id) {
		return "", forbidden("The token's claim patient is neither a logical id nor Patient/id.")
	}
	return "Patient/" + id, nil
}

// Actors are the names by which a Consent can mean this caller: references, URLs of other
// servers, and names inside another issuer.
func Actors(caller *agent.Agent, user string) []string {
	list := []string{"Organization/" + caller.Organization}
	add := func(name string, counts bool) {
		if counts && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	for _, name := range []string{caller.Subject, user} {
		add(name, person(name, caller.Role) || elsewhere(name))
	}
	add(caller.Patient, caller.Role == agent.Patient)
	add("Device/"+caller.Client, fhir.IsID(caller.Client))
	return list
}

// local makes a reference below one of this server's base URLs relative.
func (a *Authenticator) local(ref string) string {
	ref, _ = fhir.Below(ref, a.bases)
	return ref
}
