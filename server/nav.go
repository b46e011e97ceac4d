package server

import (
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/web"
)

// section is a page that the bar of every page leads to. The bar decides nothing: the
// policy does, whoever follows it.
type section struct {
	path, name string
	roles      []string // to whom it is of use; nil: everybody
}

func sections() []section {
	office := []string{agent.PrivacyOfficer}
	return []section{
		{pathDesk, "Desk", nil},
		{pathAccesses, "Accesses", office},
		{pathExplain, "Explain", office},
		{pathConsents, "Consents", office},
		{pathEmergencies, "Emergencies", []string{agent.Practitioner, agent.PrivacyOfficer}},
		{pathPolicyPages, "Policies", office},
		{pathPurges, "Removal", office},
		{pathLedger, "Ledger", []string{agent.PrivacyOfficer, agent.Administrator}},
		{pathApps, "Your apps", nil},
	}
}

// nav is the bar for whoever is signed in.
func (s *server) nav(c *gin.Context) (all []web.Link) {
	role, session := "", exchangeOf(c).session
	if caller, ok := callerOf(c); ok {
		role = caller.Role
	} else if session != nil {
		role = session.User.Role
	}
	for _, l := range sections() {
		apps := l.path != pathApps || session != nil && s.Apps != nil
		if role != "" && apps && (l.roles == nil || slices.Contains(l.roles, role)) {
			all = append(all, web.Link{URL: l.path, Words: l.name, Here: c.Request.URL.Path == l.path})
		}
	}
	return all
}
