package search

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// Describe returns what IndexOf returns and the facts that visibility rules need, and
// reads the document once for both.
func Describe(r *fhir.Resource, base string) (*Index, fhir.Facts, error) {
	t, err := fhir.ReadTape(r.Bytes())
	if err != nil {
		return nil, fhir.Facts{}, err
	}
	defer t.Close()
	x := extract(t, base, maxKeys)
	defer x.release()
	if x.fault != nil {
		return nil, fhir.Facts{}, x.fault
	}
	var f fhir.Facts
	x.facts(&f)
	index, err := x.index()
	return index, f, err
}

func (x *extractor) facts(f *fhir.Facts) {
	f.Type, f.ID = x.d.Types[x.Nodes[0].Type].Name, string(x.child(0, roleID))
	for _, p := range x.patients {
		f.Patients, _ = appendNew(f.Patients, x.span(p))
	}
	for i := range x.Nodes {
		if !x.Nodes[i].PrimitiveExt {
			x.fact(int32(i), f)
		}
	}
	if f.Type == "Bundle" {
		f.Codes = x.appendTypes(f.Codes)
	}
	f.Patients, f.References, f.Authors = unique(f.Patients), unique(f.References), unique(f.Authors)
	f.Labels, f.Codes = uniqueCodings(f.Labels), uniqueCodings(f.Codes)
	x.clinicalTime(f)
}

// appendTypes appends the types of the resources inside, which Consents see as the Bundle's
// own classes.
func (x *extractor) appendTypes(list []fhir.Coding) []fhir.Coding {
	for i := 1; i < len(x.Nodes); i++ {
		if typ := x.Nodes[i].Type; typ >= 0 && x.d.Types[typ].IsResource() {
			list = append(list, fhir.Coding{System: "http://hl7.org/fhir/resource-types", Code: x.d.Types[typ].Name})
		}
	}
	return list
}

// fact adds the facts of one node.
func (x *extractor) fact(i int32, f *fhir.Facts) {
	n := &x.Nodes[i]
	switch {
	case n.Elem < 0:
	case n.Elem == x.roles.security:
		f.Labels = x.appendCoding(f.Labels, i)
	case n.Elem == x.roles.profile && x.Nodes[n.Parent].Parent == 0:
		f.Profiles = append(f.Profiles, string(x.value(i)))
	case x.class(i) == referenceClass:
		x.referred(i, f)
	case x.class(i) == codingClass && x.isCode(i):
		f.Codes = x.appendCoding(f.Codes, i)
	}
}

func (x *extractor) appendCoding(list []fhir.Coding, i int32) []fhir.Coding {
	system, code := x.coding(i)
	if code == nil {
		return list
	}
	for k := range min(len(list), fewFacts) {
		if c := &list[k]; c.Code == string(code) && c.System == string(system) {
			return list
		}
	}
	return append(list, fhir.Coding{System: x.systemName(system), Code: string(code)})
}

// fewFacts is how many facts are cheaper to compare than to allocate again.
const fewFacts = 16

// systemName interns the names of systems.
func (x *extractor) systemName(system []byte) string {
	const most, longest = 256, 128
	if name, ok := x.systems[string(system)]; ok {
		return name
	}
	name := string(system)
	if x.systems == nil {
		x.systems = make(map[string]string)
	}
	if len(x.systems) < most && len(name) <= longest {
		x.systems[name] = name
	}
	return name
}

// isCode says whether a Coding describes the resource: it belongs to an element
// of a resource, directly or in a CodeableConcept, and not to another data type or
// an extension.
func (x *extractor) isCode(i int32) bool {
	if p := x.Nodes[i].Parent; x.class(p) == conceptClass {
		i = p
	}
	elem := x.Nodes[i].Elem
	if elem < 0 {
		return false
	}
	return x.d.Types[x.d.Elements[elem].Owner].InResource()
}

// authorNames are the elements whose references name an author.
var authorNames = []string{
	"agent", "assertedBy", "asserter", "attester", "author", "authenticator", "collector", "enterer", "informationSource",
	"interpreter", "legalAuthenticator", "operator", "performer", "prescriber", "provider", "recorder", "reporter",
	"requester", "resultsInterpreter", "sender", "verifier",
}

// referred adds a reference, also as an author if its element or the one around
// it names authors.
func (x *extractor) referred(i int32, f *fhir.Facts) {
	t := target{}
	t.split(x.child(i, roleReference), x.base)
	text := t.url
	if t.typ != nil {
		from := len(x.text)
		x.text = append(append(append(x.text, t.typ...), '/'), t.id...)
		text = x.text[from:]
	}
	if len(text) == 0 {
		return
	}
	ref := ""
	f.References, ref = appendNew(f.References, text)
	if x.isAuthor(i) || x.isAuthor(x.Nodes[i].Parent) {
		f.Authors = append(f.Authors, ref)
	}
}

// appendNew appends a text, unless it is among the first few, and returns its string.
func appendNew(list []string, text []byte) ([]string, string) {
	for k := range min(len(list), fewFacts) {
		if list[k] == string(text) {
			return list, list[k]
		}
	}
	s := string(text)
	return append(list, s), s
}

func (x *extractor) isAuthor(i int32) bool {
	elem := x.Nodes[i].Elem
	return elem >= 0 && slices.Contains(authorNames, x.d.Elements[elem].Name)
}

// timeParams are the parameters with the clinical time, the best first.
var timeParams = []string{
	"date", "occurrence", "effective", "effective-time", "onset-date", "period", "started", "start", "start-date", "collected",
	"identified", "whenhandedover", "when", "authoredon", "authored", "authored-on", "sent", "created", "issued", "recorded",
	"recorded-date", "datewritten",
}

// clinicalTime covers all values of the first time parameter that has any.
func (x *extractor) clinicalTime(f *fhir.Facts) {
	f.Start, f.End = 1, 0
	for _, name := range timeParams {
		for _, d := range x.dates {
			if string(x.span(d.param)) != name {
				continue
			}
			if f.Start > f.End {
				f.Start, f.End = d.lo, d.hi
			}
			f.Start, f.End = min(f.Start, d.lo), max(f.End, d.hi)
		}
		if f.Start <= f.End {
			return
		}
	}
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

func uniqueCodings(list []fhir.Coding) []fhir.Coding {
	slices.SortFunc(list, func(a, b fhir.Coding) int {
		return cmp.Or(strings.Compare(a.System, b.System), strings.Compare(a.Code, b.Code))
	})
	return slices.Compact(list)
}
