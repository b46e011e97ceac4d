package search

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// Query is a parsed search.
type Query struct {
	Type     string    // resource type; "" for several
	Where    Condition // compiled criteria, All
	Among    []Part    // what a search over several types asks of each of them
	Sort     []SortBy
	Include  []Include // _include and _revinclude
	Count    int       // _count, -1 if not given
	Total    string    // none, estimate, accurate or ""
	Summary  string    // true, text, data, count, false or ""
	Elements []string
	Self     string       // canonical query string of the understood parameters, for the self link and the record
	Warnings []fhir.Issue // parameters that lenient handling ignored
	Patients []string     // patients that the criteria name ("Patient/1"), for the record
	Plan     int64        // of the keys that custom parameters among the criteria rest on; 0: it has none of them
	Reads    []Read       // what the answer rests on; some may be there twice
}

// Part is what a query asks of one type.
type Part struct {
	Type  string
	Where Condition
}

// Parts are what the query asks of each of its types.
func (q *Query) Parts() []Part {
	if q.Type != "" {
		return []Part{{q.Type, q.Where}}
	}
	return q.Among
}

// Types are the types on which it depends what the criteria match, the query's own first.
func (q *Query) Types() (types []string) {
	for _, part := range q.Parts() {
		types = leadsTo(append(types, part.Type), part.Where)
	}
	return types
}

func leadsTo(types []string, where Condition) []string {
	var members []Condition
	switch c := where.(type) {
	case All:
		members = c
	case Any:
		members = c
	case Not:
		members = []Condition{c.C}
	case Chain:
		types, members = append(types, c.Types...), []Condition{c.Where}
	case Reverse:
		types, members = append(types, c.Type), []Condition{c.Where}
	}
	for _, m := range members {
		types = leadsTo(types, m)
	}
	return types
}

// SortBy is one _sort criterion.
type SortBy struct {
	Param string // _id, _lastUpdated or a search parameter
	Desc  bool
}

// Include is one _include or _revinclude.
type Include struct {
	Reverse bool
	Source  string // type with the reference; "*" for all
	Param   string // "*" for all
	Target  string // "" for any
	Iterate bool
}

// QueryOptions are the options of ParseQuery.
type QueryOptions struct {
	Lenient     bool             // Prefer: handling=lenient
	Base        string           // server base URL
	Compartment string           // "Patient/1" for a compartment search, "" otherwise
	Now         func() time.Time // for the prefix ap of dates; nil means time.Now
	Alone       bool             // each resource is judged alone: chains, _has and includes are unknown
	Codes       Codes            // for :in, :not-in, :above and :below of tokens; nil if these are unknown
	Customs     *Customs         // custom parameters; nil: there are none
}

// The bounds of a query.
const (
	maxParams   = 64
	maxValues   = 500
	maxSorts    = 5
	maxIncludes = 20
	maxCount    = 1000
	maxLeaves   = 5000 // compiled comparisons
	maxSize     = 256 << 10
	maxDepth    = 8 // links of a chain, _has included
)

// modifiers lists the modifiers of a parameter, except :[type] of references.
func modifiers(p fhir.SearchParam) []string {
	switch p.Kind {
	case "string":
		return []string{"contains", "exact", "missing"}
	case "token":
		switch {
		case p.Name == "_id":
			return []string{"missing", "not"}
		case identifies(p):
			return []string{"missing", "not", "of-type", "text"}
		}
		return []string{"above", "below", "in", "missing", "not", "not-in", "text"}
	case "reference":
		return []string{"below", "identifier", "missing"}
	case "uri":
		return []string{"above", "below", "missing"}
	}
	return []string{"missing"}
}

// foreign is an expression in the definitions that names an element unknown to R4.
const foreign = "DeviceDefinition.classification.type"

// supported says whether a parameter has keys.
func supported(p fhir.SearchParam) bool {
	return p.Expression != "" && p.Expression != foreign && (p.Kind != "special" || p.Name == "near")
}

// findParam finds a supported parameter of a type.
func findParam(typ, name string) (fhir.SearchParam, bool) {
	for _, p := range fhir.SearchParams(typ) {
		if p.Name == name && supported(p) {
			return p, true
		}
	}
	return fhir.SearchParam{}, false
}

// find finds a parameter of a type that this search can use. A custom one has the name that
// its keys have.
func (p *queryParser) find(typ, name string) (fhir.SearchParam, bool) {
	def, ok := findParam(typ, name)
	if !ok {
		if def, ok = p.o.Customs.find(typ, name); ok {
			p.q.Plan = p.o.Customs.Number
		}
	}
	if ok {
		p.reads(typ, name, def)
	}
	return def, ok
}

// CapabilityParams are the search parameters of a type that ParseQuery compiles.
func CapabilityParams(typ string) []fhir.CapabilityParam {
	var all []fhir.CapabilityParam
	for _, p := range fhir.SearchParams(typ) {
		if supported(p) || worded(typ, p.Name) && typ != "AuditEvent" {
			all = append(all, fhir.CapabilityParam{Name: p.Name, Type: p.Kind})
		}
	}
	if typ == "AuditEvent" { // no others take part in a search for them
		return all
	}
	all = append(all, fhir.CapabilityParam{Name: "_filter", Type: "special"})
	if typ == "Parameters" { // is in no List
		return all
	}
	return append(all, fhir.CapabilityParam{Name: "_list", Type: "special"})
}

// RevIncludes lists the references to a type that a search can follow backwards, as
// Observation:subject. AuditEvents are no part of it: they are not searched with others.
func RevIncludes(typ string) (all []string) {
	for _, from := range fhir.ResourceTypes() {
		for _, p := range fhir.SearchParams(from) {
			if p.Kind == "reference" && from != "AuditEvent" && supported(p) && LeadsOut(from, p.Name) && slices.Contains(p.Targets, typ) {
				all = append(all, from+":"+p.Name)
			}
		}
	}
	return all
}

// ParseQuery compiles search parameters of R4 section 3.1.1. Unknown or unsupported
// parameters and modifiers are Invalid (a warning if lenient).
func ParseQuery(typ string, params []fhir.Param, o QueryOptions) (*Query, error) {
	if !fhir.IsResourceType(typ) {
		return nil, invalidParam("", "A search needs one R4 resource type.")
	}
	p, err := newParser(params, o)
	if err != nil {
		return nil, err
	}
	p.q.Type, p.types = typ, []string{typ}
	for _, param := range params {
		if err := p.lenient(param, p.param(param)); err != nil {
			return nil, err
		}
	}
	if err := p.compartment(); err != nil {
		return nil, err
	}
	return p.finish(), nil
}

// newParser refuses more than a search may have.
func newParser(params []fhir.Param, o QueryOptions) (*queryParser, error) {
	if len(params) > maxParams {
		return nil, invalidParam("", "A search has at most 64 parameters.")
	}
	size := 0
	for _, param := range params {
		size += len(param.Name) + len(param.Value)
	}
	if size > maxSize { // a chain may compile them for every type
		return nil, &fhir.Error{Kind: fhir.TooLarge, Detail: "The parameters of a search have at most 256 KB."}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &queryParser{o: o, q: &Query{Count: -1}, seen: map[string]bool{}}, nil
}

// queryParser collects the parameters of one search.
type queryParser struct {
	o        QueryOptions
	q        *Query
	types    []string // that are searched
	where    All
	criteria []fhir.Param // the understood ones, for Self
	controls []fhir.Param
	seen     map[string]bool // control parameters so far
	leaves   int
	among    int // leaves of other types
}

// param parses one parameter.
func (p *queryParser) param(param fhir.Param) error {
	if param.Name == "_format" || param.Name == "_pretty" {
		return nil
	}
	if p.o.Alone && asksOthers(param.Name) {
		return &unknownParam{"Chains, _has, _list, _filter, _text, _content and includes are not supported for this type."}
	}
	if set, ok := controls[param.Name]; ok {
		return p.control(param, set)
	}
	c, err := p.criterion(p.q.Type, param, 0)
	if e, ok := err.(*fhir.Error); ok {
		e.Expression = param.Name // as the client wrote it, also in a chain
	}
	if err != nil {
		return err
	}
	p.where = p.where.and(param, c)
	p.criteria = append(p.criteria, param)
	return nil
}

// and adds the condition of a parameter. The parts of a filter are added one by one, as if
// they were parameters.
func (all All) and(param fhir.Param, c Condition) All {
	if parts, several := c.(All); several && param.Name == "_filter" {
		return append(all, parts...)
	}
	return append(all, c)
}

// asksOthers says whether a parameter needs other resources than those searched for.
func asksOthers(name string) bool {
	return strings.Contains(name, ".") || name == "_list" || name == "_filter" || name == textParam || name == contentParam || strings.HasPrefix(name, "_has:") || strings.HasPrefix(name, "_include") || strings.HasPrefix(name, "_revinclude")
}

// lenient turns an unknown parameter into a warning, if the client asks for that.
func (p *queryParser) lenient(param fhir.Param, err error) error {
	unknown, ok := err.(*unknownParam)
	switch {
	case !ok:
		return err
	case !p.o.Lenient:
		return invalidParam(param.Name, unknown.detail)
	}
	p.q.Warnings = append(p.q.Warnings, fhir.Issue{Code: "not-supported", Detail: unknown.detail, Expression: param.Name, Warning: true})
	return nil
}

// unknownParam is the error of an unknown parameter, modifier or target.
type unknownParam struct{ detail string }

func (u *unknownParam) Error() string { return u.detail }

func invalidParam(name, detail string) error {
	return &fhir.Error{Kind: fhir.Invalid, Detail: detail, Expression: name}
}

// compartment adds the condition of a compartment search.
func (p *queryParser) compartment() error {
	if p.o.Compartment == "" {
		return nil
	}
	ref, err := fhir.ParseRef(p.o.Compartment)
	if err != nil {
		return err
	}
	if !fhir.IsCompartment(ref.Type) {
		return invalidParam("", "There is no compartment of this type: use Patient, Encounter, Practitioner, RelatedPerson or Device.")
	}
	p.where = append(p.where, HasKey{CompartmentKey(ref.String())})
	p.q.Reads = append(p.q.Reads, compartmentReads(ref.Type, p.q.Type)...)
	p.patient(ref)
	return nil
}

// patient notes a patient that the criteria name.
func (p *queryParser) patient(ref fhir.Ref) {
	if ref.Type == "Patient" {
		p.q.Patients = append(p.q.Patients, ref.String())
	}
}

func (p *queryParser) finish() *Query {
	slices.Sort(p.q.Patients)
	p.q.Patients = slices.Compact(p.q.Patients)
	p.q.Where = optimize(p.where)
	p.q.Self = canonical(p.criteria) + canonical(p.controls)
	p.q.Self = strings.TrimPrefix(p.q.Self, "&")
	return p.q
}

// canonical writes parameters sorted by name, each after a '&'.
func canonical(params []fhir.Param) string {
	slices.SortStableFunc(params, func(a, b fhir.Param) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
	keep := strings.NewReplacer("%3A", ":", "%2C", ",", "%2F", "/", "%24", "$", "+", "%20")
	var b strings.Builder
	for _, p := range params {
		b.WriteString("&" + keep.Replace(url.QueryEscape(p.Name)) + "=" + keep.Replace(url.QueryEscape(p.Value)))
	}
	return b.String()
}
