package fhir

import (
	"encoding/binary"
	"errors"
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
}

// factsFormat begins the encoding: another encoding would have another number.
const factsFormat = 1

// AppendBinary appends the encoding that ParseFacts reads.
func (f *Facts) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, factsFormat)
	b = appendString(appendString(b, f.Type), f.ID)
	for _, list := range [...][]string{f.Patients, f.Profiles, f.References, f.Authors} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			b = appendString(b, s)
		}
	}
	for _, list := range [...][]Coding{f.Labels, f.Codes} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, c := range list {
			b = appendString(appendString(b, c.System), c.Code)
		}
	}
	return binary.AppendVarint(binary.AppendVarint(b, f.Start), f.End), nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errFacts = errors.New("facts: damaged encoding")

// ParseFacts is the inverse of AppendBinary; damaged bytes are an error, never a panic.
func ParseFacts(b []byte) (Facts, error) {
	var f Facts
	if len(b) == 0 || b[0] != factsFormat {
		return f, errFacts
	}
	r := factsReader{rest: string(b[1:])}
	f.Type, f.ID = r.string(), r.string()
	f.Patients, f.Profiles, f.References, f.Authors = r.strings(), r.strings(), r.strings(), r.strings()
	f.Labels, f.Codes = r.codings(), r.codings()
	f.Start, f.End = r.time(), r.time()
	if r.bad || r.rest != "" {
		return Facts{}, errFacts
	}
	return f, nil
}

// factsReader reads values off the front. After an error it returns zero values.
type factsReader struct {
	rest string
	bad  bool
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
