package access

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// keepInput puts into the record what the policy was asked with. Of what the policy was not
// asked, such as a refusal that a protocol makes, there is nothing.
func (r *review) keepInput(ctx context.Context) {
	if r.unasked {
		r.entry.Input = nil
		return
	}
	a, e := &r.call.Agent, &r.entry
	in := &r.with
	*in = ledgerbridge.Input{Scopes: make([]string, 0, len(a.Scopes)), Patient: a.Patient, Departments: r.departments(ctx), At: r.now, Action: r.policed.action}
	for _, s := range a.Scopes {
		in.Scopes = append(in.Scopes, s.String())
	}
	if e.Interaction != r.policed.interaction || e.Type != r.policed.typ {
		in.Action, in.Questions = "", questionsOf(append([]question{r.policed}, r.alongside...))
	}
	e.Input = in
}

// departments are the organisations of the caller's roles: as of the rows that were judged,
// or as of now. Who is refused is looked for, too; that nobody can be found for now is no
// reason to refuse.
func (r *review) departments(ctx context.Context) []string {
	if r.identify(ctx) != nil {
		return nil
	}
	if r.consentsRead == nil && r.changedSince(ctx) {
		if r.caller = nil; r.identify(ctx) != nil {
			return nil
		}
	}
	return r.caller.Departments
}

// changedSince says whether what the caller's identity rests on was written since it was found.
func (r *review) changedSince(ctx context.Context) bool {
	if alone, ok := r.gate.Store.(store.Alone); ok && alone.Epoch() <= r.caller.epoch {
		return false
	}
	return r.isAsOf(ctx, 0) != nil
}

// questionsOf writes questions down, each once.
func questionsOf(all []question) []string {
	var words []string
	for _, q := range all {
		if word := q.interaction + " " + q.action + " " + q.typ; !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return words
}

// Asked is what the policy was asked by the request of a record.
type Asked struct {
	Inputs      []policy.Input // one; of a change of several resources, one for each question
	Scopes      []agent.Scope  // of the token, with their search parameters
	Departments []string       // pseudonyms, see Sealer.DepartmentPseudonym
}

// askedBy is what the policy was asked by the request of a record. The error is
// ledgerbridge.ErrUnknownInput if the record does not say it, and ledgerbridge.ErrErased if
// it was erased with a patient.
func askedBy(ctx context.Context, inputs *ledgerbridge.InputReader, rec *record) (*Asked, error) {
	kept, request, err := inputs.Of(ctx, &rec.row)
	if err != nil {
		return nil, err
	}
	scopes, err := agent.ParseScopes(strings.Join(kept.Scopes, " "))
	if err != nil {
		return nil, errors.New("a record has scopes that cannot be read")
	}
	e := &rec.entry
	node, _, _ := strings.Cut(e.Source, "/")
	in := policy.Input{
		Agent:   policy.Agent{Subject: request.Agent, Role: request.Role, Organization: e.Organization, Patient: kept.Patient, Client: e.Client},
		Purpose: e.Purpose, Interaction: e.Interaction, Action: kept.Action, Type: e.Type,
		Node: policy.Node{Organization: node}, Now: kept.At.Format(time.RFC3339),
	}
	asked := &Asked{Scopes: scopes, Departments: kept.Departments}
	questions := kept.Questions
	if len(questions) == 0 {
		questions = questionsOf([]question{{e.Interaction, kept.Action, e.Type}})
	}
	for _, text := range questions {
		words := strings.SplitN(text, " ", 3)
		if len(words) != 3 {
			return nil, errors.New("a record has a question that cannot be read")
		}
		in.Interaction, in.Action, in.Type = words[0], words[1], words[2]
		in.Agent.Scopes = bare(scopes, question{interaction: in.Interaction})
		asked.Inputs = append(asked.Inputs, in)
	}
	return asked, nil
}
