package node

import (
	"fmt"
	"strings"
)

// special adds criteria that are no parameters of one element: filters, words, Lists, value
// sets, places.
func (a *twinAsker) special(q *query) {
	if q.typ == "Location" && a.once(2) {
		q.add("near", a.pick([]string{"52.52|13.40", "52.5|13.4|20|km", "0|0|30000|km", "x"}))
		return
	}
	if name, values := customFor(q.typ); name != "" && a.once(2) {
		q.add(name, a.pick(values))
		return
	}
	switch a.IntN(6) {
	case 0, 1:
		q.add("_filter", a.filterFor(q))
	case 2:
		q.add("_content", a.pick([]string{"anna", "müll", "smith", "pain left", "body", "neil"}))
	case 3:
		q.add("_list", a.listed())
	case 4:
		if p, ok := a.params.find(func(p twinParam) bool {
			return p.typ == q.typ && p.Kind == "token" && p.Name != "_id" && !strings.Contains(p.Name, "identifier")
		}); ok {
			q.add(p.Name+a.pick([]string{":in", ":not-in"}), a.setName())
			q.drawn = append(q.drawn, p.String())
		}
	default:
		q.add(a.pick([]string{"_text", "_text:", "_list:not"}), "anna")
	}
}

// listed names a List: seen, hidden or absent.
func (a *twinAsker) listed() string {
	ref, _ := a.any("List")
	if a.once(3) {
		h := a.prefer(false, func(h *held) bool { return h.ref.Type == "List" })
		ref = h.ref
	}
	return ref.ID
}

// setName names a value set: stored or embedded.
func (a *twinAsker) setName() string {
	ref, _ := a.any("ValueSet")
	return a.pick([]string{ref.String(), a.word("uri"), a.word("uri"), "http://hl7.org/fhir/ValueSet/observation-status"})
}

// filterFor is a filter about what a query should find.
func (a *twinAsker) filterFor(q *query) string {
	text := a.comparison(q.typ)
	for a.once(2) {
		text += a.pick([]string{" and ", " or "}) + a.comparison(q.typ)
	}
	if a.once(3) {
		text = "not (" + text + ")"
	}
	return text
}

// comparison is one comparison, at times behind a reference.
func (a *twinAsker) comparison(typ string) string {
	before := ""
	if l, ok := a.links.find(func(l twinParam) bool { return l.typ == typ && len(a.targets(l.Targets)) > 0 }); ok && a.once(3) {
		before = l.Name + "."
		if only := a.targets(l.Targets); len(only) == len(l.Targets) {
			typ = a.pick(only)
		}
		if a.once(2) {
			before = l.Name + "[_lastUpdated ge 2000]."
		}
	}
	p, ok := a.params.find(func(p twinParam) bool { return p.typ == typ && p.Kind != "composite" && p.Kind != "special" })
	if !ok {
		return before + "_id ne nobody"
	}
	if a.once(4) {
		return before + p.Name + " pr " + a.pick([]string{"true", "false"})
	}
	op := a.pick(map[string][]string{
		"string": {"co", "sw", "ew", "eq", "ne", "gt"}, "date": {"ge", "le", "ne", "ap", "co", "po", "sa"}, "number": {"ge", "lt", "ne"}, "quantity": {"ge", "lt", "ne"},
		"token": {"eq", "ne", "in", "ni"}, "reference": {"eq", "ne", "re"}, "uri": {"eq", "ne"},
	}[p.Kind])
	value := a.anyValue(p)
	if h := a.witness(func(h *held) bool { return h.ref.Type == p.typ && a.has(h, p) }); h != nil && a.IntN(4) > 0 {
		switch p.Kind {
		case "date":
			value = a.dateOf(h, p.Name)
		case "string":
			value = a.pick(h.from(p.Name + "^"))
		case "reference", "uri":
			value = a.pick(h.from(p.Name + ">"))
		case "token":
			value = a.pick(h.from(p.Name + "="))
		}
	}
	if op == "in" || op == "ni" {
		value = a.setName()
	}
	return fmt.Sprintf("%s%s %s %q", before, p.Name, op, strings.TrimLeft(value, "gle"))
}

// searchSystem is a search over several types.
func (a *twinAsker) searchSystem() twinAsk {
	q := &query{}
	types := []string{a.typ()}
	for a.once(2) {
		types = append(types, a.typ())
	}
	if a.IntN(4) > 0 {
		q.add("_type", strings.Join(types, ","))
	}
	switch a.IntN(6) {
	case 0:
		q.add("_content", a.pick([]string{"anna", "müll", "smith", "pain left", "body"}))
	case 1:
		q.add("_list", a.listed())
	case 2:
		q.add("_lastUpdated", a.pick([]string{"ge2000", "gt", "le"})+a.time().Format("2006-01-02T15:04:05Z"))
	case 3:
		q.add("_filter", a.pick([]string{"_id ne r1", "_lastUpdated gt 2020 and not (_id eq r2)", "_id eq r3 or _id eq r4"}))
	case 4:
		q.add("_has:Provenance:target:recorded", "ge2000")
	}
	if a.once(3) {
		q.add("_sort", a.pick([]string{"_lastUpdated", "-_lastUpdated", "_id", "-_id", "_id,-_lastUpdated"}))
	}
	if a.once(3) {
		q.add(a.pick([]string{"_include", "_revinclude", "_include:iterate"}), a.pick([]string{"*", "Observation:subject", "Encounter:*", "Provenance:target", "List:item"}))
	}
	a.control(q, "_total", 3, "accurate", "estimate", "none")
	a.control(q, "_summary", 10, "count", "true", "data")
	a.control(q, "_count", 2, "1", "2", "3", "5", "20")
	path := a.pick([]string{"/fhir", "/fhir/"}) + "?" + q.text()
	ask := twinAsk{method: "GET", path: path}
	if a.once(4) {
		ask = byPost(twinAsk{path: "/fhir?" + q.text()})
	}
	return ask
}

// twinCustom is a search parameter of the servers' own.
type twinCustom struct{ id, base, kind, expression, more string }

var twinCustoms = []twinCustom{
	{"twinstate", "Observation", "token", "Observation.status", ""},
	{"twinwho", "Condition", "reference", "Condition.subject", `,"target":["Patient"]`},
	{"twinfamily", "Patient", "string", "Patient.name.family", ""},
	{"twincare", "CarePlan", "token", "CarePlan.category", ""},
}

// customFor is a parameter of a type, or one that leads to it, with values for it.
func customFor(typ string) (name string, values []string) {
	switch typ {
	case "Observation":
		return "twinstate", []string{"final", "amended", "final,amended"}
	case "Condition":
		return "twinwho", []string{"Patient/r0", "Patient/r5", "Patient/r1"}
	case "Patient":
		return "_has:Condition:twinwho:clinical-status", []string{"active", "resolved"}
	case "Encounter":
		return "subject:Patient.twinfamily", []string{"a", "m", "s"}
	case "CarePlan":
		return "twincare:not", []string{"a", "8302-2"}
	}
	return "", nil
}
