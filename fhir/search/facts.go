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
	x := extract(t, base, limitsOf(len(r.Bytes())))
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
	x.inside(f)
	for i := range x.Nodes {
		if !x.Nodes[i].PrimitiveExt {
			x.fact(int32(i), f)
		}
	}
	tidy(f)
	x.clinicalTime(f)
}

func tidy(f *fhir.Facts) {
	f.Patients, f.References, f.Authors = unique(f.Patients), unique(f.References), unique(f.Authors)
	f.Contents, f.Logical = unique(f.Contents), unique(f.Logical)
	f.Labels, f.Codes = uniqueCodings(f.Labels), uniqueCodings(f.Codes)
}

// inside adds the facts of each resource inside by itself: what a rule says of one of them
// it says of the whole. Their times are unknown.
func (x *extractor) inside(f *fhir.Facts) {
	for _, at := range x.Marked {
		if x.Nodes[at].Elem == x.roles.security {
			continue
		}
		one := fhir.Facts{Type: x.d.Types[x.Nodes[at].Type].Name, ID: string(x.child(at, roleID)), Start: 1}
		for i := at; i < x.Nodes[at].Next; i++ {
			n := &x.Nodes[i]
			if i > at && x.isResource(i) {
				i = n.Next - 1 // has its own
			} else if !n.PrimitiveExt {
				x.fact(i, &one)
			}
		}
		if one.Type == "Patient" {
			x.identifiers(at, f)
		}
		tidy(&one)
		f.Inside = append(f.Inside, one)
	}
}

func (x *extractor) isResource(i int32) bool {
	typ := x.Nodes[i].Type
	return typ >= 0 && x.d.Types[typ].IsResource()
}

// identifiers adds those of a patient inside, who may be one of this server's.
func (x *extractor) identifiers(at int32, f *fhir.Facts) {
	for c := at + 1; c < x.Nodes[at].Next; c = x.Nodes[c].Next {
		if x.class(c) == identifierClass && x.role(c) == roleIdentifier {
			x.logicalName(c, f)
		}
	}
}

// logicalName adds an identifier by which a patient may be meant.
func (x *extractor) logicalName(at int32, f *fhir.Facts) {
	if value := x.child(at, roleValue); len(value) > 0 {
		f.Logical = append(f.Logical, string(x.child(at, roleSystem))+"|"+string(value))
	}
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
	case n.Type == x.roles.attachment:
		if ref, ok := fhir.ParseLink(string(x.child(i, roleURL)), x.base); ok {
			f.Contents = append(f.Contents, ref.String())
		}
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
	} else if of := string(x.child(i, roleType)); of == "" || of == "Patient" {
		if at := x.find(i, roleIdentifier); at >= 0 {
			x.logicalName(at, f)
		}
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
