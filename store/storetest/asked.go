package storetest

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// kinds are the search parameters of a ward's types, by type, with those of its own.
var kinds = func() map[string][]fhir.CapabilityParam {
	all := map[string][]fhir.CapabilityParam{}
	for _, typ := range wardTypes {
		all[typ] = slices.DeleteFunc(search.CapabilityParams(typ), func(p fhir.CapabilityParam) bool {
			return p.Name == "_text" || p.Name == "_content" || p.Type == "special" // they have forms of their own
		})
	}
	for _, c := range customs {
		all[c[2]] = append(all[c[2]], fhir.CapabilityParam{Name: c[0], Type: c[1]})
	}
	return all
}()

// vocabulary holds the values of the documents of a ward for each parameter, taken from
// their keys: tokens, strings and URIs as a client writes them.
type vocabulary map[string][]string

// learn collects the values of the current documents.
func (m *model) learn() vocabulary {
	set := map[string]map[string]bool{}
	for _, v := range m.current() {
		for _, k := range v.index.Keys {
			i := strings.IndexAny(k, "=#@^!>~/")
			if i < 0 || strings.Contains(k, "\x7f") || k[i] == '~' && strings.ContainsAny(k[i+1:], ",|$\\") {
				continue
			}
			name := v.Ref.Type + "." + codeOf(k[:i]) + k[i:i+1]
			if set[name] == nil {
				set[name] = map[string]bool{}
			}
			set[name][k[i+1:]] = true
		}
	}
	known := vocabulary{}
	for name, values := range set {
		known[name] = slices.Sorted(maps.Keys(values))
	}
	return known
}

// codeOf is the code of a parameter with a name in keys.
func codeOf(name string) string {
	n, own := strings.CutPrefix(name, "¤1_s_")
	if i, err := strconv.Atoi(n); own && err == nil {
		return customs[i][0]
	}
	return name
}

// asker writes queries.
type asker struct {
	*author
	known vocabulary
}

// query writes a search URL, without its page size.
func (a *asker) query(typ string) string {
	var params []string
	for range []int{0, 1, 1, 1, 2, 2, 3}[a.IntN(7)] {
		params = append(params, a.criterion(typ, 3))
	}
	if a.once(3) {
		params = append(params, "_sort="+a.sort(typ))
	}
	for range max(0, a.IntN(5)-2) {
		params = append(params, a.include(typ))
	}
	return typ + "?" + strings.Join(params, "&")
}

// system writes a search over several types, or all.
func (a *asker) system() string {
	var params []string
	if !a.once(6) {
		params = append(params, "_type="+strings.Join([]string{a.pick(wardTypes), a.pick(wardTypes), a.pick(wardTypes)}, ","))
	}
	for range a.IntN(3) {
		typ := a.pick(wardTypes)
		params = append(params, a.pick([]string{
			"_id=" + a.ref(typ).ID + "," + a.ref(typ).ID, "_lastUpdated=ge2026-01-02T03:10", "_security=R", "_security:not=R", "_list=" + a.ref("List").ID,
			"_profile:below=" + escapeURL(escapeValue(a.pick(addresses))), "_tag=" + escapeURL(escapeValue(a.pick(codes))), a.reverse(typ, 1),
		}))
	}
	if a.once(2) {
		params = append(params, "_sort="+a.pick([]string{"_id", "-_id", "_lastUpdated", "-_lastUpdated", "_id,-_lastUpdated"}))
	}
	if a.once(4) {
		params = append(params, a.pick([]string{"_include=*", "_revinclude=Observation:patient"}))
	}
	return "?" + strings.Join(slices.DeleteFunc(params, func(p string) bool { return p == "" }), "&")
}

// criterion writes one parameter, with up to depth chains and _has around it.
func (a *asker) criterion(typ string, depth int) string {
	if depth > 0 && a.once(4) {
		if c := a.chain(typ, depth-1); c != "" {
			return c
		}
	}
	if depth > 0 && a.once(5) {
		if c := a.reverse(typ, depth-1); c != "" {
			return c
		}
	}
	if depth == 3 && a.once(12) {
		return "_filter=" + escapeURL(a.filter(typ, 2))
	}
	if a.once(25) {
		return a.pick([]string{"_text", "_content"}) + "=" + escapeURL(escapeValue(a.part(a.pick(texts))))
	}
	if a.once(30) {
		return "_list=" + a.ref("List").ID
	}
	if typ == "Location" && a.once(3) {
		return a.near()
	}
	p := kinds[typ][a.IntN(len(kinds[typ]))]
	for n := 0; n < 6 && a.values(typ, p) == nil; n++ {
		p = kinds[typ][a.IntN(len(kinds[typ]))]
	}
	if a.once(12) {
		return p.Name + ":missing=" + a.pick([]string{"true", "false"})
	}
	modifier, value := a.form(typ, p)
	values := []string{value()}
	for a.once(3) {
		values = append(values, value())
	}
	return p.Name + modifier + "=" + escapeURL(strings.Join(values, ","))
}

// values are the ones that some document has for a parameter; for ranges any.
func (a *asker) values(typ string, p fhir.CapabilityParam) []string {
	switch p.Type {
	case "date", "number", "quantity", "composite":
		return instants
	case "string":
		return a.known[typ+"."+p.Name+"^"]
	case "reference", "uri":
		return a.known[typ+"."+p.Name+">"]
	}
	return a.known[typ+"."+p.Name+"="]
}

// form chooses a modifier and gives a function that makes values for it.
func (a *asker) form(typ string, p fhir.CapabilityParam) (modifier string, value func() string) {
	of := func(op string, or ...string) func() string {
		values := a.known[typ+"."+p.Name+op]
		return func() string {
			if len(values) == 0 || a.once(6) {
				return escapeValue(a.pick(or))
			}
			return values[a.IntN(len(values))]
		}
	}
	comma := func(f func() string) func() string {
		return func() string { return strings.ReplaceAll(f(), ",", `\,`) }
	}
	switch p.Type {
	case "token":
		return a.tokenForm(of, comma)
	case "string":
		return a.stringForm(of)
	case "reference":
		return a.referenceForm(typ, p.Name, comma(of("#", codes...)))
	case "uri":
		return a.pick([]string{"", "", ":below", ":above"}), func() string { return escapeValue(a.pick(addresses)) }
	case "date":
		return "", func() string { return a.prefix() + a.pick(instants) }
	case "number":
		return "", func() string { return a.prefix() + a.pick(decimals) }
	case "quantity":
		return "", a.amount
	}
	return "", func() string { return a.composite(typ, p.Name) }
}

func (a *asker) tokenForm(of func(string, ...string) func() string, comma func(func() string) func() string) (string, func() string) {
	switch a.IntN(8) {
	case 0:
		return ":not", comma(of("=", codes...))
	case 3:
		return a.meaning()
	case 1:
		return ":text", func() string { return escapeValue(a.part(of("~", "pain", "body height", "zoë")())) }
	case 2:
		if typed := of("@", "")(); typed != "" {
			return ":of-type", comma(func() string { return typed })
		}
	}
	return "", comma(of("=", codes...))
}

func (a *asker) stringForm(of func(string, ...string) func() string) (string, func() string) {
	switch a.IntN(4) {
	case 0:
		return ":exact", func() string { return escapeValue(of("!", texts...)()) }
	case 1:
		return ":contains", func() string { return escapeValue(a.part(a.pick(texts))) }
	}
	return "", func() string { return escapeValue(a.part(of("^", texts...)())) }
}

// part is the beginning, or sometimes the middle, of a value.
func (a *asker) part(v string) string {
	runes := []rune(v)
	from := 0
	if a.once(4) {
		from = a.IntN(len(runes))
	}
	return string(runes[from : from+1+a.IntN(min(20, len(runes)-from))])
}

func (a *asker) referenceForm(typ, param string, identifiers func() string) (string, func() string) {
	targets := wards[typ][param]
	if len(targets) == 0 {
		targets = []string{"Patient"}
	}
	target := a.pick(targets)
	if search.IsCanonical(typ, param) && !a.once(4) {
		return a.pick([]string{"", ":below"}), func() string { return escapeValue(a.pick(forms)) + "%7C" + a.pick(editions) }
	}
	switch a.IntN(6) {
	case 0:
		return ":identifier", identifiers
	case 1:
		return ":" + target, func() string { return a.ref(target).ID }
	case 2:
		return "", func() string { return a.ref(target).ID }
	case 3:
		return "", func() string {
			return a.pick([]string{base, "http://elsewhere.org/fhir"}) + "/" + a.ref(target).String()
		}
	}
	return "", func() string { return a.ref(target).String() }
}

func (a *asker) prefix() string {
	return a.pick([]string{"", "", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})
}

func (a *asker) amount() string {
	v := a.prefix() + a.pick(decimals)
	if u := units[a.IntN(len(units))]; !a.once(3) {
		return v + "|" + u[0] + "|" + u[1]
	}
	return v
}

// composite writes a value of two or three parts.
func (a *asker) composite(typ, name string) string {
	if values := a.known[typ+"."+name+"="]; len(values) > 0 && a.once(2) {
		return strings.ReplaceAll(a.pick(values), ",", `\,`)
	}
	code := escapeValue(a.pick(codes))
	if s := a.pick(systems); s != "" && a.once(2) {
		code = s + "|" + code
	}
	switch {
	case strings.HasSuffix(name, "quantity"):
		return code + "$" + a.amount()
	case strings.HasSuffix(name, "date"):
		return code + "$" + a.prefix() + a.pick(instants)
	case strings.HasSuffix(name, "string"):
		return code + "$" + escapeValue(a.part(a.pick(texts)))
	case strings.HasSuffix(name, "coordinate"):
		return code + "$lt" + a.pick([]string{"10", "100"}) + "$gt" + a.pick([]string{"1", "50", "10"})
	}
	return code + "$" + escapeValue(a.pick(codes))
}

// links lists the reference parameters of a type whose targets are in the ward.
func links(typ string) []string { return slices.Sorted(maps.Keys(wards[typ])) }

func (a *asker) chain(typ string, depth int) string {
	if len(links(typ)) == 0 {
		return ""
	}
	param := a.pick(links(typ))
	target := a.pick(wards[typ][param])
	if typ == "Observation" && a.once(8) {
		return "x-about:Patient." + a.criterion("Patient", depth)
	}
	if a.once(3) && len(wards[typ][param]) == 1 {
		return param + "." + a.criterion(target, depth)
	}
	return param + ":" + target + "." + a.criterion(target, depth)
}

// referring lists Type:param of what can refer to a type.
func referring(typ string) (all []string) {
	for _, source := range wardTypes {
		for _, param := range links(source) {
			if slices.Contains(wards[source][param], typ) {
				all = append(all, source+":"+param)
			}
		}
	}
	return all
}

func (a *asker) reverse(typ string, depth int) string {
	all := referring(typ)
	if len(all) == 0 {
		return ""
	}
	link := a.pick(all)
	if typ == "Patient" && a.once(8) {
		link = "Observation:x-about"
	}
	source, _, _ := strings.Cut(link, ":")
	return "_has:" + link + ":" + a.criterion(source, depth)
}

func (a *asker) sort(typ string) string {
	var by []string
	for len(by) == 0 || a.once(3) {
		p := kinds[typ][a.IntN(len(kinds[typ]))]
		if p.Type == "composite" || strings.HasPrefix(p.Name, "combo-") || len(by) == 5 {
			continue
		}
		by = append(by, a.pick([]string{"", "-"})+p.Name)
	}
	return strings.Join(by, ",")
}

func (a *asker) include(typ string) string {
	iterate := a.pick([]string{"", "", ":iterate"})
	if a.once(10) {
		return a.pick([]string{"_include", "_revinclude"}) + iterate + "=*"
	}
	if all := referring(typ); a.once(2) && len(all) > 0 {
		return "_revinclude" + iterate + "=" + a.pick(all)
	}
	source := typ
	if iterate != "" {
		source = a.pick(wardTypes)
	}
	if len(links(source)) == 0 || a.once(5) {
		return "_include" + iterate + "=" + source + ":*"
	}
	param := a.pick(links(source))
	return "_include" + iterate + "=" + source + ":" + param + a.pick([]string{"", ":" + a.pick(wards[source][param])})
}

// escapeValue escapes the special characters of the query language.
func escapeValue(v string) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`, "|", `\|`, "$", `\$`).Replace(v)
}

func escapeURL(v string) string {
	return strings.NewReplacer("%", "%25", "&", "%26", "+", "%2B", "#", "%23", " ", "%20", ";", "%3B").Replace(v)
}

// checkAsked fails if too many queries are refused or find nothing.
func (w *world) checkAsked(queries, refused, empty int) {
	w.Helper()
	if refused > queries/8 || empty > queries*2/3 {
		w.Errorf("they test too little")
	}
	w.Logf("%d queries, %d not understood, %d find nothing", queries, refused, empty)
}
