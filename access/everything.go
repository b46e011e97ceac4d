package access

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// EverythingRequest is $everything as it arrived.
type EverythingRequest struct {
	Ref    fhir.Ref // a Patient or an Encounter
	Params []fhir.Param
	Link   string // opaque paging token; Params are ignored then
}

// Everything returns a page of what is in the compartment of a patient or an encounter, and
// of what that refers to: what a search of the compartment would show for each type. The
// record names the patient even if nothing is shown.
func (g *Gate) Everything(ctx context.Context, c *Call, e EverythingRequest) (*Result, error) {
	return answer(ctx, g, c, func(r *review) (*Result, error) {
		r.entry.Target = e.Ref.String()
		l, malformed := r.everythingLink(&e)
		o, err := wholeOf(e)
		malformed = cmp.Or(malformed, err)
		r.entry.Query = o.self
		q := question{"everything", "s", e.Ref.Type}
		d, err := r.ask(ctx, q)
		if err = cmp.Or(err, malformed); err != nil {
			return nil, err
		}
		if l.Policy != "" && l.Policy != d.Revision {
			return nil, badLink(nil)
		}
		v, err := r.fetch(ctx, q, e.Ref, 0)
		if err != nil {
			return nil, err
		}
		if v.Deleted {
			return nil, gone()
		}
		return r.everythingPage(ctx, e, o, l, d)
	})
}

// everythingLink reads a paging link; e becomes what the first page was asked.
func (r *review) everythingLink(e *EverythingRequest) (link, error) {
	if e.Link == "" {
		return link{}, nil
	}
	l, err := r.open(e.Link)
	if err != nil {
		return l, err
	}
	if l.Everything == nil || l.Everything.Ref != e.Ref {
		return l, badLink(nil)
	}
	*e = *l.Everything
	return l, nil
}

// whole are the parameters of $everything.
type whole struct {
	types []string // of the compartment, in the order in which they are shown
	given []string // of _type
	since time.Time
	count int
	self  string
}

// wholeOf reads the parameters.
func wholeOf(e EverythingRequest) (whole, error) {
	o := whole{count: maximumCount}
	var self []string
	for _, p := range e.Params {
		var err error
		switch p.Name {
		case "_type":
			err = o.only(p.Value)
		case "_since":
			err = o.after(p.Value)
		case "_count":
			err = o.atMost(p.Value)
		default:
			err = &fhir.Error{Kind: fhir.Invalid, Expression: p.Name, Detail: "$everything has the parameters _since, _type and _count."}
		}
		if err != nil {
			return o, err
		}
		self = append(self, p.Name+"="+url.QueryEscape(p.Value))
	}
	o.self = strings.Join(self, "&")
	o.types = compartmentTypes(e.Ref.Type)
	beside := func(typ string) bool { return !slices.Contains(o.types, typ) }
	if len(o.given) > 0 && !slices.ContainsFunc(o.given, beside) { // what others refer to need not be looked for
		o.types = slices.DeleteFunc(o.types, func(typ string) bool { return !o.wants(typ) })
	}
	return o, nil
}

// wants says whether a type is to be shown.
func (o *whole) wants(typ string) bool { return len(o.given) == 0 || slices.Contains(o.given, typ) }

func (o *whole) only(value string) error {
	for typ := range strings.SplitSeq(value, ",") {
		if !fhir.IsResourceType(typ) {
			return &fhir.Error{Kind: fhir.Invalid, Expression: "_type", Detail: "_type lists R4 resource types, separated by commas."}
		}
		o.given = append(o.given, typ)
	}
	return nil
}

func (o *whole) after(value string) (err error) {
	if o.since, err = time.Parse(time.RFC3339Nano, strings.ReplaceAll(value, " ", "+")); err != nil {
		return &fhir.Error{Kind: fhir.Invalid, Expression: "_since", Detail: "_since is an instant, as in 2024-05-01T10:00:00Z."}
	}
	return nil
}

func (o *whole) atMost(value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return &fhir.Error{Kind: fhir.Invalid, Expression: "_count", Detail: "_count of $everything is a positive integer."}
	}
	o.count = min(n, maximumCount)
	return nil
}

// compartmentTypes are the types that may be in a compartment, its own first.
func compartmentTypes(compartment string) []string {
	types := []string{compartment}
	for _, typ := range fhir.ResourceTypes() {
		if typ != compartment && typ != auditEvent && len(fhir.CompartmentParams(compartment, typ)) > 0 {
			types = append(types, typ)
		}
	}
	return types
}

// everythingPage shows one type after another, from where the last page ended.
func (r *review) everythingPage(ctx context.Context, e EverythingRequest, o whole, l link, d policy.Decision) (*Result, error) {
	res := &Result{Total: -1, Self: o.self}
	at := max(0, slices.Index(o.types, l.Type))
	shown := map[fhir.Ref]bool{}
	for i := at; i < len(o.types); i++ {
		room := r.call.room(r.held)
		if len(res.Matches) >= o.count || room <= 0 {
			return res, r.everythingNext(res, e, o.types[i], nil, d)
		}
		var after []byte
		if i == at {
			after = l.Position
		}
		page, err := r.everythingOf(ctx, e, o, o.types[i], after, o.count-len(res.Matches))
		if err != nil {
			return nil, err
		}
		if o.wants(o.types[i]) {
			res.Matches = append(res.Matches, page.Matches...)
		}
		res.Included = append(res.Included, r.beside(e, o, page.Included, shown)...)
		if len(page.Next) > 0 {
			return res, r.everythingNext(res, e, o.types[i], page.Next, d)
		}
	}
	if l.Type == "" {
		res.Total = int64(len(res.Matches))
	}
	r.discloseResult(res)
	return res, nil
}

// everythingOf searches the compartment for one type.
func (r *review) everythingOf(ctx context.Context, e EverythingRequest, o whole, typ string, after []byte, count int) (store.Page, error) {
	params, err := r.compartmentIncludes(ctx, typ)
	if err != nil {
		return store.Page{}, err
	}
	if !o.since.IsZero() {
		params = append(params, fhir.Param{Name: "_lastUpdated", Value: "ge" + o.since.UTC().Format(time.RFC3339Nano)})
	}
	query, err := search.ParseQuery(typ, params, search.QueryOptions{Base: r.gate.Base, Now: r.gate.Now, Compartment: e.Ref.String()})
	if err != nil {
		return store.Page{}, err
	}
	q := question{"search-type", "s", typ}
	page, err := r.seek(ctx, store.Search{
		Query: query, Visible: r.visible(ctx, q.interaction, q.action), Sight: r.sight(ctx, q.interaction, q.action), Within: r.requires(ctx, q.interaction, q.action), After: after,
		Limit: count, Bytes: r.call.room(r.held),
	})
	if err != nil {
		return page, unavailable("compartment cannot be read", err)
	}
	r.concernSelected(page.Selected)
	if err := r.check(ctx, q, page.Matches, page.Included); err != nil {
		return page, err
	}
	return page, r.hold(sizeOf(page.Matches) + sizeOf(page.Included))
}

// beside are those of the included resources that no match of a page is or will be: what is
// in the compartment comes by itself.
func (r *review) beside(e EverythingRequest, o whole, included []Version, shown map[fhir.Ref]bool) (all []Version) {
	for _, v := range included {
		name := e.Ref.String()
		own := v.Ref == e.Ref || slices.Contains(v.Facts.Patients, name) || slices.Contains(v.Facts.References, name)
		if own && slices.Contains(o.types, v.Ref.Type) || !o.wants(v.Ref.Type) || v.LastUpdated.Before(o.since) || shown[v.Ref] {
			continue
		}
		shown[v.Ref] = true
		all = append(all, v)
	}
	return all
}

// everythingNext links the next page.
func (r *review) everythingNext(res *Result, e EverythingRequest, typ string, position []byte, d policy.Decision) (err error) {
	r.discloseResult(res)
	res.Next, err = r.seal(link{Everything: &e, Type: typ, Position: position, Policy: d.Revision})
	return err
}
