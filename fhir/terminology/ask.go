package terminology

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// Ask is what an operation is asked.
type Ask struct {
	Operation string // expand, validate-code, lookup, subsumes, translate
	Type, ID  string // where it was called: ValueSet, and its id unless that is ""
	values    map[string]string
	codings   map[string][]Coding // of coding, codeableConcept, codingA, codingB
	resource  []byte              // a value set, code system or concept map that came with it
	asked     []fhir.Param        // for the record
}

// parameters are those that each operation takes, by its type and name. Others would change
// the answer in ways that are not supported.
var parameters = map[string][]string{
	"ValueSet expand": {"url", "valueSet", "valueSetVersion", "filter", "offset", "count", "includeDesignations", "activeOnly",
		"includeDefinition", "excludeNested", "excludeNotForUI", "excludePostCoordinated", "displayLanguage"},
	"ValueSet validate-code":   {"url", "valueSet", "valueSetVersion", "code", "system", "systemVersion", "display", "coding", "codeableConcept", "abstract", "displayLanguage", "inferSystem"},
	"CodeSystem lookup":        {"code", "system", "version", "coding", "displayLanguage", "property"},
	"CodeSystem validate-code": {"url", "codeSystem", "code", "version", "display", "coding", "codeableConcept", "abstract", "displayLanguage"},
	"CodeSystem subsumes":      {"codeA", "codeB", "system", "version", "codingA", "codingB"},
	"ConceptMap translate":     {"url", "conceptMap", "conceptMapVersion", "code", "system", "version", "source", "coding", "codeableConcept", "target", "targetsystem", "reverse"},
}

// Parameters lists what an operation takes ("ValueSet expand"), nil if there is no such one.
func Parameters(operation string) []string { return slices.Clone(parameters[operation]) }

// complex are the parameters that have no form in a URL.
var complexValues = []string{"valueSet", "codeSystem", "conceptMap", "coding", "codeableConcept", "codingA", "codingB"}

// NewAsk reads the parameters of a URL, and a Parameters resource unless that is nil. The
// Ask is there for the record even if the parameters are wrong.
func NewAsk(operation, typ, id string, params []fhir.Param, body []byte) (*Ask, error) {
	a := &Ask{Operation: operation, Type: typ, ID: id, values: map[string]string{}, codings: map[string][]Coding{}, asked: slices.Clone(params)}
	known := parameters[typ+" "+operation]
	for _, p := range params {
		if slices.Contains(complexValues, p.Name) {
			return a, wrong(p.Name, "This parameter is not a simple value: send it in a Parameters resource, by POST.")
		}
		if err := a.set(known, p.Name, p.Value); err != nil {
			return a, err
		}
	}
	if body == nil {
		return a, nil
	}
	if len(body) > mostBytes {
		return a, &fhir.Error{Kind: fhir.TooLarge, Detail: fmt.Sprintf("The Parameters of this operation have at most %d MB.", mostBytes>>20)}
	}
	var sent struct{ Parameter []parameter }
	if err := json.Unmarshal(body, &sent); err != nil {
		return a, &fhir.Error{Kind: fhir.Malformed, Detail: "The body is not a Parameters resource.", Err: err}
	}
	for i := range sent.Parameter {
		if err := a.read(known, &sent.Parameter[i]); err != nil {
			return a, err
		}
	}
	return a, nil
}

func wrong(name, detail string) error {
	return &fhir.Error{Kind: fhir.Invalid, Detail: detail, Expression: name}
}

// set notes a simple value.
func (a *Ask) set(known []string, name, value string) error {
	if !slices.Contains(known, name) {
		return wrong(name, "The operation does not take this parameter here: it takes "+strings.Join(known, ", ")+".")
	}
	old, twice := a.values[name]
	if twice && name != "property" {
		return wrong(name, "Give the parameter only once.")
	}
	if slices.Contains([]string{"includeDesignations", "includeDefinition", "activeOnly", "excludeNested", "excludeNotForUI", "excludePostCoordinated", "abstract", "reverse", "inferSystem"}, name) && value != "true" && value != "false" {
		return wrong(name, "The parameter is true or false.")
	}
	a.values[name] = strings.TrimPrefix(old+" "+value, " ")
	return nil
}

// parameter is one of a Parameters resource, of any type that the operations take.
type parameter struct {
	Name     string
	Resource json.RawMessage
	URI      *string                    `json:"valueUri"`
	URL      *string                    `json:"valueUrl"`
	Address  *string                    `json:"valueCanonical"`
	Code     *string                    `json:"valueCode"`
	Text     *string                    `json:"valueString"`
	Boolean  *bool                      `json:"valueBoolean"`
	Integer  *json.Number               `json:"valueInteger"`
	Coding   *Coding                    `json:"valueCoding"`
	Concept  *struct{ Coding []Coding } `json:"valueCodeableConcept"`
}

func (p *parameter) simple() (string, bool) {
	for _, v := range []*string{p.URI, p.URL, p.Address, p.Code, p.Text} {
		if v != nil {
			return *v, true
		}
	}
	switch {
	case p.Boolean != nil:
		return strconv.FormatBool(*p.Boolean), true
	case p.Integer != nil:
		return p.Integer.String(), true
	}
	return "", false
}

// read notes a parameter of a resource.
func (a *Ask) read(known []string, p *parameter) error {
	if v, ok := p.simple(); ok && !slices.Contains(complexValues, p.Name) {
		a.asked = append(a.asked, fhir.Param{Name: p.Name, Value: v})
		return a.set(known, p.Name, v)
	}
	if !slices.Contains(known, p.Name) || !slices.Contains(complexValues, p.Name) {
		return wrong(p.Name, "The operation does not take this parameter, or not with a value of this type.")
	}
	var list []Coding
	switch {
	case p.Resource != nil:
		if a.resource != nil {
			return wrong(p.Name, "Give the parameter only once.")
		}
		a.resource = p.Resource
		a.asked = append(a.asked, fhir.Param{Name: p.Name, Value: "resource"})
		return nil
	case p.Coding != nil:
		list = []Coding{*p.Coding}
	case p.Concept != nil:
		list = p.Concept.Coding
	}
	if len(list) == 0 || a.codings[p.Name] != nil {
		return wrong(p.Name, "The parameter is given once, and with a code.")
	}
	if len(list) > mostCodings {
		return wrong(p.Name, fmt.Sprintf("A CodeableConcept to look at has at most %d codings.", mostCodings))
	}
	for _, c := range list {
		a.asked = append(a.asked, fhir.Param{Name: p.Name, Value: c.System + "|" + c.Code})
	}
	a.codings[p.Name] = list
	return nil
}

// mostCodings is how many codings of a concept are looked at.
const mostCodings = 50

// Self is what was asked, for the record: the parameters in order of their names. A
// resource that came with them is not in it.
func (a *Ask) Self() string {
	sorted := slices.Clone(a.asked)
	slices.SortStableFunc(sorted, func(x, y fhir.Param) int { return cmp.Compare(x.Name, y.Name) })
	parts := make([]string, len(sorted))
	for i, p := range sorted {
		parts[i] = url.QueryEscape(p.Name) + "=" + url.QueryEscape(p.Value)
	}
	return strings.Join(parts, "&")
}

// is says whether a parameter is true.
func (a *Ask) is(name string) bool { return a.values[name] == "true" }

// number is a parameter that is a whole number from 0, or another value without it.
func (a *Ask) number(name string, without int) (int, error) {
	text, given := a.values[name]
	if !given {
		return without, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, wrong(name, "The parameter is a whole number from 0.")
	}
	return int(n), nil
}

// codes are the codings that are asked about, of which one is enough. system and version
// are the names of the parameters beside code.
func (a *Ask) codes(code, coding, system, version string) ([]Coding, error) {
	given := [][]Coding{a.codings[coding], a.codings["codeableConcept"]}
	if coding != "coding" {
		given = given[:1]
	}
	if c := a.values[code]; c != "" {
		given = append(given, []Coding{{System: a.values[system], Version: a.values[version], Code: c, Display: a.values["display"]}})
	}
	var all []Coding
	for _, list := range given {
		if all != nil && list != nil {
			return nil, wrong(coding, "Give a code, a coding or a codeableConcept, and only one of them.")
		}
		all = append(all, list...)
	}
	if len(all) == 0 {
		return nil, wrong(code, "The operation needs a code with its system, or a coding.")
	}
	for _, c := range all {
		if c.Code == "" {
			return nil, wrong(coding, "The operation needs a code with its system, or a coding.")
		}
	}
	return all, nil
}

// versioned is a canonical URL with the version that stands in another parameter.
func versioned(url, version string) string {
	if version == "" || strings.Contains(url, "|") {
		return url
	}
	return url + "|" + version
}
