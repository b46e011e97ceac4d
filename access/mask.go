package access

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/policy"
)

// A policy may oblige the gate to mask elements. Then no document leaves without being masked
// (mask), nothing is found, ordered or followed by what is hidden (unhidden), and nobody
// changes what they do not see all of (replaceable). A type is masked by all decisions of the
// request about it, and by what is decided about reading it, together; a document by those
// about its type and about the types of the resources inside it.

// elementMasked is the reason of a refusal because the request rests on something hidden.
const elementMasked = "element-masked"

// maskOf is what is left out of some types, nil if that is nothing.
func (r *review) maskOf(ctx context.Context, types ...string) (*fhir.Mask, error) {
	var words []string
	for _, typ := range types {
		q := question{"read", "r", typ}
		if d := r.decide(ctx, q); !d.Allow { // what is inside another resource leaves with it: a narrow token hides no less
			words = append(words, policy.Masked(r.decideWidely(ctx, q).Obligations)...)
		}
	}
	add := func(d *policy.Decision, typ string) {
		if d.Allow && len(d.Obligations) > 0 && (typ == "" || slices.Contains(types, typ)) {
			words = append(words, policy.Masked(d.Obligations)...)
		}
	}
	for i := range r.decisions {
		add(&r.decisions[i].Decision, r.decisions[i].typ)
	}
	for q, ways := range r.ways {
		for i := range ways {
			add(&ways[i].Decision, q.typ)
		}
	}
	if len(words) == 0 {
		return nil, nil
	}
	slices.Sort(words)
	words = slices.Compact(words)
	key := strings.Join(words, "\n")
	if known, ok := recall(&r.gate.masks, key); ok {
		return known, nil
	}
	mask, err := fhir.R4().Mask(words)
	if err != nil { // the engine refuses such a decision
		return nil, unavailable("elements cannot be masked", err)
	}
	r.gate.masks.put(key, mask)
	return mask, nil
}

// decideWidely asks what would be decided if scopes were no matter.
func (r *review) decideWidely(ctx context.Context, q question) policy.Decision {
	scopes, err := agent.ParseScopes(UsualScope(r.call.Agent.Role, "cruds"))
	if err != nil {
		return policy.Decision{}
	}
	return r.decideBy(ctx, q, scopes)
}

// maskInSearch is maskOf for a type that is searched, or looked through.
func (r *review) maskInSearch(ctx context.Context, typ string) (*fhir.Mask, error) {
	r.decide(ctx, question{"search-type", "s", typ})
	return r.maskOf(ctx, typ)
}

// mask masks the documents of an answer. It is the way on which documents leave the gate.
func (r *review) mask(ctx context.Context, result any) (err error) {
	switch shown := result.(type) {
	case *Version:
		err = r.maskVersion(ctx, shown)
	case *Why:
		err = r.tellable(ctx, shown.Record, "it is not explained")
	case *Result:
		err = r.maskResult(ctx, shown)
	case []Effect:
		for i := range shown {
			if err = r.maskVersion(ctx, shown[i].Version); err == nil {
				err = r.maskResult(ctx, shown[i].Result)
			}
			if err != nil {
				return err
			}
		}
	}
	return err
}

func (r *review) maskResult(ctx context.Context, res *Result) error {
	if res == nil {
		return nil
	}
	for _, list := range [][]Version{res.Matches, res.Included} {
		for i := range list {
			if err := r.maskVersion(ctx, &list[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// maskVersion masks the document of a version, which keeps its number and its hash: they
// name what is stored.
func (r *review) maskVersion(ctx context.Context, v *Version) error {
	if v == nil || len(v.Body) == 0 {
		return nil
	}
	mask, err := r.maskFor(ctx, v)
	if mask == nil || err != nil {
		return err
	}
	body, err := mask.Document(v.Body)
	if err != nil {
		return unavailable("elements cannot be masked", err)
	}
	v.Body = body
	if !slices.Contains(r.masked, v.Ref.Type) {
		r.masked = append(r.masked, v.Ref.Type)
	}
	return nil
}

// maskFor is what is hidden of a version, nil if nothing is.
func (r *review) maskFor(ctx context.Context, v *Version) (*fhir.Mask, error) {
	types := []string{v.Ref.Type}
	if len(v.Body) > 0 && (bytes.Count(v.Body, []byte(`"resourceType"`)) > 1 || bytes.Contains(v.Body, []byte(`\u`))) {
		inside, err := typesInside(v.Body)
		if err != nil {
			return nil, unavailable("elements cannot be masked", err)
		}
		slices.Sort(inside)
		types = slices.Compact(inside)
	}
	mask, err := r.maskOf(ctx, types...)
	if mask == nil || err != nil || !slices.ContainsFunc(types, mask.Masks) {
		return nil, err
	}
	return mask, nil
}

func typesInside(document []byte) ([]string, error) {
	r, err := fhir.Open(document)
	if err != nil {
		return nil, err
	}
	return r.TypesInside()
}

// noteMasks notes in the record of which types documents were masked.
func (r *review) noteMasks() {
	if len(r.masked) == 0 {
		return
	}
	slices.Sort(r.masked)
	note := "_mask=" + strings.Join(r.masked, ",")
	if len(r.queries) > 0 {
		r.queries = append(r.queries, note)
		return
	}
	r.entry.Query = strings.TrimPrefix(r.entry.Query+"&"+note, "&")
}

// refuseMasked refuses what rests on something hidden.
func (r *review) refuseMasked(answer *fhir.Error) error {
	r.entry.Decision, r.entry.Reason = "deny", elementMasked
	return answer
}

// unhidden refuses a query whose answer rests on something hidden from the caller: what it
// finds, how it is ordered, what it includes.
func (r *review) unhidden(ctx context.Context, query *search.Query) error {
	for _, read := range query.Reads {
		types := []string{read.Type}
		if read.Type == "*" {
			types = search.AnyType()
		}
		for _, typ := range types {
			if err := r.readable(ctx, typ, read); err != nil {
				return err
			}
		}
	}
	return nil
}

// readable refuses a search parameter of a type.
func (r *review) readable(ctx context.Context, typ string, read search.Read) error {
	mask, err := r.maskInSearch(ctx, typ)
	if mask == nil || err != nil {
		return err
	}
	reads := []search.Read{read}
	if read.Param == "*" {
		reads = search.References(typ)
	}
	for _, one := range reads {
		if rests(mask, one) {
			return r.refuseMasked(&fhir.Error{Kind: fhir.Forbidden, Expression: one.Param, Detail: fmt.Sprintf("The search parameter %s of %s looks at elements that the policy in force masks for this request: search, sort and include by others.", one.Param, typ)})
		}
	}
	return nil
}

// rests says whether a search parameter looks at something hidden. What looks at a whole
// resource looks at those inside it, too, of whatever type.
func rests(mask *fhir.Mask, read search.Read) bool {
	return slices.ContainsFunc(read.Elements(), func(path []string) bool { return len(path) == 0 || mask.Hides(read.Type, path...) })
}

// bindable refuses a condition of a scope or of the policy that rests on something hidden:
// that it holds would tell of it.
func (r *review) bindable(ctx context.Context, q question, s *agent.Scope) error {
	mask, err := r.maskOf(ctx, q.typ)
	if mask == nil || err != nil {
		return err
	}
	params := make([]fhir.Param, 0, 1)
	for _, p := range s.Params() {
		params = append(params, fhir.Param{Name: p.Name, Value: p.Value})
	}
	for _, read := range search.ConstraintReads(q.typ, params) {
		if rests(mask, read) {
			return r.refuseMasked(&fhir.Error{Kind: fhir.Forbidden, Expression: read.Param, Detail: fmt.Sprintf("A scope or constraint with the search parameter %s of %s rests on elements that the policy in force masks for this request.", read.Param, q.typ)})
		}
	}
	return nil
}

// replaceable refuses to update or patch resources of a type of which elements are hidden:
// an update would delete them, and a patch could be used to guess them.
func (t *change) replaceable(ctx context.Context, s *step) error {
	if s.Method != "PUT" && s.Method != "PATCH" {
		return nil
	}
	mask, err := t.maskOf(ctx, s.Ref.Type)
	if err != nil || !mask.Masks(s.Ref.Type) {
		return err
	}
	return t.notReplaceable(s)
}

func (t *change) notReplaceable(s *step) error {
	return t.refuseMasked(&fhir.Error{Kind: fhir.Forbidden, Expression: s.Ref.Type, Detail: fmt.Sprintf("The policy in force masks elements of %s for this request: who does not see the whole resource cannot update or patch it.", s.Ref.Type)})
}

// wholeInside is replaceable for what is inside the version that is there.
func (t *change) wholeInside(ctx context.Context, s *step) error {
	if s.Method != "PUT" && s.Method != "PATCH" || len(s.before.Body) == 0 {
		return nil
	}
	if mask, err := t.maskFor(ctx, &s.before); mask == nil || err != nil {
		return err
	}
	return t.notReplaceable(s)
}

// tellable refuses to work out something from a stored document of which something is hidden.
func (r *review) tellable(ctx context.Context, v *Version, why string) error {
	if mask, err := r.maskFor(ctx, v); mask == nil || err != nil {
		return err
	}
	return r.refuseMasked(&fhir.Error{Kind: fhir.Forbidden, Expression: v.Ref.Type, Detail: fmt.Sprintf("The policy in force masks elements of %s for this request: %s.", v.Ref.Type, why)})
}

// compartmentIncludes are the parameters by which $everything shows what a type of the
// compartment refers to: all references, but hidden ones.
func (r *review) compartmentIncludes(ctx context.Context, typ string) (params []fhir.Param, err error) {
	mask, err := r.maskInSearch(ctx, typ)
	if err != nil {
		return nil, err
	}
	if !mask.Masks(typ) {
		return []fhir.Param{{Name: "_include", Value: typ + ":*"}}, nil
	}
	for _, one := range search.References(typ) {
		if !rests(mask, one) {
			params = append(params, fhir.Param{Name: "_include", Value: typ + ":" + one.Param})
		}
	}
	return params, nil
}

// maskedPaths are the paths of obligations that are about a type, or about all.
func maskedPaths(obligations []string, typ string) (paths []string) {
	for _, path := range policy.Masked(obligations) {
		if strings.HasPrefix(path, typ+".") || strings.HasPrefix(path, "*.") {
			paths = append(paths, path)
		}
	}
	return paths
}
