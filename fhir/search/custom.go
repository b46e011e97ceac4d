package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// The bounds of custom search parameters.
const (
	MaxCustoms   = 100  // of a server
	customValues = 1000 // different values of a resource, of all custom parameters together
	customLength = 2000 // bytes of an expression
	customCode   = 64   // bytes of a code
)

// Compile compiles the expression of a custom parameter of some types, if it has none of the
// shapes of R4's own.
type Compile func(expression string, types []string) (Select, error)

// Select gives what an expression selects of a document.
type Select func(*fhir.Tape) ([]Value, error)

// Value is a node of a document, or, with Node -1, a text that an expression made.
type Value struct {
	Node int32
	Text string
}

// Custom is a search parameter that R4 does not have: an active SearchParameter that is
// stored on the server.
type Custom struct {
	Key        string   `json:"key"` // what its keys have as the name of the parameter, see Index
	ID         string   `json:"id"`
	URL        string   `json:"url"`
	Code       string   `json:"code"`
	Kind       string   `json:"kind"`
	Expression string   `json:"expression"`
	Bases      []string `json:"bases"`
	Targets    []string `json:"targets,omitempty"`
}

// customMark begins the keys of custom parameters, and what follows it begins with a digit:
// all others that begin with it go on with a letter.
const customMark = "¤"

// customKey names a parameter in keys. Each version of a SearchParameter has a name of its
// own, so that keys of an older one are never taken for those of another. An id has no
// underscore, and a name in keys no dot.
func customKey(id string, version int64) string {
	return customMark + strconv.FormatInt(version, 10) + "_" + strings.ReplaceAll(id, ".", "_")
}

// IsCustom says whether the name of a parameter in keys is that of a custom one.
func IsCustom(name string) bool {
	rest, ok := strings.CutPrefix(name, customMark)
	return ok && rest != "" && rest[0] >= '0' && rest[0] <= '9'
}

// r4Parameters begins the URLs of R4's own definitions: what they say is known.
const r4Parameters = "http://hl7.org/fhir/SearchParameter/"

// ReadCustom reads a SearchParameter. ok is false if it defines nothing: it is not active, or
// one of R4's own. An error says what keeps the server from searching by it.
func ReadCustom(doc *fhir.Resource, compile Compile) (c Custom, ok bool, err error) {
	var said struct {
		URL, Code, Type, Status, Expression string
		Base, Target                        []string
	}
	if err := json.Unmarshal(doc.Bytes(), &said); err != nil {
		return c, false, fmt.Errorf("read SearchParameter: %w", err)
	}
	if said.Status != "active" || strings.HasPrefix(said.URL, r4Parameters) {
		return c, false, nil
	}
	c = Custom{
		Key: customKey(doc.ID(), doc.Version()), ID: doc.ID(), URL: said.URL, Code: said.Code, Kind: said.Type, Expression: said.Expression,
		Bases: said.Base, Targets: said.Target,
	}
	return c, true, c.check(compile)
}

// unfit is what is wrong with an element of a SearchParameter.
func unfit(element, format string, args ...any) error {
	return &fhir.Error{Kind: fhir.Unprocessable, Expression: "SearchParameter." + element, Detail: fmt.Sprintf(format, args...)}
}

func (c *Custom) check(compile Compile) error {
	if _, known := sinkKindNames[c.Kind]; !known || c.Kind == "composite" || c.Kind == "special" {
		return unfit("type", "A search parameter of this server's own is of type number, date, string, token, reference, quantity or uri. Search for the parts of a composite one by one. To keep the definition without using it, give it the status draft.")
	}
	if !customName(c.Code) {
		return unfit("code", "The code of a search parameter begins with a letter, goes on with letters, digits, - and _, and has at most %d characters.", customCode)
	}
	if err := c.checkBases(); err != nil {
		return err
	}
	switch {
	case c.Expression == "":
		return unfit("expression", "An active SearchParameter needs an expression. To keep the definition without using it, give it the status draft.")
	case len(c.Expression) > customLength:
		return unfit("expression", "The expression of a SearchParameter has at most %d bytes.", customLength)
	case c.Kind == "reference" && len(c.Targets) == 0:
		return unfit("target", "A search parameter for references names the types to which they lead.")
	case c.Kind == "reference" && slices.ContainsFunc(c.Targets, func(t string) bool { return !fhir.IsResourceType(t) || t == "AuditEvent" }):
		return unfit("target", "The targets of a search parameter are R4 resource types, AuditEvent excepted.")
	}
	for _, base := range c.Bases {
		if _, err := compileCustom(base, []Custom{*c}, compile); err != nil {
			return err
		}
	}
	return nil
}

// customName says whether a code can be the name of a parameter.
func customName(code string) bool {
	letter := func(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
	for i := range len(code) {
		if c := code[i]; !letter(c) && (i == 0 || (c < '0' || c > '9') && c != '-' && c != '_') {
			return false
		}
	}
	return code != "" && len(code) <= customCode
}

// checkBases refuses what R4 has already: a name means one thing.
func (c *Custom) checkBases() error {
	if len(c.Bases) == 0 {
		return unfit("base", "A SearchParameter names the types of which it is one.")
	}
	for i, base := range c.Bases {
		switch {
		case !fhir.IsResourceType(base) || base == "AuditEvent":
			return unfit(fmt.Sprintf("base[%d]", i), "The bases of a search parameter are R4 resource types, named one by one; AuditEvent is searched by what R4 has.")
		case slices.ContainsFunc(fhir.SearchParams(base), func(p fhir.SearchParam) bool { return p.Name == c.Code }):
			return unfit("code", "R4 has a search parameter with this code for %s: choose another code.", base)
		}
	}
	return nil
}

// Clash is the error of a parameter that cannot be beside some others, nil if it can. Older
// versions of the same SearchParameter do not count.
func (c *Custom) Clash(others []Custom) error {
	count := 1
	for _, o := range others {
		if o.ID == c.ID {
			continue
		}
		count++
		if o.Code == c.Code && slices.ContainsFunc(o.Bases, func(b string) bool { return slices.Contains(c.Bases, b) }) {
			return unfit("code", "SearchParameter/%s has this code for one of these types: choose another one, or retire that one first.", o.ID)
		}
	}
	if count > MaxCustoms {
		return unfit("status", "A server has at most %d search parameters of its own. Retire one first, or give this one the status draft.", MaxCustoms)
	}
	return nil
}

// Customs are the custom parameters of a server, compiled. They are immutable; nil has none.
type Customs struct {
	Number int64 // of the plan of keys that they are (see store.Plan)
	types  map[string]*customType
	ruled  *Ruled
}

// Ruled are rules by which resources have security labels beside those of their documents.
type Ruled struct {
	Number int64                   // names them: their keys are apart from those of other rules
	Apply  func(*fhir.Facts) error // notes them in Facts.Ruled
}

// Rule lets resources have keys for labels by rules, too; nil: they have none.
func (c *Customs) Rule(by *Ruled) { c.ruled = by }

// ruledName is how the keys of labels by rules begin: the version of no SearchParameter begins
// with 0.
const ruledName = customMark + "0"

// RuledKey is the key of what has a label by some rules.
func RuledKey(number int64, l fhir.Coding) string {
	return string(appendPair([]byte(RuledKeys(number)), []byte(l.System), []byte(l.Code), '|'))
}

// RuledKeys begins all keys of labels by some rules.
func RuledKeys(number int64) string { return ruledName + strconv.FormatInt(number, 10) + "_label=" }

// IsRuled says whether a key is one of a label by rules.
func IsRuled(key string) bool { return strings.HasPrefix(key, ruledName) }

// customType are those of one type: those with expressions like R4's, in the plan, and those
// that only FHIRPath can evaluate.
type customType struct {
	params []Custom
	ready  []bool // a search can use it
	plan   *plan
	paths  []customPath
}

type customPath struct {
	param    int // of the plan
	selected Select
}

// CompileCustoms compiles parameters; ready says by which of them a search can find all that
// there is.
func CompileCustoms(number int64, all []Custom, ready func(*Custom) bool, compile Compile) (*Customs, error) {
	byType := map[string][]Custom{}
	for _, c := range all {
		for _, base := range c.Bases {
			byType[base] = append(byType[base], c)
		}
	}
	made := &Customs{Number: number, types: map[string]*customType{}}
	for base, list := range byType {
		t, err := compileCustom(base, list, compile)
		if err != nil {
			return nil, err
		}
		for i := range list {
			t.ready = append(t.ready, ready(&list[i]))
		}
		made.types[base] = t
	}
	return made, nil
}

func compileCustom(base string, list []Custom, compile Compile) (*customType, error) {
	d := fhir.R4()
	t := &customType{params: list, plan: &plan{typ: d.TypeIndex(base), name: base, root: &state{low: -1}, deceased: -1}}
	for i := range list {
		if err := t.add(d, &list[i], compile); err != nil {
			return nil, err
		}
	}
	return t, t.plan.rank()
}

// add compiles a parameter: as R4's own if its expression has one of their shapes.
func (t *customType) add(d *fhir.Definitions, c *Custom, compile Compile) error {
	n := len(t.plan.params)
	one := planParam{name: c.Key, targets: c.Targets, sorted: true}
	shaped := &plan{typ: t.plan.typ, name: t.plan.name, root: &state{low: -1}, deceased: -1}
	if shaped.add(d, c.param()) == nil && shaped.deceased < 0 {
		if err := t.plan.add(d, c.param()); err != nil {
			return fmt.Errorf("compile SearchParameter: %w", err)
		}
		t.plan.params[n] = one
		return nil
	}
	selected, err := compile(c.Expression, c.Bases)
	var known *fhir.Error
	if errors.As(err, &known) {
		return unfit("expression", "%s", known.Detail)
	}
	if err != nil {
		return unfit("expression", "The expression cannot be used: %v.", err)
	}
	t.plan.params = append(t.plan.params, one)
	t.paths = append(t.paths, customPath{n, selected})
	return nil
}

// param is the parameter under the name that its keys have.
func (c *Custom) param() fhir.SearchParam {
	return fhir.SearchParam{Name: c.Key, Kind: c.Kind, Bases: c.Bases, Targets: c.Targets, Expression: c.Expression}
}

// Plan is the number of the plan.
func (c *Customs) Plan() int64 {
	if c == nil {
		return 0
	}
	return c.Number
}

// find finds a parameter that searches can use.
func (c *Customs) find(typ, code string) (fhir.SearchParam, bool) {
	if c == nil || c.types[typ] == nil {
		return fhir.SearchParam{}, false
	}
	t := c.types[typ]
	i := slices.IndexFunc(t.params, func(p Custom) bool { return p.Code == code })
	if i < 0 || !t.ready[i] {
		return fhir.SearchParam{}, false
	}
	return t.params[i].param(), true
}

// Capability lists the parameters of a type that searches can use.
func (c *Customs) Capability(typ string) (all []fhir.CapabilityParam) {
	if c == nil || c.types[typ] == nil {
		return nil
	}
	for i, p := range c.types[typ].params {
		if c.types[typ].ready[i] {
			all = append(all, fhir.CapabilityParam{Name: p.Code, Type: p.Kind, Definition: p.URL})
		}
	}
	return all
}
