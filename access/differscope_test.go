package access

import (
	"context"
	"maps"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/policy"
)

// granular are callers with scopes that have search parameters.
func (c *differ) granular() map[string]*Call {
	calls, claims := c.calls(), map[string]string{
		"doctor": "user/Patient.rs?gender:not=female user/Observation.rs?code=urn:s|a,b user/Observation.rs?date=lt2024 user/Condition.rs?code:missing=false&onset-date=ge2023-06 " +
			"user/Encounter.rs?status=finished user/List.rs user/DocumentReference.rs?subject:missing=false user/RiskAssessment.rs user/Organization.rs user/ValueSet.rs?status=active user/CodeSystem.rs user/MedicationRequest.rs user/Medication.rs",
		"system": "system/Patient.rs?organization:missing=false system/Observation.rs?encounter:missing=true&status=final system/Condition.rs system/Encounter.rs?class=AMB " +
			"system/List.rs?subject:missing=true system/RiskAssessment.rs?patient=Patient/p1,Patient/p2,Patient/p3 system/Organization.rs system/Location.rs system/MedicationRequest.rs?status=active",
		"patient": "patient/Observation.rs?status=final patient/Patient.rs patient/Condition.rs?code=a,x patient/Encounter.rs?date=ge2024 patient/List.rs?status=current patient/MedicationRequest.rs",
		"narrow":  "patient/Observation.rs user/Observation.rs?code=a patient/Patient.rs user/Patient.rs?gender=male user/Condition.rs?code=y patient/Condition.s?code=a user/Encounter.rs",
		"guest":   "user/Observation.rs?_security:not=R user/Patient.rs?birthdate=lt1990 user/Condition.rs?_lastUpdated=ge2026-05-04T12:02 user/Encounter.rs",
	}
	all := map[string]*Call{}
	for who, claim := range claims {
		call := *calls[who]
		scopes, err := c.CheckScopes(claim)
		if err != nil {
			c.Fatal(err)
		}
		call.Agent.Scopes = append([]agent.Scope{}, scopes...)
		all[who+", granular"] = &call
	}
	return all
}

// everybody are callers of every kind.
func (c *differ) everybody() map[string]*Call {
	all := c.calls()
	maps.Copy(all, c.granular())
	for i, who := range []string{"doctor", "researcher", "patient", "system", "doctor, granular"} {
		for n := range constraints {
			if (n+i)%2 == 0 || who == "doctor" {
				call := *all[who]
				call.Agent.Client = constrained + strconv.Itoa(n)
				all[who+call.Agent.Client] = &call
			}
		}
	}
	return all
}

// constrained is how the names of clients begin for which the policy has further constraints.
const constrained = ", constrained by "

// constraints are those of each.
var constraints = []policy.Constraints{
	{Labels: []string{confidentiality + "R"}},
	{Labels: []string{actCode + "SPI", actCode + "HIV"}, Owner: "hospital"},
	{Owner: "other"},
	{Author: "Practitioner/doctor"},
	{Author: "Practitioner/doctor", Owner: "hospital", Labels: []string{confidentiality + "V"}},
	{Search: "code:missing=false&status=final", Labels: []string{actCode + "SPI"}},
}

const (
	confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality|"
	actCode         = "http://terminology.hl7.org/CodeSystem/v3-ActCode|"
)

// constraining adds them to what another policy says.
type constraining struct{ Decider }

func (p constraining) Decide(ctx context.Context, in policy.Input) (policy.Decision, error) {
	d, err := p.Decider.Decide(ctx, in)
	if n, is := strings.CutPrefix(in.Agent.Client, constrained); is {
		i, _ := strconv.Atoi(n)
		more := &constraints[i]
		d.Constraints.Labels, d.Constraints.Owner, d.Constraints.Author = more.Labels, more.Owner, more.Author
		if in.Type == "Observation" {
			d.Constraints.Search = more.Search
		}
	}
	return d, err
}

// searching adds the constraint search for a type to what another policy says.
type searching struct {
	Decider
	typ, query string
}

func (p searching) Decide(ctx context.Context, in policy.Input) (policy.Decision, error) {
	d, err := p.Decider.Decide(ctx, in)
	if in.Type == p.typ {
		d.Constraints.Search = p.query
	}
	return d, err
}

// asking is the question of a search: constrained by author, like that of a change.
func asking(who, typ string) question {
	if _, n, is := strings.Cut(who, constrained); is && (n == "3" || n == "4") {
		return question{"update", "u", typ}
	}
	return question{"search-type", "s", typ}
}
