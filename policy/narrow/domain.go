package narrow

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/aceso-health/aceso/policy"
)

// attribute is a text of the input. Those whose texts have the narrowest form come first:
// an unknown text that several share is made for the first of them.
type attribute int

const (
	patient attribute = iota
	typ
	role
	purpose
	subject
	node
	organization
	client
	now
	interaction
	action
	attributes
)

// names of attributes, as policies spell them.
var names = [attributes]string{
	patient: "agent.patient", typ: "type", role: "agent.role", purpose: "purpose", subject: "agent.subject",
	organization: "agent.organization", node: "node.organization", client: "agent.client", now: "now",
	interaction: "interaction", action: "action",
}

// unknown is, for each attribute, a text that no policy names.
var unknown = [now]string{
	patient: "Patient/somebody", typ: "Something", role: "somebody", purpose: "SOMETHING", subject: "Practitioner/somebody",
	organization: "some-house", node: "this-house", client: "some-app",
}

// set is a set of attributes.
type set uint16

func (s set) has(a attribute) bool { return s&(1<<a) != 0 }

// closed are those whose texts are all known.
const closed set = 1<<interaction | 1<<action

func (s set) each(visit func(attribute)) {
	for a := range attributes {
		if s.has(a) {
			visit(a)
		}
	}
}

// dimension is what is chosen independently: an attribute, or the interaction with its action.
type dimension int

const (
	acting     = dimension(interaction)
	dimensions = acting + 1
)

func (a attribute) dimension() dimension { return min(dimension(a), acting) }

// choice is a text of a dimension; action only of acting.
type choice struct{ text, action string }

func (c choice) of(a attribute) string {
	if a == action {
		return c.action
	}
	return c.text
}

// domain is all requests that must be told apart: the choices of each dimension.
type domain [dimensions][]choice

// domainOf makes it of what two revisions compare.
func domainOf(flows ...*flow) *domain {
	d := &domain{}
	for a := range now {
		for _, text := range textsOf(a, flows) {
			if valid(a, text) {
				d[a] = append(d[a], choice{text: text})
			}
		}
	}
	times := map[string]bool{anyTime: true}
	for text := range literalsWith(now, flows) {
		cut(times, text)
	}
	for _, text := range slices.Sorted(maps.Keys(times)) {
		d[now] = append(d[now], choice{text: text})
	}
	for _, name := range policy.Interactions() {
		for _, letter := range []string{"", "c", "r", "u", "d", "s"} {
			if c := (choice{name, letter}); c.fits("Patient") || c.fits("") {
				d[acting] = append(d[acting], c)
			}
		}
	}
	return d
}

// fits says whether an interaction can be asked about a type.
func (c choice) fits(about string) bool {
	in := request(func(a attribute) string {
		switch a {
		case interaction, action:
			return c.of(a)
		case typ:
			return about
		}
		return plain(a)
	})
	return in.Valid() == nil
}

// textsOf are the texts of an attribute that matter: unknown ones of its own and of those
// before it, with which it is compared, the empty one, and those that policies compare it with.
func textsOf(a attribute, flows []*flow) []string {
	literals := literalsWith(a, flows)
	texts := []string{fresh(a, flows)}
	group := related(a, flows)
	for b := range a {
		if group.has(b) {
			texts = append(texts, fresh(b, flows))
		}
	}
	delete(literals, "")
	return append(append(texts, ""), slices.Sorted(maps.Keys(literals))...)
}

// fresh is an unknown text that no revision has anywhere.
func fresh(a attribute, flows []*flow) string {
	text := unknown[a]
	if a == typ { // one that has search parameters, if there is one that no policy spells
		for _, t := range []string{"Observation", "Encounter", "Condition", "Procedure", "Immunization"} {
			if !slices.ContainsFunc(flows, func(f *flow) bool { return f.spells(t) }) {
				return t
			}
		}
	}
	for slices.ContainsFunc(flows, func(f *flow) bool { return f.spells(text) }) {
		text += "x"
	}
	return text
}

// related are the attributes that are compared with one, directly or over others.
func related(a attribute, flows []*flow) set {
	group := set(1 << a)
	for grown := true; grown; {
		grown = false
		for _, f := range flows {
			for _, c := range f.compared {
				if c.attrs&group != 0 && c.attrs&^group != 0 {
					group, grown = group|c.attrs, true
				}
			}
		}
	}
	return group
}

// literalsWith are the texts of policies that are compared with an attribute or with one
// that is related to it.
func literalsWith(a attribute, flows []*flow) map[string]bool {
	group, all := related(a, flows), map[string]bool{}
	for _, f := range flows {
		for _, c := range f.compared {
			if c.attrs&group != 0 {
				maps.Copy(all, c.literals)
			}
		}
	}
	return all
}

// valid says whether a request can have this text.
func valid(a attribute, text string) bool {
	if a == typ && text == "" {
		return true // of requests at system level
	}
	in := request(func(b attribute) string {
		if a == b {
			return text
		}
		return plain(b)
	})
	return in.Valid() == nil
}

// plain are the texts of a request of which nothing matters.
func plain(a attribute) string {
	switch a {
	case interaction:
		return "read"
	case action:
		return "r"
	case now:
		return anyTime
	}
	return unknown[a]
}

// anyTime is a time at which nothing changes.
const anyTime = "2026-01-01T00:00:00Z"

// request is a request with texts.
func request(text func(attribute) string) policy.Input {
	return policy.Input{
		Agent: policy.Agent{
			Subject: text(subject), Role: text(role), Organization: text(organization), Patient: text(patient), Client: text(client),
		},
		Purpose: text(purpose), Interaction: text(interaction), Action: text(action), Type: text(typ),
		Node: policy.Node{Organization: text(node)}, Now: text(now),
	}
}

// cut adds the times at, just before and just after a literal: seconds are what an input
// can say.
func cut(times map[string]bool, literal string) {
	t, ok := instant(literal)
	if !ok {
		return
	}
	t = t.UTC().Truncate(time.Second)
	for _, shift := range []time.Duration{-time.Second, 0, time.Second} {
		if at := t.Add(shift); at.Year() > 0 && at.Year() < 10000 {
			times[at.Format(time.RFC3339)] = true
		}
	}
}

// instant reads a time as policies write it, or nanoseconds.
func instant(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, "2006-01", "2006", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) > 10 {
		return time.Unix(0, n), true
	}
	return time.Time{}, false
}

// spells says whether a text is anywhere in the policies or their data.
func (f *flow) spells(text string) bool { return strings.Contains(f.text, text) }

// stringOf is a value's text.
func stringOf(v ast.Value) (string, bool) {
	s, ok := v.(ast.String)
	return string(s), ok
}
