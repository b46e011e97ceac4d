package fhir

import (
	"crypto/sha256"
	"strconv"
	"time"
)

// Hash is the SHA-256 of a resource's stored bytes.
type Hash [32]byte

// Resource is one FHIR resource: its JSON bytes (rule: bytes are the truth) and
// what one pass over them found. It is immutable.
type Resource struct {
	data    []byte
	typ     string
	id      string
	version int64
	updated time.Time
	at      places
	links   []place // the references, if linked
	linked  bool
}

// place is a link in the document and its text.
type place struct {
	extent
	text string // but of a narrative
	kind linkKind
}

// places are where Stamp writes. They are known for scanned documents, but not for
// those that Stamp made, which rarely need them.
type places struct {
	known                bool
	typeEnd              int    // after the value of resourceType
	id, meta             extent // of the values; zero if absent
	versionID, updatedAt extent // in meta
}

// Parse checks data in one pass: strict JSON (RFC 8259, UTF-8, no duplicate
// members, depth and size limits) and the R4 structure (elements, types,
// cardinalities, formats, required bindings, choice types, contained and
// reference rules, invariants). The error is an *Error with up to 50 Issues, one
// per finding.
//
// The Resource keeps data: the caller must not change it afterwards.
func Parse(data []byte) (*Resource, error) {
	s, err := scan(data, true)
	if err != nil {
		return nil, err
	}
	defer s.close()
	r := s.resourceFound()
	r.links, r.linked = s.linksFound(), true
	return r, nil
}

// Open reads stored bytes that Parse accepted before: same pass, no checks.
func Open(data []byte) (*Resource, error) {
	s, err := openTape(data)
	if err != nil {
		return nil, &Error{Kind: Internal, Detail: "A stored resource cannot be read.", Err: err}
	}
	defer s.close()
	return s.resourceFound(), nil
}

// resourceFound makes the Resource of the scanned document.
func (s *scanner) resourceFound() *Resource {
	r := &Resource{data: s.data, typ: s.d.Types[s.Nodes[0].Type].Name, at: places{known: true, typeEnd: s.typeEnd}}
	for c := range s.children(0) {
		switch n := &s.Nodes[c]; s.nameOf(c) {
		case "id":
			if !n.PrimitiveExt {
				r.at.id = n.extent()
				r.id = string(s.text(c))
			}
		case "meta":
			r.at.meta = n.extent()
			s.readMeta(c, r)
		}
	}
	return r
}

func (s *scanner) readMeta(meta int32, r *Resource) {
	for c := range s.children(meta) {
		n := &s.Nodes[c]
		if n.PrimitiveExt {
			continue
		}
		switch s.nameOf(c) {
		case "versionId":
			r.at.versionID = n.extent()
			r.version, _ = ParseVersion(string(s.text(c)))
		case "lastUpdated":
			r.at.updatedAt = n.extent()
			r.updated, _ = time.Parse(time.RFC3339Nano, string(s.text(c)))
		}
	}
}

// Type is the resourceType.
func (r *Resource) Type() string { return r.typ }

// ID is the logical id, "" if absent.
func (r *Resource) ID() string { return r.id }

// Version is meta.versionId, 0 if it is absent or no positive integer.
func (r *Resource) Version() int64 { return r.version }

// LastUpdated is meta.lastUpdated, the zero time if absent.
func (r *Resource) LastUpdated() time.Time { return r.updated }

// Bytes is the document itself. Callers must not change it.
func (r *Resource) Bytes() []byte { return r.data }

// Hash computes the SHA-256 of Bytes.
func (r *Resource) Hash() Hash { return sha256.Sum256(r.data) }

// Stamp returns the resource with id, meta.versionId and meta.lastUpdated
// (UTC, milliseconds) spliced into the bytes; every other byte stays.
func (r *Resource) Stamp(id string, version int64, lastUpdated time.Time) (*Resource, error) {
	if !IsID(id) || version <= 0 {
		return nil, &Error{Kind: Internal, Detail: "A resource cannot be stored under that id and version."}
	}
	if !r.at.known {
		var err error
		if r, err = Open(r.data); err != nil {
			return nil, err
		}
	}
	p := patch{data: r.data, splices: make([]splice, 0, 3)}
	r.stampID(&p, id)
	updated := instant(lastUpdated)
	r.stampMeta(&p, strconv.FormatInt(version, 10), updated)
	stamped := &Resource{data: p.apply(), typ: r.typ, id: id, version: version}
	stamped.updated, _ = time.Parse(time.RFC3339Nano, updated)
	return stamped, nil
}

func (r *Resource) stampID(p *patch, id string) {
	if at := r.at.id; at.end > 0 {
		p.replace(at, `"`+id+`"`)
		return
	}
	p.insert(r.at.typeEnd, `,"id":"`+id+`"`)
}

func (r *Resource) stampMeta(p *patch, version, updated string) {
	at := r.at
	if at.meta.end == 0 {
		after := max(at.typeEnd, at.id.end)
		p.insert(after, `,"meta":{"versionId":"`+version+`","lastUpdated":"`+updated+`"}`)
		return
	}
	lack := ""
	if at.versionID.end > 0 {
		p.replace(at.versionID, `"`+version+`"`)
	} else {
		lack = `"versionId":"` + version + `"`
	}
	if at.updatedAt.end > 0 {
		p.replace(at.updatedAt, `"`+updated+`"`)
	} else {
		lack = join(lack, `"lastUpdated":"`+updated+`"`)
	}
	if lack == "" {
		return
	}
	if !r.emptyMeta() {
		lack += ","
	}
	p.insert(at.meta.start+1, lack)
}

// emptyMeta says whether meta has no members.
func (r *Resource) emptyMeta() bool {
	for _, c := range r.data[r.at.meta.start+1:] {
		if !isSpace(c) {
			return c == '}'
		}
	}
	return false
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "," + b
}
