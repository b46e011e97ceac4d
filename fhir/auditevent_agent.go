package fhir

import (
	"cmp"
	"net/netip"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// accessAgents are the user, the client, the server, and the user's organisation.
func accessAgents(a Access) []r4.AuditEventAgent {
	k := kindOf(a.Interaction)
	var agents []r4.AuditEventAgent
	if a.Agent != "" {
		agents = append(agents, userAgent(a, k))
	}
	agents = append(agents, clientAgent(a, k))
	if a.Base != "" {
		uri := r4.AuditEventAgentNetworkType5
		agents = append(agents, r4.AuditEventAgent{
			Type: typed(k.server), Who: pointer(observer(a)),
			Network: &r4.AuditEventAgentNetwork{Address: text(a.Base), Type: &uri},
		})
	}
	if a.Organization != "" {
		provider := concept("http://terminology.hl7.org/CodeSystem/v3-RoleClass", "PROV", "healthcare provider")
		agents = append(agents, r4.AuditEventAgent{Type: &provider, Who: who("Organization/" + a.Organization)})
	}
	return agents
}

func userAgent(a Access, k auditKind) r4.AuditEventAgent {
	agent := r4.AuditEventAgent{Type: typed(k.user), Requestor: true, Name: text(a.Name), Who: who(a.Agent), PurposeOfUse: purposeOf(a)}
	if a.Role != "" {
		role := concept("urn:aceso:role", a.Role, "")
		role.Text = text(a.Role)
		agent.Role = []r4.CodeableConcept{role}
	}
	if a.Policy != "" {
		agent.Policy = []string{"urn:aceso:policy:" + a.Policy}
	}
	return agent
}

// clientAgent is the application as the token names it, and where it called from.
func clientAgent(a Access, k auditKind) r4.AuditEventAgent {
	agent := r4.AuditEventAgent{Type: typed(k.client), Requestor: a.Agent == "", Who: who(a.Client)}
	if a.Client == "" {
		agent.Who = &r4.Reference{Display: text(cmp.Or(a.Address, "unknown"))}
	}
	if a.Address != "" {
		kind := r4.AuditEventAgentNetworkType1 // a machine's name
		if _, err := netip.ParseAddr(a.Address); err == nil {
			kind = r4.AuditEventAgentNetworkType2
		}
		agent.Network = &r4.AuditEventAgentNetwork{Address: text(a.Address), Type: &kind}
	}
	return agent
}

// observer is the node, which records what it does itself.
func observer(a Access) r4.Reference {
	return r4.Reference{Identifier: &r4.Identifier{Value: text(a.Node)}, Display: text(a.Node)}
}

func typed(c r4.Coding) *r4.CodeableConcept { return &r4.CodeableConcept{Coding: []r4.Coding{c}} }

func pointer(r r4.Reference) *r4.Reference { return &r }

// who is a reference where the issuer gave one, an identifier otherwise.
func who(subject string) *r4.Reference {
	if subject == "" {
		return nil
	}
	if strings.Count(subject, "/") == 1 {
		if _, err := ParseRef(subject); err == nil {
			return &r4.Reference{Reference: &subject}
		}
	}
	return &r4.Reference{Identifier: &r4.Identifier{Value: &subject}}
}
