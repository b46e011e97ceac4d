package fhir

import (
	"net/url"
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

// ParseReference reads the value of a Reference.reference that names a resource
// of the server at base: relative, or absolute below base, possibly with a version.
// ok is false for any other reference, even if valid: a fragment, a urn, a resource
// of another server, a conditional reference.
func ParseReference(value, base string) (ref Ref, version int64, ok bool) {
	if base != "" {
		if rest, below := strings.CutPrefix(value, strings.TrimSuffix(base, "/")+"/"); below {
			value = rest
		}
	}
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

// PlainReference says whether the target of a reference is unambiguous: Type/id
// (with or without a version), an absolute URI elsewhere, or a fragment. Some
// readers would take other relative paths, and other spellings of URLs below base,
// for a resource of this server that its compartments do not know. target is
// normalised, as in Facts.References.
func PlainReference(target, base string) bool {
	if strings.HasPrefix(target, "#") {
		return true
	}
	if _, _, ok := ParseReference(target, base); ok {
		return true
	}
	u, err := url.Parse(target)
	if err != nil || !u.IsAbs() {
		return false
	}
	b, err := url.Parse(base)
	if err != nil || base == "" || !strings.EqualFold(u.Host, b.Host) || u.Host == "" {
		return true
	}
	below := strings.TrimSuffix(b.JoinPath().Path, "/") + "/" // JoinPath cleans
	return !strings.HasPrefix(strings.TrimSuffix(u.JoinPath().Path, "/")+"/", below)
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
