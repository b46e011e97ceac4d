package auth

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// user is what a name of the issuer (sub, fhirUser) means here. The names of another
// issuer are names inside that issuer, "issuer|name", unless its configuration maps them.
func (a *Authenticator) user(i *trusted, name string) string {
	if i.Own {
		return a.local(name)
	}
	return i.qualified(i.UserMap, name)
}

// client is what a client_id of the issuer means here.
func (i *trusted) client(id string) string {
	if i.Own {
		return id
	}
	return i.qualified(i.ClientMap, id)
}

func (i *trusted) qualified(names map[string]string, name string) string {
	if name == "" {
		return ""
	}
	if to := names[name]; to != "" && !strings.HasSuffix(to, "*") {
		return to
	}
	longest, found := "", ""
	for from, to := range names {
		prefix, pattern := strings.CutSuffix(from, "*")
		rest, begins := strings.CutPrefix(name, prefix)
		if pattern && begins && len(prefix) >= len(longest) && strings.HasSuffix(to, "*") {
			longest, found = prefix, strings.TrimSuffix(to, "*")+rest
		}
	}
	if found != "" {
		return found
	}
	return i.Name + "|" + name
}

// person says whether a reference names somebody, or something, that can call: an
// Organization or a CareTeam cannot, so no token may claim to be one.
func person(ref, role string) bool {
	typ, _, _ := strings.Cut(ref, "/")
	_, err := fhir.ParseRef(ref)
	return err == nil && (slices.Contains([]string{"Practitioner", "PractitionerRole", "Patient", "RelatedPerson"}, typ) ||
		typ == "Device" && role == agent.System)
}

// elsewhere says whether a name is the URL of a resource of another server, or a name
// inside another issuer: a Consent can give that as an identifier.
func elsewhere(name string) bool {
	return strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://") || strings.Contains(name, "|")
}
