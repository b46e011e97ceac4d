package terminology

import (
	"context"
	"slices"
	"strings"
	"time"
)

// usualPage is how many codes an expansion shows unless count says otherwise, and at most.
const usualPage = 1000

// expanded is the answer of $expand.
type expanded struct {
	ResourceType string `json:"resourceType"`
	URL          string `json:"url,omitempty"`
	Version      string `json:"version,omitempty"`
	Name         string `json:"name,omitempty"`
	Status       string `json:"status"`
	Expansion    struct {
		Timestamp string  `json:"timestamp"`
		Total     int     `json:"total"`
		Offset    int     `json:"offset"`
		Parameter []value `json:"parameter,omitempty"`
		Contains  []shown `json:"contains,omitempty"`
	} `json:"expansion"`
}

// shown is a code in the answer.
type shown struct {
	System      string        `json:"system,omitempty"`
	Abstract    bool          `json:"abstract,omitempty"`
	Inactive    bool          `json:"inactive,omitempty"`
	Version     string        `json:"version,omitempty"`
	Code        string        `json:"code"`
	Display     string        `json:"display,omitempty"`
	Designation []Designation `json:"designation,omitempty"`
}

func (t *Terms) answerExpand(ctx context.Context, a *Ask, now time.Time) ([]byte, error) {
	offset, err := a.number("offset", 0)
	if err != nil {
		return nil, err
	}
	count, err := a.number("count", usualPage)
	if err != nil {
		return nil, err
	}
	vs, err := t.set(ctx, a)
	if err != nil {
		return nil, err
	}
	list, err := t.Expand(ctx, vs)
	if err != nil {
		return nil, err
	}
	list = a.wanted(list)
	e := expanded{ResourceType: "ValueSet", URL: vs.URL, Version: vs.Version, Name: vs.Name, Status: or(vs.Status, "unknown")}
	e.Expansion.Timestamp = now.UTC().Format(time.RFC3339)
	e.Expansion.Total, e.Expansion.Offset = len(list), offset
	list = list[min(offset, len(list)):]
	for _, entry := range list[:min(count, usualPage, len(list))] {
		s := shown{System: entry.System, Version: entry.Version, Code: entry.Code, Abstract: entry.Abstract, Inactive: entry.Inactive, Display: entry.shown(a.values["displayLanguage"])}
		if a.is("includeDesignations") {
			s.Designation = entry.Designation
		}
		e.Expansion.Contains = append(e.Expansion.Contains, s)
	}
	for _, name := range []string{"filter", "activeOnly", "excludeNotForUI", "displayLanguage"} {
		switch v := a.values[name]; {
		case v == "":
		case v == "true" || v == "false":
			is := v == "true"
			e.Expansion.Parameter = append(e.Expansion.Parameter, value{Name: name, Boolean: &is})
		default:
			e.Expansion.Parameter = append(e.Expansion.Parameter, value{Name: name, Text: v})
		}
	}
	return encode(e)
}

// wanted are the codes that the parameters leave: every word of the filter is in the code
// or its display.
func (a *Ask) wanted(list []Entry) []Entry {
	words := strings.Fields(strings.ToLower(a.values["filter"]))
	active, usable := a.is("activeOnly"), a.is("excludeNotForUI")
	if len(words) == 0 && !active && !usable {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(e Entry) bool {
		if active && e.Inactive || usable && e.Abstract {
			return true
		}
		text := strings.ToLower(e.Code + " " + e.Display)
		return slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
	})
}

func (t *Terms) answerLookup(ctx context.Context, a *Ask) ([]byte, error) {
	list, err := a.codes("code", "coding", "system", "version")
	if err != nil {
		return nil, err
	}
	if list[0].System == "" {
		return nil, wrong("system", "A code needs its system.")
	}
	found, err := t.Lookup(ctx, list[0])
	if err != nil {
		return nil, err
	}
	var all answers
	all.text("name", or(found.System, list[0].System))
	all.text("version", found.Version)
	all.text("display", or(found.shown(a.values["displayLanguage"]), found.Code))
	for _, d := range found.Designation {
		part := answers{}
		if d.Language != "" {
			part = append(part, value{Name: "language", Code: d.Language})
		}
		part.text("value", d.Value)
		all = append(all, value{Name: "designation", Part: part})
	}
	wanted := strings.Fields(a.values["property"])
	if found.Definition != "" && (len(wanted) == 0 || slices.Contains(wanted, "definition")) {
		all = append(all, property("definition", value{Name: "value", Text: found.Definition}))
	}
	for i := range found.Properties {
		p := &found.Properties[i]
		if len(wanted) == 0 || slices.Contains(wanted, p.Code) {
			all = append(all, property(p.Code, p.value()))
		}
	}
	return all.bytes()
}

func property(code string, v value) value {
	return value{Name: "property", Part: answers{value{Name: "code", Code: code}, v}}
}

func (p *Property) value() value {
	v := value{Name: "value"}
	switch {
	case p.Boolean != nil:
		v.Boolean = p.Boolean
	case p.Coding != nil:
		v.Coding = p.Coding
	case p.Named != "":
		v.Code = p.Named
	default:
		v.Text = p.text()
	}
	return v
}

func (t *Terms) answerTranslate(ctx context.Context, a *Ask) ([]byte, error) {
	list, err := a.codes("code", "coding", "system", "version")
	if err != nil {
		return nil, err
	}
	body, err := t.resourceAt(ctx, a)
	if err != nil {
		return nil, err
	}
	var m *ConceptMap
	switch {
	case body != nil:
		m, err = ReadMap(body)
	case a.values["url"] == "":
		err = wrong("url", "Say which concept map: by its url, in the parameter conceptMap, or by its id in the address.")
	default:
		m, err = t.Map(ctx, versioned(a.values["url"], a.values["conceptMapVersion"]))
	}
	if err != nil {
		return nil, err
	}
	var matches []Match
	for _, c := range list {
		some, err := t.Translate(ctx, m, c, a.values["targetsystem"], a.is("reverse"))
		if err != nil {
			return nil, err
		}
		matches = append(matches, some...)
	}
	return translated(matches)
}

// translated is true if a match says more than that there is none.
func translated(matches []Match) ([]byte, error) {
	var all answers
	all.is("result", slices.ContainsFunc(matches, func(m Match) bool { return m.Equivalence != "unmatched" && m.Equivalence != "disjoint" }))
	if len(matches) == 0 {
		all.text("message", "The concept map has no translation of the code.")
	}
	for _, m := range matches {
		part := answers{value{Name: "equivalence", Code: or(m.Equivalence, "equivalent")}}
		if m.Concept.Code != "" {
			part = append(part, value{Name: "concept", Coding: &m.Concept})
		}
		if m.Source != "" {
			part = append(part, value{Name: "source", URI: m.Source})
		}
		all = append(all, value{Name: "match", Part: part})
	}
	return all.bytes()
}
