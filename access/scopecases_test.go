package access

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// drawer draws documents with a value for each parameter by which a scope may restrict
// Observations and Conditions.
type drawer struct{ *rand.Rand }

func (d drawer) one(of ...string) string { return of[d.IntN(len(of))] }

func (d drawer) concept() string {
	return `{"coding":[{"system":"` + d.one("http://a", "http://b") + `","code":"` + d.one("x", "y", "z") + `"}],"text":"` + d.one("heart rate", "blood sugar") + `"}`
}

func (d drawer) to(types ...string) string {
	return `{"reference":"` + d.one(types...) + fmt.Sprintf(`/%d"}`, d.IntN(4))
}

func (d drawer) date() string {
	return d.one(fmt.Sprintf("202%d", d.IntN(6)), fmt.Sprintf("202%d-%02d", d.IntN(6), 1+d.IntN(12)), fmt.Sprintf("202%d-%02d-1%dT10:00:00Z", d.IntN(6), 1+d.IntN(12), d.IntN(9)))
}

// document of a type; at puts the value of a template in most of the time.
func (d drawer) document(typ, id string) string {
	parts := []string{`"resourceType":"` + typ + `"`, `"id":"` + id + `"`, `"subject":` + d.to("Patient")}
	maybe := func(text string) {
		if d.IntN(4) > 0 {
			parts = append(parts, text)
		}
	}
	maybe(`"meta":{"tag":[{"system":"http://t","code":"` + d.one("x", "y") + `"}],"security":[{"system":"http://s","code":"` + d.one("x", "y") + `"}]}`)
	maybe(`"identifier":[{"system":"http://i","value":"` + d.one("1", "2", "3") + `"}]`)
	maybe(`"category":[` + d.concept() + `]`)
	maybe(`"encounter":` + d.to("Encounter"))
	if typ == "Condition" {
		maybe(`"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"` + d.one("active", "resolved") + `"}]}`)
		maybe(`"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"` + d.one("confirmed", "provisional") + `"}]}`)
		for _, name := range []string{"code", "severity"} {
			maybe(`"` + name + `":` + d.concept())
		}
		maybe(`"bodySite":[` + d.concept() + `]`)
		maybe(`"stage":[{"summary":` + d.concept() + `}]`)
		maybe(`"evidence":[{"code":[` + d.concept() + `],"detail":[` + d.to("Observation", "Procedure") + `]}]`)
		maybe(`"asserter":` + d.to("Practitioner", "Patient"))
		maybe(d.one(`"onsetDateTime":"`+d.date()+`"`, `"onsetPeriod":{"start":"2021-01-01","end":"`+fmt.Sprint(2022+d.IntN(4))+`"}`))
		maybe(`"abatementDateTime":"` + d.date() + `"`)
		maybe(`"recordedDate":"` + d.date() + `"`)
		return "{" + strings.Join(parts, ",") + "}"
	}
	parts = append(parts, `"status":"`+d.one("final", "amended", "preliminary")+`"`, `"code":`+d.concept())
	maybe(d.one(`"effectiveDateTime":"`+d.date()+`"`, `"effectivePeriod":{"start":"2021-01-01","end":"`+fmt.Sprint(2022+d.IntN(4))+`"}`))
	maybe(d.one(`"valueCodeableConcept":`+d.concept(), `"valueDateTime":"`+d.date()+`"`))
	maybe(`"method":` + d.concept())
	maybe(`"dataAbsentReason":` + d.concept())
	maybe(`"component":[{"code":` + d.concept() + `,"valueCodeableConcept":` + d.concept() + `,"dataAbsentReason":` + d.concept() + `}]`)
	maybe(`"performer":[` + d.to("Practitioner", "Organization") + `]`)
	maybe(`"basedOn":[` + d.to("ServiceRequest", "CarePlan") + `]`)
	maybe(`"partOf":[` + d.to("Procedure") + `]`)
	maybe(`"focus":[` + d.to("Device") + `]`)
	maybe(`"device":` + d.to("Device"))
	maybe(`"specimen":` + d.to("Specimen"))
	maybe(`"hasMember":[` + d.to("QuestionnaireResponse") + `]`)
	maybe(`"derivedFrom":[` + d.to("Media") + `]`)
	return "{" + strings.Join(parts, ",") + "}"
}

// restrictions are parameters of a kind that a scope may have, with values of all forms that
// are enforced.
func (d drawer) restrictions(p fhir.SearchParam, indexes []*search.Index) (all []string) {
	add := func(modifier, value string) { all = append(all, p.Name+modifier+"="+value) }
	if p.Name != "_id" && p.Name != "_lastUpdated" {
		add(":missing", d.one("true", "false"))
	}
	switch p.Kind {
	case "date":
		prefixes := []string{"", "ne", "gt", "lt", "ge", "le", "sa", "eb"}
		d.Shuffle(len(prefixes), func(i, j int) { prefixes[i], prefixes[j] = prefixes[j], prefixes[i] })
		for _, prefix := range prefixes[:5] {
			value := prefix + d.one("2021", "2022-06", fmt.Sprintf("202%d", d.IntN(6)), "2023-03-15")
			if p.Name == "_lastUpdated" {
				value = prefix + d.one("2026-05-04T12:00:00.030Z", "2026-05-04", "2026-05-04T12:00:00.200Z")
			}
			add("", value)
		}
	case "reference":
		values := valuesOf(p.Name+">", indexes)
		for range 2 {
			v := d.one(values...)
			_, id, _ := strings.Cut(v, "/")
			add("", d.one(v, id, v+","+d.one(values...), base+"/"+v))
		}
		typ, id, _ := strings.Cut(d.one(values...), "/")
		add(":"+typ, id)
	case "token":
		values := valuesOf(p.Name+"=", indexes)
		for range 2 {
			v := d.one(values...)
			system, _, both := strings.Cut(v, "|")
			if both {
				v = d.one(v, v, system+"|")
			}
			add(d.one("", "", ":not"), d.one(v, v+","+d.one(values...)))
		}
		if p.Name == "identifier" {
			add("", "http://i|2")
		} else if p.Name != "_id" && d.IntN(2) == 0 {
			add(":text", d.one("heart", "sugar"))
		}
	}
	return all
}

// valuesOf are what follows a prefix in the keys of documents; something else if nothing does.
func valuesOf(prefix string, indexes []*search.Index) (all []string) {
	for _, x := range indexes {
		for _, k := range x.Keys {
			if v, found := strings.CutPrefix(k, prefix); found && !strings.HasPrefix(v, "|") && !strings.HasSuffix(v, "|") {
				all = append(all, v)
			}
		}
	}
	if slices.Sort(all); len(all) == 0 {
		return []string{"Patient/none"}
	}
	return slices.Compact(all)
}

// restrictable are the parameters of a type by which a scope may restrict access.
func restrictable(typ string) (all []fhir.SearchParam) {
	for _, p := range fhir.SearchParams(typ) {
		if _, err := search.ParseConstraint(typ, []fhir.Param{{Name: p.Name + ":missing", Value: "true"}}, base); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// restricted is a house of such documents, in two versions each.
type restricted struct {
	*house
	drawer
	documents map[string][]byte   // by version, "Observation/o1/_history/2"
	current   map[string][]string // by type: ids
}

func newRestricted(h *house, seed uint64) *restricted {
	r := &restricted{house: h, drawer: drawer{rand.New(rand.NewPCG(seed, 7))}, documents: map[string][]byte{}, current: map[string][]string{}}
	var first, second []string
	for i := range 4 {
		first = append(first, patientDoc(fmt.Sprint(i)))
	}
	for i := range 24 {
		o, c := fmt.Sprint("o", i), fmt.Sprint("c", i)
		first = append(first, r.document("Observation", o), r.document("Condition", c))
		second = append(second, r.document("Observation", o), r.document("Condition", c),
			fmt.Sprintf(`{"resourceType":"DiagnosticReport","id":"d%d","status":"final","code":{"text":"x"},"result":[{"reference":"Observation/%s"}]}`, i, o),
			fmt.Sprintf(`{"resourceType":"Encounter","id":"e%d","status":"finished","class":{"code":"AMB"},"diagnosis":[{"condition":{"reference":"Condition/%s"}}]}`, i, c))
		r.current["Observation"], r.current["Condition"] = append(r.current["Observation"], o), append(r.current["Condition"], c)
	}
	h.putAll(first)
	h.putAll(second)
	for typ, ids := range r.current {
		for _, id := range ids {
			for n := int64(1); n <= 2; n++ {
				v, err := h.Store.GetVersion(h.Context(), fhir.Ref{Type: typ, ID: id}, n)
				if err != nil {
					h.Fatal(err)
				}
				r.documents[fmt.Sprintf("%s/%s/_history/%d", typ, id, n)] = v.Body
			}
		}
	}
	return r
}

// indexes are those of all documents of a type.
func (r *restricted) indexes(typ string) (all []*search.Index) {
	for name, document := range r.documents {
		if strings.HasPrefix(name, typ+"/") {
			x, _, err := search.Describe(r.parse(string(document)), base)
			if err != nil {
				r.Fatal(err)
			}
			all = append(all, x)
		}
	}
	return all
}

// holding are the documents, all versions or the current ones, for which a restriction
// holds, found without any store.
func (r *restricted) holding(typ, restriction string, past bool) (names []string) {
	q, err := search.ParseQuery(typ, params(restriction), search.QueryOptions{Base: base, Now: time.Now})
	if err != nil {
		r.Fatalf("%s: %v", restriction, err)
	}
	for name, document := range r.documents {
		if !strings.HasPrefix(name, typ+"/") || !past && !strings.HasSuffix(name, "/2") {
			continue
		}
		holds, err := search.Holds(q.Where, document, base)
		if err != nil {
			r.Fatal(err)
		}
		if holds && past {
			names = append(names, name)
		} else if holds {
			names = append(names, strings.TrimSuffix(name, "/_history/2"))
		}
	}
	slices.Sort(names)
	return names
}
