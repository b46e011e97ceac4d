package fhir

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"strings"
	"sync"
)

//go:generate go run ./gen -package $FHIR_DEFINITIONS

// definitionsTable is the table of R4 facts: gzipped lines of a letter and
// tab-separated fields. The generator in gen writes it, parseDefinitions reads it:
//
//	V number name                             an enumerable value set
//	S system codes                            its codes of one system, separated by spaces, sorted
//	T name kind                               a type; a backbone element is a type named by its path
//	E name flags types targets set            its elements; flags 1 mandatory * repeats s summary m modifier
//	P code kind bases targets expression      a search parameter
//	X code kind expression                    a component of it
//	C code                                    a compartment
//	R type parameters                         the parameters that place a type in it
//
//go:embed definitions.gz
var definitionsTable []byte

// definitions decodes the tables on the first call.
var definitions = sync.OnceValue(func() *Definitions {
	d, err := decodeDefinitions(definitionsTable)
	if err != nil {
		// Every scan will report it. A test reads this very table.
		return &Definitions{byName: map[string]int32{}, broken: err}
	}
	return d
})

// R4 returns the definitions of FHIR R4. Callers must not change them.
func R4() *Definitions { return definitions() }

// Definitions are the definitions of R4 that documents, index keys and queries need.
type Definitions struct {
	Types        []Type
	Elements     []Element
	members      []member
	slots        []uint16 // hash tables from JSON names to members, one per type
	byName       map[string]int32
	params       []SearchParam
	byBase       map[string][]SearchParam
	compartments map[string]map[string][]string // compartment, type: parameters
	marks        landmarks
	deciding     func() []bool // elements on which access rests, see ParseLoosely
	broken       error
}

// landmarks are the types and elements that rules of R4 name.
type landmarks struct {
	resource, bundle, extension, coding, concept int32 // types
	canonical, uri, url, oid, uuid               int32
	referenceType                                int32
	reference, security                          int32 // the elements Reference.reference and Meta.security
}

// isURI says whether a type is uri or one of its kinds.
func (m *landmarks) isURI(typ int32) bool {
	return typ == m.uri || typ == m.url || typ == m.canonical || typ == m.oid || typ == m.uuid
}

type typeKind uint8

const (
	abstractType typeKind = iota
	primitiveType
	complexType
	backboneType
	resourceType
)

// Type is one type.
type Type struct {
	Name        string // Patient, HumanName, date; a backbone element is named by its path, Patient.contact
	kind        typeKind
	format      *format // of a primitive
	json        byte    // of a primitive: how it is written, as Node.Kind
	first, end  int32   // its elements are Definitions.Elements[first:end], in the order of R4
	mandatory   uint64  // bit i: element first+i must be present
	slots, mask int32   // its part of Definitions.slots
}

// IsResource says whether the type is a concrete resource type.
func (t *Type) IsResource() bool { return t.kind == resourceType }

// InResource says whether the elements of the type belong to a resource itself
// rather than to a data type.
func (t *Type) InResource() bool { return t.kind == resourceType || t.kind == backboneType }

// IsPrimitive says whether values of the type are JSON strings, numbers or booleans.
func (t *Type) IsPrimitive() bool { return t.kind == primitiveType }

// IsBackbone says whether the type is a part of another one, named by its path.
func (t *Type) IsBackbone() bool { return t.kind == backboneType }

// Span is where the elements of the type are in Definitions.Elements, in the order of R4.
func (t *Type) Span() (first, end int32) { return t.first, t.end }

// Element is one element of one type.
type Element struct {
	Name      string  // without [x]
	Owner     int32   // index of the type it is an element of
	Bit       uint64  // 1 << position within the owner
	Types     []int32 // the types it can have; a content reference has the type referred to
	targets   []int32 // types a Reference may point to; empty means any
	codes     *codeSet
	mandatory bool
	Array     bool
	Choice    bool // name[x]
	summary   bool
	modifier  bool
}

// member is a JSON member name of a type: valueQuantity leads to the element
// value with the type Quantity.
//
// It also has what a scan needs at every value: properties of the element and its
// type, and the first and last eight bytes of the quoted name. It fills one line of
// the processor's cache.
type member struct {
	quoted     string // the name in quotes
	head, tail uint64
	bit        uint64
	elem, typ  int32
	lack       uint8 // bits missing from the quoted name to eight bytes
	kind       typeKind
	json       byte
	array      bool
	text       bool // a single string
}

func (m *member) name() string { return m.quoted[1 : len(m.quoted)-1] }

// SearchParam is one search parameter as R4 defines it.
type SearchParam struct {
	Name       string
	Kind       string // number date string token reference composite quantity uri special
	Bases      []string
	Targets    []string // of a reference
	Expression string   // alternatives for all bases; may be ""
	Components []Component
}

// Component is one part of a composite parameter.
type Component struct {
	Name       string // the parameter that defines the part's meaning
	Kind       string
	Expression string // relative to the composite's expression
}

func decodeDefinitions(packed []byte) (*Definitions, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("read R4 definitions: %w", err)
	}
	var text strings.Builder
	text.Grow(10 * len(packed))
	if _, err := io.Copy(&text, z); err != nil {
		return nil, fmt.Errorf("read R4 definitions: %w", err)
	}
	d, err := parseDefinitions(text.String())
	if err != nil {
		return nil, fmt.Errorf("read R4 definitions: %w", err)
	}
	return d, nil
}

// SearchParams lists the parameters of a resource type, including those of
// Resource and DomainResource.
func SearchParams(typ string) []SearchParam { return definitions().byBase[typ] }

// CompartmentParams lists the parameters that place a resource of a type into
// a compartment (Patient, Encounter, Practitioner, RelatedPerson, Device).
func CompartmentParams(compartment, typ string) []string {
	return definitions().compartments[compartment][typ]
}

// IsCompartment says whether R4 defines a compartment with that name.
func IsCompartment(name string) bool { return definitions().compartments[name] != nil }

// ResourceTypes lists the concrete resource types by name.
func ResourceTypes() []string {
	d := definitions()
	var names []string
	for i := range d.Types {
		if d.Types[i].kind == resourceType {
			names = append(names, d.Types[i].Name)
		}
	}
	return names
}

// IsResourceType says whether name is a concrete resource type.
func IsResourceType(name string) bool {
	d := definitions()
	i, ok := d.byName[name]
	return ok && d.Types[i].IsResource()
}

// member finds a JSON member of a type, or returns nil.
func (d *Definitions) member(t *Type, name []byte) *member {
	if i := d.memberIndex(t, name); i >= 0 {
		return &d.members[i]
	}
	return nil
}

func (d *Definitions) memberIndex(t *Type, name []byte) int32 {
	for at := hashName(name); ; at++ {
		i := d.slots[t.slots+int32(at)&t.mask]
		if i == 0 {
			return -1
		}
		if d.members[i-1].name() == string(name) {
			return int32(i - 1)
		}
	}
}

// hashName hashes the parts in which the names of one type differ.
func hashName[T string | []byte](name T) uint32 {
	n := len(name)
	if n == 0 {
		return 0
	}
	return uint32(n)*31 + uint32(name[0])*7 + uint32(name[n-1])*131 + uint32(name[n/2])*521
}

// Element finds an element of a type by its name without [x], or returns -1.
func (d *Definitions) Element(typ int32, name string) int32 {
	t := &d.Types[typ]
	for i := t.first; i < t.end; i++ {
		if d.Elements[i].Name == name {
			return i
		}
	}
	return -1
}

// TypeIndex finds a type by name, or returns -1.
func (d *Definitions) TypeIndex(name string) int32 {
	if i, ok := d.byName[name]; ok {
		return i
	}
	return -1
}

// ChoiceName is the JSON name of a choice element with one of its types.
func ChoiceName(name, typ string) string { return name + strings.ToUpper(typ[:1]) + typ[1:] }
