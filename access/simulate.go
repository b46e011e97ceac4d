package access

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// Simulation asks what would change if a Consent were written, or ended.
type Simulation struct {
	Consent *fhir.Resource // as it would be written; nil: none. With the id of one of hers, it replaces that
	Ends    fhir.Ref       // the Consent that would be ended; zero: none
	Agents  []agent.Agent  // for whom to tell, beside the usual ones
	Detail  string         // the question as a query, for the record
}

// Simulated is the answer: who would see more of the patient's data, and who less.
type Simulated struct {
	Patient fhir.Ref
	Judged  int      // resources in her compartment that were judged
	More    bool     // there are more than MostSimulated
	Told    *Told    // what the Consent says that would be written
	Changes []Change // for each agent, also if nothing changes
}

// Change is what would change for one agent, by type.
type Change struct {
	Agent         agent.Agent
	Kind          string // staff, system, guest, named (in one of her Consents), asked
	Before, After int
	Gains, Loses  []TypeCount
}

// TypeCount is a number of resources of a type.
type TypeCount struct {
	Type string
	N    int
}

const (
	// MostSimulated is how many of a patient's resources a simulation judges.
	MostSimulated = 5_000
	// MostAgents is for how many agents whom her Consents name, and for how many who are asked
	// about, a simulation tells.
	MostAgents = 20
)

// supposed are the rules of a patient's Consents as they would be.
type supposed struct {
	patient string
	rules   []*consent.Rules
}

// Simulate answers such a question, to those whom the policy lets simulate. Nothing is written,
// and nothing shown but numbers. Each row is judged as a read by each agent would judge it,
// once by the Consents there are, and once by those there would be. The record, which is that
// of who asks, names the patient.
func (g *Gate) Simulate(ctx context.Context, c *Call, asked Simulation) (*Simulated, error) {
	return answer(ctx, g, c, func(r *review) (*Simulated, error) { return r.simulate(ctx, asked) })
}

func (r *review) simulate(ctx context.Context, asked Simulation) (*Simulated, error) {
	r.entry.Query = asked.Detail
	if asked.Ends != (fhir.Ref{}) {
		r.entry.Target = asked.Ends.String()
	}
	sent, whose, malformed := r.consentSent(ctx, asked.Consent)
	r.concern(whose)
	if _, err := r.ask(ctx, question{"simulate", "r", ""}); err != nil {
		return nil, err
	}
	if malformed != nil {
		return nil, malformed
	}
	patient, err := r.simulatedPatient(ctx, asked, whose)
	if err != nil {
		return nil, err
	}
	rules, err := r.gate.Consents.Rules(ctx, patient.Ref.String(), patient.Epoch)
	if err != nil {
		return nil, unavailable("consents cannot be read", err)
	}
	would := slices.DeleteFunc(slices.Clone(rules), func(one *consent.Rules) bool {
		return one.Ref == asked.Ends || sent != nil && one.Ref == sent.Ref
	})
	result := &Simulated{Patient: patient.Ref}
	if sent != nil {
		would = append(would, sent)
		if result.Told, err = r.gate.Consents.Compiler.Tell(sent.Ref, sent.Version, asked.Consent.Bytes()); err != nil {
			return nil, err
		}
	}
	return result, r.turns(ctx, r.call.spend(), func(ctx context.Context) error {
		return r.compare(ctx, asked, &supposed{patient.Ref.String(), would}, rules, result)
	})
}

// consentSent compiles the Consent that would be written, and says whose it is.
func (r *review) consentSent(ctx context.Context, sent *fhir.Resource) (*consent.Rules, []string, error) {
	if sent == nil {
		return nil, nil, nil
	}
	customs, err := r.keyed(ctx)
	if err != nil {
		return nil, nil, err
	}
	_, facts, err := customs.Describe(sent, r.gate.Base)
	if err != nil {
		return nil, nil, err
	}
	ref := fhir.Ref{Type: "Consent", ID: cmp.Or(sent.ID(), "new")}
	rules, err := r.gate.Consents.Compiler.Compile(ref, 1, sent.Bytes())
	var limit *fhir.Error
	if !errors.As(err, &limit) {
		err = nil // what is not understood is said in its sentences
	}
	if len(facts.Patients) != 1 && err == nil {
		err = &fhir.Error{Kind: fhir.Unprocessable, Detail: "A Consent can be simulated if it names one patient: give Consent.patient.reference as Patient/id of this server.", Expression: "Consent.patient"}
	}
	return rules, facts.Patients, err
}

// simulatedPatient is whose data it is about. Whoever may not read her, or the Consent that
// would be ended, is told what is told about one that there is not.
func (r *review) simulatedPatient(ctx context.Context, asked Simulation, whose []string) (*Version, error) {
	if asked.Ends != (fhir.Ref{}) {
		ends, err := r.fetch(ctx, question{"read", "r", asked.Ends.Type}, asked.Ends, 0)
		if err != nil {
			return nil, err
		}
		if ends.Deleted || ends.Ref.Type != "Consent" || len(ends.Facts.Patients) != 1 || len(whose) > 0 && whose[0] != ends.Facts.Patients[0] {
			return nil, notFound()
		}
		whose = ends.Facts.Patients
	}
	if len(whose) == 0 {
		return nil, notFound()
	}
	ref, err := fhir.ParseRef(whose[0])
	if err != nil {
		return nil, notFound()
	}
	patient, err := r.fetch(ctx, question{"read", "r", "Patient"}, ref, 0)
	if err == nil && patient.Deleted {
		err = notFound()
	}
	return patient, err
}

// compare judges all rows for all agents, before and after.
func (r *review) compare(ctx context.Context, asked Simulation, after *supposed, before []*consent.Rules, result *Simulated) error {
	rows, err := r.compartment(ctx, after.patient, result)
	if err != nil {
		return err
	}
	for _, one := range r.gate.simulated(asked.Agents, before, after.rules) {
		if err := r.changes(ctx, &one, rows, after); err != nil {
			return err
		}
		result.Changes = append(result.Changes, one)
	}
	return nil
}

// changes counts what changes for an agent.
func (r *review) changes(ctx context.Context, one *Change, rows []Version, after *supposed) error {
	if agent.PurposeFamily(one.Agent.Purpose) == agent.BreakGlass {
		return &fhir.Error{Kind: fhir.Invalid, Detail: "What an emergency would open is not simulated: purposes other than BTG are.", Expression: "purpose"}
	}
	scopes, err := r.gate.CheckScopes(UsualScope(one.Agent.Role, "rs"))
	if err != nil {
		return err
	}
	one.Agent.Scopes = scopes
	now, then := r.as(one.Agent, nil), r.as(one.Agent, after)
	for _, as := range []*review{now, then} {
		if err := as.identify(ctx); err != nil {
			return err
		}
	}
	for i := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		q := question{"read", "r", rows[i].Ref.Type}
		was, err := now.row(ctx, q, rowOf(&rows[i]))
		if err != nil {
			return err
		}
		is, err := then.row(ctx, q, rowOf(&rows[i]))
		if err != nil {
			return err
		}
		one.count(q.typ, was, is)
	}
	return nil
}

func (c *Change) count(typ string, was, is bool) {
	if was {
		c.Before++
	}
	if is {
		c.After++
	}
	switch {
	case is && !was:
		c.Gains = oneMore(c.Gains, typ)
	case was && !is:
		c.Loses = oneMore(c.Loses, typ)
	}
}

func oneMore(all []TypeCount, typ string) []TypeCount {
	at, found := slices.BinarySearchFunc(all, typ, func(c TypeCount, typ string) int { return strings.Compare(c.Type, typ) })
	if !found {
		all = slices.Insert(all, at, TypeCount{Type: typ})
	}
	all[at].N++
	return all
}

// as is the review of a read by somebody else, with the Consents of a patient as they would be.
func (r *review) as(who agent.Agent, would *supposed) *review {
	as := r.gate.review(&Call{Agent: who, Request: r.call.Request, work: r.call.spend()})
	as.now, as.subject.Now, as.would = r.now, r.now, would
	return as
}

// UsualScope is what tokens of a role usually do some actions with: everything in its context.
func UsualScope(role, actions string) string {
	switch role {
	case agent.System:
		return "system/*." + actions
	case agent.Patient:
		return "patient/*." + actions
	}
	return "user/*." + actions
}

// compartment reads what is in a patient's compartment, whoever may see it: what is found is
// counted, and nothing else of it leaves.
func (r *review) compartment(ctx context.Context, patient string, result *Simulated) (rows []Version, err error) {
	for _, typ := range compartmentTypes("Patient") {
		query, err := search.ParseQuery(typ, nil, search.QueryOptions{Base: r.gate.Base, Now: r.gate.Now, Compartment: patient})
		if err != nil {
			return nil, err
		}
		for after := []byte(nil); ; {
			page, err := r.gate.Store.Search(ctx, store.Search{
				Query: query, Visible: func(store.Row) (bool, error) { return true, nil }, After: after, Limit: min(maximumCount, MostSimulated-len(rows)+1), Work: r.call.spend(),
			})
			if err != nil {
				return nil, unavailable("compartment cannot be read", err)
			}
			for i := range page.Matches {
				page.Matches[i].Body = nil
			}
			if rows = append(rows, page.Matches...); len(rows) > MostSimulated {
				result.Judged, result.More = MostSimulated, true
				return rows[:MostSimulated], nil
			}
			if after = page.Next; len(after) == 0 {
				break
			}
		}
	}
	result.Judged = len(rows)
	return rows, nil
}

// simulated are the agents for whom a simulation tells: those of each kind, those whom the
// Consents name, and those who are asked about.
func (g *Gate) simulated(asked []agent.Agent, lists ...[]*consent.Rules) (all []Change) {
	anybody := func(kind, role, organization, purpose string) {
		all = append(all, Change{Kind: kind, Agent: agent.Agent{Subject: kind, Role: role, Organization: organization, Purpose: purpose, Actors: []string{"Organization/" + organization}}})
	}
	const elsewhere = "another-organisation"
	anybody("staff", agent.Practitioner, g.Organization, "TREAT")
	anybody("staff", agent.Practitioner, g.Organization, "HPAYMT")
	anybody("staff", agent.Practitioner, g.Organization, "HRESCH")
	anybody("system", agent.System, g.Organization, "TREAT")
	anybody("guest", agent.Practitioner, elsewhere, "TREAT")
	anybody("guest", agent.Practitioner, elsewhere, "HRESCH")
	for _, n := range namedIn(lists...) {
		organization, actors := g.Organization, []string{n.Ref}
		if id, is := strings.CutPrefix(n.Ref, "Organization/"); is {
			organization = id
		} else {
			actors = append(actors, "Organization/"+organization)
		}
		all = append(all, Change{Kind: "named", Agent: agent.Agent{Subject: n.Ref, Role: agent.Practitioner, Organization: organization, Purpose: n.Purpose, Actors: actors}})
	}
	for _, a := range asked[:min(len(asked), MostAgents)] {
		all = append(all, Change{Kind: "asked", Agent: a})
	}
	return all
}

// namedIn are the persons, teams and organisations that Consents name, but for patients and
// their relatives, for one of the purposes for which they do.
func namedIn(lists ...[]*consent.Rules) (all []consent.Named) {
	for _, rules := range lists {
		for _, one := range rules {
			for _, n := range one.Named() {
				typ, _, _ := strings.Cut(n.Ref, "/")
				known := slices.Contains(all, n) || typ == "Patient" || typ == "RelatedPerson" || agent.PurposeFamily(n.Purpose) == agent.BreakGlass
				if !known && len(all) < MostAgents {
					all = append(all, n)
				}
			}
		}
	}
	return all
}
