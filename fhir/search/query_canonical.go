package search

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// canonical is a URL as the keys of a parameter have it: those of canonicals have their
// versions in lower case.
func (c criterion) canonical(v string) []byte {
	if !isCanonical(c.typ, c.def.Name) {
		return []byte(v)
	}
	url, version, _ := splitCanonical([]byte(v))
	if len(version) == 0 {
		return []byte(v)
	}
	return appendEdition(nil, url, version)
}

// below compiles url|version with :below for a reference.
func (c criterion) below(v string) ([]Condition, error) {
	if some := c.versionsBelow(v); some != nil {
		return some, nil
	}
	return nil, c.invalid("With :below a reference is url|version: it finds this version, and those that begin with it and a dot or dash.")
}

// versionsBelow compiles url|version with :below: of 1.2 also 1.2.3 and 1.2-draft. It is nil
// for anything else.
func (c criterion) versionsBelow(v string) []Condition {
	url, version, _ := splitCanonical([]byte(v))
	if len(version) == 0 || !isCanonical(c.typ, c.def.Name) {
		return nil
	}
	whole := c.def.Name + string(opReference) + string(appendEdition(nil, url, version))
	some := []Condition{HasKey{whole}}
	for _, next := range []string{".", "-"} {
		some = append(some, KeyRange{whole + next, whole + next + keyEnd})
	}
	return some
}

// splitCanonical splits url|version#fragment.
func splitCanonical(v []byte) (url, version, fragment []byte) {
	url = v
	if i := bytes.LastIndexByte(url, '#'); i > 0 {
		url, fragment = url[:i], url[i+1:]
	}
	if i := bytes.LastIndexByte(url, '|'); i > 0 {
		url, version = url[:i], url[i+1:]
	}
	return url, version, fragment
}

// appendEdition appends url|version. Versions are compared without case, as the parameter
// version does.
func appendEdition(to, url, version []byte) []byte {
	return appendCaseless(append(append(to, url...), '|'), version)
}

// appendCaseless appends a text in lower case.
func appendCaseless(to, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		to, text = utf8.AppendRune(to, unicode.ToLower(r)), text[size:]
	}
	return to
}

// Canonical is a reference to what is published under a URL, in one version or, if that is
// "", in any.
type Canonical struct{ URL, Version string }

// Keys are those that what is meant has.
func (c Canonical) Keys() []string {
	keys := []string{"url" + string(opReference) + c.URL}
	if c.Version != "" {
		keys = append(keys, string(appendCode([]byte("version"+string(opToken)), []byte(c.Version))))
	}
	return keys
}

// is says whether an index is that of what is meant.
func (c Canonical) is(x *Index) bool {
	return !slices.ContainsFunc(c.Keys(), func(k string) bool { return !x.has(k) })
}

// Canonicals lists the canonicals of a parameter.
func (x *Index) Canonicals(param string) (all []Canonical) {
	prefix := param + string(opReference)
	for _, k := range x.from(prefix) {
		value, ok := strings.CutPrefix(k, prefix)
		if !ok {
			break
		}
		if i := strings.LastIndexByte(value, '|'); i > 0 && !strings.ContainsAny(value, "#"+string(rune(hashMark))) {
			all = append(all, Canonical{value[:i], value[i+1:]})
		}
	}
	return all
}

// CanonicalKeys are the keys of whatever refers by a canonical of a parameter to a resource
// with an index.
func CanonicalKeys(param string, x *Index) (keys []string) {
	const url, version = "url" + string(rune(opReference)), "version" + string(rune(opToken))
	for _, k := range x.from(url) {
		u, ok := strings.CutPrefix(k, url)
		if !ok {
			break
		}
		if strings.ContainsAny(u, "|"+string(rune(hashMark))) {
			continue
		}
		keys = append(keys, param+string(opReference)+u+"|")
		for _, k := range x.from(version) {
			v, ok := strings.CutPrefix(k, version)
			if !ok {
				break
			}
			if !strings.Contains(v, "|") {
				keys = append(keys, param+string(opReference)+u+"|"+unescapeValue(v))
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// CanonicalPrefix begins the keys of canonicals.
func CanonicalPrefix(param string) string { return param + string(opReference) }

// isCanonical says whether a parameter has canonicals.
func isCanonical(typ, param string) bool {
	p := planned(typ, param)
	return p != nil && p.canonical
}

// caseless says whether all values of a token parameter are strings: case does not count
// then (R4 search, 3.1.1.4.6).
func (c criterion) caseless() bool {
	p := planned(c.typ, c.def.Name)
	return p != nil && p.caseless
}

// planned is a parameter of the plan of a type, nil if it has none.
func planned(typ, param string) *planParam {
	r := rolesOf()
	p := r.plans[r.d.TypeIndex(typ)]()
	i := slices.IndexFunc(p.params, func(one planParam) bool { return one.name == param })
	if i < 0 {
		return nil
	}
	return &p.params[i]
}

// IsCanonical says whether a reference parameter of a type leads to what is published under
// a URL.
func IsCanonical(typ, param string) bool {
	def, ok := findParam(typ, param)
	return ok && def.Kind == "reference" && isCanonical(typ, param)
}

// TargetTypes are the types that a reference parameter of a type can lead to.
func TargetTypes(typ, param string) []string {
	def, _ := findParam(typ, param)
	return def.Targets
}
