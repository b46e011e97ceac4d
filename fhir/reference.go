package fhir

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Ref names one resource: a type and a logical id.
type Ref struct{ Type, ID string }

// String is the relative reference, "Patient/1".
func (r Ref) String() string { return r.Type + "/" + r.ID }

// ParseRef reads a relative reference "Type/id". The type must be an R4
// resource type, the id must match [A-Za-z0-9\-.]{1,64}; otherwise Invalid.
func ParseRef(s string) (Ref, error) {
	typ, id, _ := strings.Cut(s, "/")
	if !IsResourceType(typ) {
		return Ref{}, &Error{Kind: Invalid, Detail: "A reference must begin with an R4 resource type, as in Patient/1."}
	}
	if err := CheckID(id); err != nil {
		return Ref{}, err
	}
	return Ref{Type: typ, ID: id}, nil
}

// CheckID returns an Invalid error if id cannot be the logical id of a resource.
func CheckID(id string) error {
	if IsID(id) {
		return nil
	}
	return &Error{Kind: Invalid, Detail: "A logical id has 1 to 64 characters from A-Z, a-z, 0-9, '-' and '.'."}
}

// IsID says whether id can be the logical id of a resource.
func IsID[T string | []byte](id T) bool {
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// Below cuts the server's base URL off an absolute URL; ok is false for any other value.
// bases are all base URLs by which the server was ever known, separated by spaces: a URL
// that was its own stays so. Nothing else compares a URL with the base.
func Below[T string | []byte](value T, bases string) (rest T, ok bool) {
	for bases != "" {
		var base string
		base, bases, _ = strings.Cut(bases, " ")
		base = strings.TrimRight(base, "/")
		if n := len(base); n > 0 && len(value) > n && value[n] == '/' && string(value[:n]) == base {
			return value[n+1:], true
		}
	}
	return value, false
}

// ParseReference reads the value of a Reference.reference that names a resource of this
// server: relative, or absolute below one of bases (see Below), possibly with a version.
// ok is false for any other reference, even if valid: a fragment, a urn, a resource
// of another server, a conditional reference.
func ParseReference(value, bases string) (ref Ref, version int64, ok bool) {
	value, _ = Below(value, bases)
	name, history, versioned := strings.Cut(value, "/_history/")
	typ, id, _ := strings.Cut(name, "/")
	if !IsID(id) || !IsResourceType(typ) {
		return Ref{}, 0, false
	}
	if versioned {
		if version, ok = ParseVersion(history); !ok {
			return Ref{}, 0, false
		}
	}
	return Ref{Type: typ, ID: id}, version, true
}

// ParseLink reads the URL of an Attachment as the resource of this server to which it may
// lead in one spelling or another: readers follow it, and no rule says how it is written.
func ParseLink(value, bases string) (Ref, bool) {
	if ref, _, ok := ParseReference(value, bases); ok || value == "" {
		return ref, ok
	}
	u, err := url.Parse(value)
	if err != nil || u.Opaque != "" {
		return Ref{}, false
	}
	if bases == "" && !u.IsAbs() {
		bases = "http://localhost"
	}
	for base := range strings.FieldsSeq(bases) {
		b, err := url.Parse(strings.TrimRight(base, "/") + "/")
		if err != nil {
			continue
		}
		if at := b.ResolveReference(u); leadsBelow(at, base) {
			path := strings.TrimPrefix(at.JoinPath().Path, b.JoinPath().Path)
			if ref, _, ok := ParseReference(strings.Trim(path, "/"), ""); ok {
				return ref, true
			}
		}
	}
	return Ref{}, false
}

// PlainReference says whether the target of a reference is unambiguous: Type/id
// (with or without a version), an absolute URI elsewhere, or a fragment. Some
// readers would take other relative paths, and other spellings of URLs below one of
// bases, for a resource of this server that its compartments do not know. target is
// normalised, as in Facts.References.
func PlainReference(target, bases string) bool {
	if strings.HasPrefix(target, "#") {
		return true
	}
	if _, _, ok := ParseReference(target, bases); ok {
		return true
	}
	u, err := url.Parse(target)
	if err != nil || !u.IsAbs() {
		return false
	}
	for base := range strings.FieldsSeq(bases) {
		if leadsBelow(u, base) {
			return false
		}
	}
	return true
}

// leadsBelow says whether a URL, however it is spelled, is below a base URL.
func leadsBelow(u *url.URL, base string) bool {
	b, err := url.Parse(base)
	if err != nil || !strings.EqualFold(u.Host, b.Host) || u.Host == "" {
		return false
	}
	below := strings.TrimSuffix(b.JoinPath().Path, "/") + "/" // JoinPath cleans
	return strings.HasPrefix(strings.TrimSuffix(u.JoinPath().Path, "/")+"/", below)
}

// ParseVersion reads a version id of this server: a positive integer in its
// shortest form.
func ParseVersion(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != s {
		return 0, false
	}
	return n, true
}

// ParseETag reads an entity tag of this server, W/"3", as a version. It also
// accepts the strong form "3", which RFC 7232 clients send.
func ParseETag(s string) (int64, bool) {
	s = strings.TrimPrefix(strings.TrimSpace(s), "W/")
	if len(s) < 3 || s[0] != '"' || s[len(s)-1] != '"' {
		return 0, false
	}
	return ParseVersion(s[1 : len(s)-1])
}

// ETag is the entity tag of a version, W/"3".
func ETag(version int64) string { return `W/"` + strconv.FormatInt(version, 10) + `"` }

// Match are the versions that If-Match names, of which one must be the current one; nil is
// no condition, and that of If-Match: * is that there is one.
type Match []int64

// anyVersion is *.
const anyVersion = -1

// Allows says whether a version, perhaps that of a deleted resource, may be the current one.
func (m Match) Allows(version int64, deleted bool) bool {
	return m == nil || slices.Contains(m, version) || !deleted && slices.Contains(m, anyVersion)
}

// Parse reads the list of entity tags of If-Match. ok is false for anything else.
func (m *Match) Parse(list string) (ok bool) {
	if strings.TrimSpace(list) == "*" {
		*m = Match{anyVersion}
		return true
	}
	for tag := range strings.SplitSeq(list, ",") {
		version, ok := ParseETag(tag)
		if !ok {
			return false
		}
		*m = append(*m, version)
	}
	return true
}
