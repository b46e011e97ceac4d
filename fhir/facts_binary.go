package fhir

import (
	"encoding/binary"
	"errors"
	"slices"
)

// Coding is a system and a code; System may be "".
type Coding struct{ System, Code string }

// Facts is what visibility rules (policy constraints and consent) need to know
// about one version of a resource. Stores keep it with the version, see
// AppendBinary.
type Facts struct {
	Type, ID   string
	Patients   []string // "Patient/1" for every patient compartment the resource is in, sorted
	Labels     []Coding // meta.security of the resource and of everything contained
	Codes      []Coding // codes a Consent provision.code can match (code, type, category, class, vaccineCode, medication...)
	Profiles   []string // meta.profile
	References []string // normalised targets of all references ("Type/id" or URL), sorted, unique
	Authors    []string // references of author-like elements (author, recorder, performer, asserter, agent...)
	Start, End int64    // clinical time as DateRange; unknown if Start > End
	Contents   []string // what Attachments point to on this server ("Binary/1"), sorted, unique
	Logical    []string // system|value of patients who are named by an identifier alone, sorted, unique
	Blind      []string // of References and Contents, what the writer could not see, or was not there
	Inside     []Facts  // of the resources inside, contained or in a Bundle, without theirs

	// What follows is not kept.

	Later      []string // of a past version: references and contents of later ones, which protect it
	Loose      bool     // of a past version: it or a later one is in nobody's compartment
	Inherited  []string // of one in nobody's compartment: patients of what it leads to; whoever judges finds them
	Identified []string // patients of Logical; whoever judges finds them
	Traced     bool     // Inherited and Identified have been looked for
	LaterCodes []Coding // of a past version: codes of later ones, which protect it
	Ruled      []Coding // labels by rules about codes; whoever judges finds them ...
	RuledBy    int64    // ... by the rules with this number, 0: by none
}

// LeadsTo says whether the resource refers to or holds a target that its writer knew.
func (f *Facts) LeadsTo(target string) bool {
	return (slices.Contains(f.References, target) || slices.Contains(f.Contents, target)) && !slices.Contains(f.Blind, target)
}

// AllLabels are those of the document, and those by rules.
func (f *Facts) AllLabels() []Coding {
	if len(f.Ruled) == 0 {
		return f.Labels
	}
	return slices.Concat(f.Labels, f.Ruled)
}

// Whose are all patients whose data it is.
func (f *Facts) Whose() []string {
	if len(f.Inherited)+len(f.Identified) == 0 {
		return f.Patients
	}
	all := slices.Concat(f.Patients, f.Inherited, f.Identified)
	slices.Sort(all)
	return slices.Compact(all)
}

// factsFormat begins the encoding: another encoding has another number. The first one
// ended with the clinical time.
const (
	factsFormat = 2
	factsOf1    = 1
)

// AppendBinary appends the encoding that ParseFacts reads.
func (f *Facts) AppendBinary(b []byte) ([]byte, error) {
	return f.append(append(b, factsFormat)), nil
}

func (f *Facts) append(b []byte) []byte {
	b = appendString(appendString(b, f.Type), f.ID)
	for _, list := range [...][]string{f.Patients, f.Profiles, f.References, f.Authors} {
		b = appendStrings(b, list)
	}
	for _, list := range [...][]Coding{f.Labels, f.Codes} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, c := range list {
			b = appendString(appendString(b, c.System), c.Code)
		}
	}
	b = binary.AppendVarint(binary.AppendVarint(b, f.Start), f.End)
	b = appendStrings(appendStrings(appendStrings(b, f.Contents), f.Logical), f.Blind)
	b = binary.AppendUvarint(b, uint64(len(f.Inside)))
	for i := range f.Inside {
		b = f.Inside[i].append(b)
	}
	return b
}

func appendStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errFacts = errors.New("facts: damaged encoding")

// ParseFacts is the inverse of AppendBinary; damaged bytes are an error, never a panic.
func ParseFacts(b []byte) (Facts, error) {
	if len(b) == 0 || b[0] != factsFormat && b[0] != factsOf1 {
		return Facts{}, errFacts
	}
	r := factsReader{rest: string(b[1:]), format: b[0]}
	f := r.facts(true)
	if r.bad || r.rest != "" {
		return Facts{}, errFacts
	}
	return f, nil
}

// factsReader reads values off the front. After an error it returns zero values.
type factsReader struct {
	rest   string
	format byte
	bad    bool
}

// leastFacts is how many bytes facts have at least.
const leastFacts = 14

// facts reads facts; only the outermost have others inside.
func (r *factsReader) facts(outermost bool) (f Facts) {
	f.Type, f.ID = r.string(), r.string()
	f.Patients, f.Profiles, f.References, f.Authors = r.strings(), r.strings(), r.strings(), r.strings()
	f.Labels, f.Codes = r.codings(), r.codings()
	f.Start, f.End = r.time(), r.time()
	if r.format == factsOf1 {
		return f
	}
	f.Contents, f.Logical, f.Blind = r.strings(), r.strings(), r.strings()
	if f.Inside = readList(r, leastFacts, func() Facts { return r.inside(outermost) }); r.bad {
		return Facts{}
	}
	return f
}

func (r *factsReader) inside(allowed bool) Facts {
	if !allowed {
		r.bad, r.rest = true, ""
		return Facts{}
	}
	return r.facts(false)
}

func (r *factsReader) number() uint64 {
	v, n := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if n <= 0 {
		r.bad, r.rest = true, ""
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// time undoes the zigzag of a signed number.
func (r *factsReader) time() int64 {
	v := r.number()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *factsReader) string() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *factsReader) strings() []string { return readList(r, 1, r.string) }

func (r *factsReader) codings() []Coding {
	return readList(r, 2, func() Coding { return Coding{r.string(), r.string()} })
}

// readList reads a list of items of at least size bytes each.
func readList[T any](r *factsReader, size int, read func() T) []T {
	n := r.number()
	if n > uint64(len(r.rest)/size) {
		r.bad, r.rest = true, ""
		return nil
	}
	var list []T
	if n > 0 {
		list = make([]T, n)
	}
	for i := range list {
		list[i] = read()
	}
	return list
}
