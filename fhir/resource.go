package fhir

import "time"

// Hash is the SHA-256 of a resource's stored bytes.
type Hash [32]byte

// Resource is one FHIR resource as its JSON bytes (rule: bytes are the truth)
// together with what one pass over them found. It is immutable.
type Resource struct{}

// Parse checks data in one pass: strict JSON (RFC 8259, UTF-8, no duplicate
// members, depth and size limits) and the R4 structure (elements, types,
// cardinalities, formats, required bindings, choice types, contained and
// reference rules, invariants). The error is an *Error with one Issue per finding, up to 50.
func Parse(data []byte) (*Resource, error) { panic("contract") }

// Open reads stored bytes, which Parse accepted once: same pass, no findings.
func Open(data []byte) (*Resource, error) { panic("contract") }

func (r *Resource) Type() string           { panic("contract") }
func (r *Resource) ID() string             { panic("contract") } // "" if absent
func (r *Resource) Version() int64         { panic("contract") } // meta.versionId, 0 if absent or no integer
func (r *Resource) LastUpdated() time.Time { panic("contract") }
func (r *Resource) Bytes() []byte          { panic("contract") } // callers must not change them
func (r *Resource) Hash() Hash             { panic("contract") }

// Stamp returns the resource with id, meta.versionId and meta.lastUpdated
// (UTC, milliseconds) spliced into the bytes; every other byte stays.
func (r *Resource) Stamp(id string, version int64, lastUpdated time.Time) (*Resource, error) {
	panic("contract")
}

// References lists the values of all Reference.reference elements and of
// uri/canonical/url elements that hold urn:uuid: or urn:oid:, in order, unescaped.
func (r *Resource) References() []string { panic("contract") }

// MapReferences returns the resource with every such value replaced by what
// target returns for it; ok=false leaves the bytes as they are.
func (r *Resource) MapReferences(target func(value string) (replacement string, ok bool)) (*Resource, error) {
	panic("contract")
}

// Index returns the search keys. base is the server's base URL ("" if none):
// absolute references below it are indexed as relative ones.
func (r *Resource) Index(base string) (*Index, error) { panic("contract") }

// Facts returns what visibility rules ask about the resource.
func (r *Resource) Facts(base string) Facts { panic("contract") }
