package terminology

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// Answer answers an operation with a resource.
func (t *Terms) Answer(ctx context.Context, a *Ask, now time.Time) ([]byte, error) {
	switch a.Type + " " + a.Operation {
	case "ValueSet expand":
		return t.answerExpand(ctx, a, now)
	case "ValueSet validate-code":
		return t.answerMember(ctx, a)
	case "CodeSystem lookup":
		return t.answerLookup(ctx, a)
	case "CodeSystem validate-code":
		return t.answerIn(ctx, a)
	case "CodeSystem subsumes":
		return t.answerSubsumes(ctx, a)
	case "ConceptMap translate":
		return t.answerTranslate(ctx, a)
	}
	return nil, &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such operation."}
}

// answers are the values of a Parameters resource.
type answers []any

type value struct {
	Name    string  `json:"name"`
	Text    string  `json:"valueString,omitempty"`
	Boolean *bool   `json:"valueBoolean,omitempty"`
	Code    string  `json:"valueCode,omitempty"`
	URI     string  `json:"valueUri,omitempty"`
	Coding  *Coding `json:"valueCoding,omitempty"`
	Part    answers `json:"part,omitempty"`
}

// text adds a string unless it is empty.
func (a *answers) text(name, text string) {
	if text != "" {
		*a = append(*a, value{Name: name, Text: text})
	}
}

func (a *answers) is(name string, is bool) { *a = append(*a, value{Name: name, Boolean: &is}) }

func (a answers) bytes() ([]byte, error) {
	return encode(struct {
		ResourceType string  `json:"resourceType"`
		Parameter    answers `json:"parameter,omitempty"`
	}{"Parameters", a})
}

func encode(resource any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(resource)
	return bytes.TrimSpace(b.Bytes()), err
}

// resourceAt is the resource that is asked about by the id in the address, or nil.
func (t *Terms) resourceAt(ctx context.Context, a *Ask) ([]byte, error) {
	if a.ID == "" || a.resource != nil {
		return a.resource, nil
	}
	body, err := t.fetch(func() ([]byte, error) { return t.source.Instance(ctx, a.Type, a.ID) })
	if body == nil && err == nil {
		err = unknown(a.Type)
	}
	return body, err
}

// set is the value set that is asked about.
func (t *Terms) set(ctx context.Context, a *Ask) (*ValueSet, error) {
	body, err := t.resourceAt(ctx, a)
	if err != nil {
		return nil, err
	}
	if body != nil {
		return ReadSet(body)
	}
	if a.values["url"] == "" {
		return nil, wrong("url", "Say which value set: by its url, in the parameter valueSet, or by its id in the address.")
	}
	return t.Set(ctx, versioned(a.values["url"], a.values["valueSetVersion"]))
}

func (t *Terms) answerMember(ctx context.Context, a *Ask) ([]byte, error) {
	list, err := a.codes("code", "coding", "system", "systemVersion")
	if err != nil {
		return nil, err
	}
	vs, err := t.set(ctx, a)
	if err != nil {
		return nil, err
	}
	infer := a.is("inferSystem")
	if list[0].System == "" && !infer {
		return nil, wrong("system", "A code needs its system, unless inferSystem is true.")
	}
	return a.verdict(list, "The code is not in the value set.", func(c Coding) (*Entry, error) { return t.Member(ctx, vs, c, infer) })
}

func (t *Terms) answerIn(ctx context.Context, a *Ask) ([]byte, error) {
	list, err := a.codes("code", "coding", "url", "version")
	if err != nil {
		return nil, err
	}
	url, err := t.systemOf(ctx, a)
	if err != nil {
		return nil, err
	}
	return a.verdict(list, "The code is not in the code system.", func(c Coding) (*Entry, error) {
		if url != "" && c.System != "" && c.System != url {
			return nil, nil
		}
		if c.System == "" {
			c.System = url
		}
		if c.System == "" {
			return nil, wrong("url", "Say which code system: by its url, in the parameter codeSystem, or by its id in the address.")
		}
		return t.In(ctx, c)
	})
}

// systemOf is the URL of the code system that is asked about, "" if the codings say it.
func (t *Terms) systemOf(ctx context.Context, a *Ask) (string, error) {
	body, err := t.resourceAt(ctx, a)
	if err != nil || body == nil {
		return a.values["url"], err
	}
	return t.UseSystem(body)
}

// verdict says whether one of the codes is valid, and what is wrong otherwise.
func (a *Ask) verdict(list []Coding, absent string, find func(Coding) (*Entry, error)) ([]byte, error) {
	message := absent
	for _, c := range list {
		e, err := find(c)
		if err != nil {
			return nil, err
		}
		if e == nil {
			continue
		}
		var wrong string
		if wrong = a.objection(e, c.Display); wrong == "" {
			var all answers
			all.is("result", true)
			all.text("display", e.shown(a.values["displayLanguage"]))
			return all.bytes()
		}
		message = wrong
	}
	var all answers
	all.is("result", false)
	all.text("message", message)
	return all.bytes()
}

// objection is what is wrong with a code that is there.
func (a *Ask) objection(e *Entry, display string) string {
	if e.Abstract && !a.is("abstract") {
		return "The code is abstract: it is not for use in data."
	}
	if display == "" || e.Display == "" || strings.EqualFold(display, e.Display) {
		return ""
	}
	for _, d := range e.Designation {
		if strings.EqualFold(display, d.Value) {
			return ""
		}
	}
	return "The code has another display."
}

// shown is the display, in a language if it is known in that.
func (e *Entry) shown(language string) string {
	for _, d := range e.Designation {
		if language != "" && strings.EqualFold(d.Language, language) {
			return d.Value
		}
	}
	return e.Display
}

func (t *Terms) answerSubsumes(ctx context.Context, a *Ask) ([]byte, error) {
	first, err := a.codes("codeA", "codingA", "system", "version")
	if err != nil {
		return nil, err
	}
	second, err := a.codes("codeB", "codingB", "system", "version")
	if err != nil {
		return nil, err
	}
	x, y := first[0], second[0]
	if a.ID != "" {
		url, err := t.systemOf(ctx, a)
		if err != nil {
			return nil, err
		}
		x.System, y.System = or(x.System, url), or(y.System, url)
	}
	if x.System == "" || x.System != y.System {
		return nil, wrong("system", "Both codes are of one system, which must be given.")
	}
	outcome, err := t.Subsumes(ctx, x, y)
	if err != nil {
		return nil, err
	}
	return answers{value{Name: "outcome", Code: outcome}}.bytes()
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
