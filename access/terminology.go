package access

import (
	"context"
	"net/url"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/fhir/terminology"
	"github.com/aceso-health/aceso/store"
)

// TermsRequest is an operation of terminology as it arrived.
type TermsRequest struct {
	Operation string // expand, validate-code, lookup, subsumes, translate
	Type, ID  string // where it was called; ID may be ""
	Params    []fhir.Param
	Body      []byte // a Parameters resource, or nil
}

// Terminology answers an operation of terminology with a resource. What it rests on is
// embedded, or stored: of that it uses what the caller may see, and the record names it.
func (g *Gate) Terminology(ctx context.Context, c *Call, t TermsRequest) ([]byte, error) {
	return answer(ctx, g, c, func(r *review) ([]byte, error) {
		ask, malformed := terminology.NewAsk(t.Operation, t.Type, t.ID, t.Params, t.Body)
		r.entry.Query = ask.Self()
		if t.ID != "" {
			r.entry.Target = fhir.Ref{Type: t.Type, ID: t.ID}.String()
		}
		if _, err := r.ask(ctx, question{t.Operation, "r", t.Type}); err != nil {
			return nil, err
		}
		if malformed != nil {
			return nil, malformed
		}
		s := &shelf{review: r, interaction: t.Operation}
		body, err := r.terms(ctx, s).Answer(ctx, ask, r.now)
		if err != nil {
			return nil, err
		}
		for i := range s.used {
			r.disclose(&s.used[i], "GET")
		}
		r.entry.Count = int64(len(s.used))
		return body, nil
	})
}

// terms know what a shelf has. The concepts that they look at count for the whole request,
// as what its searches compare does.
func (r *review) terms(ctx context.Context, s *shelf) *terminology.Terms {
	t := terminology.New(s)
	t.Spend = func(steps int) error { return r.call.spend().Spend(ctx, int64(steps)) }
	return t
}

// shelf has the stored code systems, value sets and concept maps that the caller may see,
// for an interaction.
type shelf struct {
	*review
	interaction string
	used        []Version
}

// Canonical implements terminology.Source. Of several the one written last counts.
func (s *shelf) Canonical(ctx context.Context, typ, address, version string) ([]byte, error) {
	params := []fhir.Param{{Name: "url", Value: search.Escape(address)}, {Name: "_sort", Value: "-_lastUpdated"}}
	if version != "" {
		params = append(params, fhir.Param{Name: "version", Value: search.Escape(version)})
	}
	return s.one(ctx, typ, params)
}

// Instance implements terminology.Source.
func (s *shelf) Instance(ctx context.Context, typ, id string) ([]byte, error) {
	if !fhir.IsID(id) {
		return nil, nil
	}
	return s.one(ctx, typ, []fhir.Param{{Name: "_id", Value: id}})
}

// one is the first that a search finds.
func (s *shelf) one(ctx context.Context, typ string, params []fhir.Param) ([]byte, error) {
	query, err := search.ParseQuery(typ, params, search.QueryOptions{Base: s.gate.Base, Now: s.gate.Now})
	if err != nil {
		return nil, err
	}
	s.asks(query)
	q := question{s.interaction, "r", typ}
	page, err := s.seek(ctx, store.Search{
		Query: query, Visible: s.visible(ctx, q.interaction, q.action), Sight: s.sight(ctx, q.interaction, q.action), Within: s.requires(ctx, q.interaction, q.action),
		Limit: 1, Bytes: s.call.room(s.held),
	})
	if err != nil {
		return nil, unavailable("terminology cannot be read", err)
	}
	s.told(query, page)
	if err := s.check(ctx, q, page.Matches); err != nil || len(page.Matches) == 0 {
		return nil, err
	}
	v := page.Matches[0]
	s.used = append(s.used, v)
	if err := s.tellable(ctx, &v, "what its codes mean would tell of them. Ask by the codes themselves"); err != nil {
		return nil, err
	}
	return v.Body, s.hold(v.Weight())
}

// vocabulary says what codes and value sets in criteria stand for, to a caller who may ask
// the question in which they stand.
type vocabulary struct {
	*review
	ctx   context.Context
	asked question
	terms *terminology.Terms
}

// codes is the vocabulary of a question.
func (r *review) codes(ctx context.Context, q question) *vocabulary {
	return &vocabulary{review: r, ctx: ctx, asked: q, terms: r.terms(ctx, &shelf{review: r, interaction: "read"})}
}

// open says whether anything may be looked up: the policy is asked first, and who calls must
// be known before rows are judged.
func (v *vocabulary) open() (bool, error) {
	if !v.decide(v.ctx, v.asked).Allow {
		return false, nil
	}
	return true, v.identify(v.ctx)
}

// Members implements search.Codes: set is a canonical URL, or ValueSet/id of this server.
func (v *vocabulary) Members(set string) (codes []search.Code, err error) {
	if open, err := v.open(); !open {
		return nil, err
	}
	var vs *terminology.ValueSet
	if ref, _, here := fhir.ParseReference(set, v.gate.Base); here && ref.Type == "ValueSet" {
		vs, err = v.terms.SetAt(v.ctx, ref.ID)
	} else if u, malformed := url.Parse(set); malformed == nil && u.IsAbs() {
		vs, err = v.terms.Set(v.ctx, set)
	} else {
		return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "A value set is named by its canonical URL, or as ValueSet/id."}
	}
	if err != nil {
		return nil, err
	}
	list, err := v.terms.Expand(v.ctx, vs)
	for _, e := range list {
		codes = append(codes, search.Code{System: e.System, Code: e.Code})
	}
	return codes, err
}

// Below implements search.Codes.
func (v *vocabulary) Below(c search.Code) ([]search.Code, error) { return v.line(c, v.terms.Below) }

// Above implements search.Codes.
func (v *vocabulary) Above(c search.Code) ([]search.Code, error) { return v.line(c, v.terms.Above) }

func (v *vocabulary) line(c search.Code, of func(context.Context, terminology.Coding) ([]terminology.Coding, error)) (codes []search.Code, err error) {
	if open, err := v.open(); !open {
		return nil, err
	}
	list, err := of(v.ctx, terminology.Coding{System: c.System, Code: c.Code})
	for _, one := range list {
		codes = append(codes, search.Code{System: one.System, Code: one.Code})
	}
	return codes, err
}

// unopened is the vocabulary of criteria that are parsed for the record only.
type unopened struct{}

func (unopened) Members(string) ([]search.Code, error)    { return nil, nil }
func (unopened) Below(search.Code) ([]search.Code, error) { return nil, nil }
func (unopened) Above(search.Code) ([]search.Code, error) { return nil, nil }
