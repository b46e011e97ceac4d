package node

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// twinParam is a search parameter of a type.
type twinParam struct {
	typ string
	fhir.SearchParam
}

func (p twinParam) String() string { return p.typ + "." + p.Name }

// twinParams are all search parameters of the types held that elements give values; special
// draws the others.
func twinParams() (all []twinParam) {
	for _, typ := range twinTypes {
		for _, known := range search.CapabilityParams(typ) {
			i := slices.IndexFunc(fhir.SearchParams(typ), func(p fhir.SearchParam) bool {
				return p.Name == known.Name && p.Expression != "" && p.Kind != "special"
			})
			if i >= 0 {
				all = append(all, twinParam{typ, fhir.SearchParams(typ)[i]})
			}
		}
	}
	return all
}

// held is a resource of the servers, as the generator knows it.
type held struct {
	ref     fhir.Ref // in the names of the test
	version int64
	seen    bool // the second server has it, too
	index   *search.Index
}

func (h *held) targets(param string) []string {
	var all []string
	for _, k := range h.from(param + ">") {
		if !strings.Contains(k, "://") {
			all = append(all, k)
		}
	}
	return all
}

// from are the ends of the keys with a beginning.
func (h *held) from(beginning string) (all []string) {
	for _, k := range h.index.Keys {
		if rest, ok := strings.CutPrefix(k, beginning); ok && !strings.Contains(rest, "\x7f") {
			all = append(all, rest)
		}
	}
	return all
}

// query is a search, and what its generator draws.
type query struct {
	typ    string
	params []string // name=value
	drawn  []string
	answer *held // what it should find, nil if unknown
}

func (q *query) add(name, value string) {
	q.params = append(q.params, name+"="+url.QueryEscape(value))
}

func (q *query) text() string { return strings.Join(q.params, "&") }

// query makes a search that is about the next parameter of the deck.
func (a *twinAsker) query(only func(string) bool) *query {
	p, _ := a.params.find(func(p twinParam) bool { return only == nil || only(p.typ) })
	return a.queryFor(p, only == nil)
}

// queryFor makes a search that is about a parameter; deep allows chains and _has around it.
func (a *twinAsker) queryFor(p twinParam, deep bool) *query {
	h := a.witness(func(h *held) bool { return h.ref.Type == p.typ && a.has(h, p) })
	name, value := a.criterion(p, h)
	q := &query{typ: p.typ, answer: h, drawn: []string{p.String()}}
	if h != nil && deep {
		name = a.nest(q, h, name)
	}
	q.add(name, value)
	a.more(q)
	return q
}

// nest puts the criterion into a chain or _has about some resource.
func (a *twinAsker) nest(q *query, h *held, name string) string {
	for range []int{1, 1, 1, 2, 0, 0}[a.IntN(6)] {
		if target, link := a.leads(h); target != nil && a.once(2) && !strings.Contains(name, ".") {
			name = "_has:" + h.ref.Type + ":" + link.Name + ":" + name
			h = target
			q.drawn = append(q.drawn, link.String())
			continue
		}
		source := a.prefer(true, func(s *held) bool { return a.refers(s, h.ref) != "" })
		if source == nil || strings.HasPrefix(name, "_has:") && a.once(2) {
			break
		}
		param := a.refers(source, h.ref)
		name = param + ":" + h.ref.Type + "." + name
		q.drawn = append(q.drawn, source.ref.Type+"."+param)
		h = source
	}
	q.typ, q.answer = h.ref.Type, h
	return name
}

// leads is a resource that another refers to, and how: one that the caller may see if
// there is one, also from what is hidden.
func (a *twinAsker) leads(h *held) (target *held, link twinParam) {
	for range 6 {
		l, ok := a.links.find(func(l twinParam) bool { return l.typ == h.ref.Type && len(h.targets(l.Name)) > 0 })
		if !ok {
			break
		}
		if t := a.held(a.pick(h.targets(l.Name))); t != nil && (target == nil || t.seen) {
			target, link = t, l
		}
		if target != nil && target.seen {
			break
		}
	}
	return target, link
}

// refers is a parameter by which a resource refers to another.
func (a *twinAsker) refers(s *held, to fhir.Ref) string {
	for _, k := range s.index.Keys {
		param, ok := strings.CutSuffix(k, ">"+to.String())
		if ok && param != "" && !strings.ContainsAny(param, "=~^!¤") && isParam(s.ref.Type, param) {
			return param
		}
	}
	return ""
}

func isParam(typ, name string) bool {
	return slices.ContainsFunc(search.CapabilityParams(typ), func(p fhir.CapabilityParam) bool { return p.Name == name })
}

// more adds criteria that the same resource satisfies, an order, includes, totals, pages.
func (a *twinAsker) more(q *query) {
	if h := q.answer; h != nil && a.once(2) {
		if p, ok := a.params.find(func(p twinParam) bool { return p.typ == q.typ && a.has(h, p) }); ok {
			q.add(a.criterion(p, h))
			q.drawn = append(q.drawn, p.String())
		}
	}
	if a.once(3) {
		if p, ok := a.sorts.find(func(p twinParam) bool { return p.typ == q.typ }); ok {
			q.add("_sort", a.pick([]string{"", "-"})+p.Name+a.pick([]string{"", "", ",-_id", ",_lastUpdated"}))
			q.drawn = append(q.drawn, p.String()+" sorts")
		}
	}
	for a.once(2) {
		a.include(q)
	}
	a.control(q, "_total", 4, "accurate", "accurate", "estimate", "none")
	a.control(q, "_summary", 14, "count", "true", "data", "text", "false")
	a.control(q, "_elements", 20, "id", "id,status,code")
	a.control(q, "_count", 2, "1", "2", "3", "5", "20")
}

func (a *twinAsker) control(q *query, name string, n int, values ...string) {
	if a.once(n) {
		q.add(name, a.pick(values))
	}
}

func (a *twinAsker) include(q *query) {
	iterate := a.pick([]string{"", "", ":iterate"})
	if a.once(2) {
		if l, ok := a.links.find(func(l twinParam) bool { return slices.Contains(l.Targets, q.typ) }); ok {
			q.add("_revinclude"+iterate, l.typ+":"+a.pick([]string{l.Name, l.Name, "*"}))
			q.drawn = append(q.drawn, l.String())
		}
		return
	}
	apart := func(l twinParam) bool { return l.typ == q.typ && q.answer != nil && a.parts(q.answer, l) }
	l, ok := a.links.find(apart)
	if !ok {
		l, ok = a.links.find(func(l twinParam) bool { return l.typ == q.typ })
	}
	if ok {
		q.add("_include"+iterate, l.typ+":"+a.pick([]string{l.Name, l.Name, "*"}))
		q.drawn = append(q.drawn, l.String())
	}
}

// parts says whether a parameter leads from what is seen to what is not.
func (a *twinAsker) parts(h *held, l twinParam) bool {
	return slices.ContainsFunc(h.targets(l.Name), func(ref string) bool { t := a.held(ref); return t != nil && t.seen != h.seen })
}

// has says whether a resource has a value for a parameter.
func (a *twinAsker) has(h *held, p twinParam) bool {
	switch p.Kind {
	case "date":
		return a.dateOf(h, p.Name) != ""
	case "number", "quantity":
		return slices.ContainsFunc(h.index.Numbers, func(n search.NumberRange) bool { return n.Param == p.Name || strings.HasPrefix(n.Param, p.Name+"|") })
	case "composite":
		_, ok := a.compositeOf(h, p)
		return ok
	}
	op := map[string]string{"string": "^", "reference": ">", "uri": ">"}[p.Kind]
	return len(h.from(p.Name+cmp.Or(op, "="))) > 0
}

// dateOf is a date of a resource.
func (a *twinAsker) dateOf(h *held, param string) string {
	for _, d := range h.index.Dates {
		if d.Param == param && d.Lo > -1<<60 {
			return time.UnixMilli(d.Lo).UTC().Format("2006-01-02")
		}
	}
	return ""
}

// criterion makes one parameter: a value of the resource if there is one.
func (a *twinAsker) criterion(p twinParam, h *held) (name, value string) {
	if h == nil || !a.has(h, p) || a.once(25) {
		if a.once(2) {
			return p.Name + ":missing", a.pick([]string{"true", "true", "true", "false"})
		}
		return p.Name, a.anyValue(p)
	}
	modifier, value := a.form(p, h)
	if a.once(8) && p.Kind != "string" {
		value += "," + a.anyValue(p)
	}
	return p.Name + modifier, value
}

func (a *twinAsker) form(p twinParam, h *held) (modifier, value string) {
	comma := strings.NewReplacer(",", `\,`)
	switch p.Kind {
	case "date":
		return "", a.pick([]string{"ge", "le", "", "ap", "ge"}) + a.dateOf(h, p.Name)
	case "number", "quantity":
		return "", a.pick([]string{"ge-1", "gt-1", "lt100000", "ne5"})
	case "composite":
		value, _ = a.compositeOf(h, p)
		return "", comma.Replace(value)
	case "string":
		return a.stringForm(p, h)
	case "reference":
		value = a.pick(h.from(p.Name + ">"))
		if typ, id, ok := strings.Cut(value, "/"); ok && fhir.IsResourceType(typ) && a.once(4) {
			return ":" + typ, id
		}
		return "", value
	case "uri":
		return a.pick([]string{"", "", ":below", ":above"}), a.pick(h.from(p.Name + ">"))
	}
	if typed := h.from(p.Name + "@"); len(typed) > 0 && a.once(4) {
		return ":of-type", comma.Replace(a.pick(typed))
	}
	if words := h.from(p.Name + "~"); len(words) > 0 && a.once(5) {
		return ":text", comma.Replace(a.pick(words))
	}
	if a.once(10) {
		return ":not", "nothing"
	}
	return "", comma.Replace(a.pick(h.from(p.Name + "=")))
}

func (a *twinAsker) stringForm(p twinParam, h *held) (modifier, value string) {
	escape := strings.NewReplacer(`\`, `\\`, ",", `\,`, "|", `\|`, "$", `\$`)
	if exact := h.from(p.Name + "!"); len(exact) > 0 && a.once(4) {
		return ":exact", escape.Replace(a.pick(exact))
	}
	whole := []rune(a.pick(h.from(p.Name + "^")))
	if a.once(3) && len(whole) > 2 {
		return ":contains", escape.Replace(string(whole[1:]))
	}
	return "", escape.Replace(string(whole[:1+a.IntN(len(whole))]))
}

// compositeOf is a value of a composite.
func (a *twinAsker) compositeOf(h *held, p twinParam) (string, bool) {
	if keys := h.from(p.Name + "="); len(keys) > 0 {
		return a.pick(keys), true
	}
	for _, d := range h.index.Dates {
		if token, ok := strings.CutPrefix(d.Param, p.Name+"|"); ok {
			return token + "$ge1900", true
		}
	}
	for _, n := range h.index.Numbers {
		if rest, ok := strings.CutPrefix(n.Param, p.Name+"|"); ok && strings.Contains(rest, "$") {
			return rest[:strings.LastIndex(rest, "$")] + "$ge-1", true
		}
	}
	return "", false
}

// anyValue is a value that perhaps nothing has, or something hidden.
func (a *twinAsker) anyValue(p twinParam) string {
	switch p.Kind {
	case "date":
		return a.pick([]string{"ge", "le", ""}) + a.word("date")
	case "number", "quantity":
		return fmt.Sprint(a.IntN(100))
	case "composite":
		parts := []string{a.word("systems") + "|a"}
		for _, c := range p.Components[1:] {
			parts = append(parts, map[string]string{"quantity": "gt5", "date": "ge2019", "number": "lt100"}[c.Kind])
		}
		if len(parts) == 3 {
			return parts[0] + "$lt100$gt1"
		}
		return parts[0] + "$" + cmp.Or(parts[1], "a")
	case "string":
		return a.pick([]string{"a", "sm", "m", "p"})
	case "reference":
		return twinRef(a.pick(append(a.targets(p.Targets), "Patient")), a.IntN(twinEach)).String()
	case "uri":
		return a.word("uri")
	}
	return a.pick([]string{"a", "b", "8302-2", "http://loinc.org|", "urn:oid:1.2|a", "r1", "r5", "active", "final"})
}

// targets are those types that are held.
func (a *twinAsker) targets(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(t string) bool { return !slices.Contains(twinTypes, t) })
}
