package search

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirpath"
	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// byPath is what package custom does, which imports this one.
func byPath(expression string, types []string) (Select, error) {
	e, err := fhirpath.Compile(expression)
	if err == nil {
		err = e.Check(types...)
	}
	if err == nil && strings.Contains(expression, "resolve(") {
		err = errors.New("resolve()")
	}
	return func(t *fhir.Tape) (values []Value, err error) {
		found, err := e.Evaluate(&fhirpath.Env{Steps: 20_000}, fhirpath.Root(t))
		for _, v := range found {
			n, ok := v.Node()
			if !ok {
				n.At = -1
			}
			values = append(values, Value{n.At, v.String()})
		}
		return values, err
	}, err
}

// defined reads a SearchParameter with some members instead of usual ones.
func defined(t testing.TB, members string) (Custom, bool, error) {
	t.Helper()
	doc, err := fhir.Parse([]byte(`{"resourceType":"SearchParameter","name":"n","description":"d",` + members + `}`))
	if err != nil {
		t.Fatal(members, err)
	}
	if doc, err = doc.Stamp("my.own", 3, doc.LastUpdated()); err != nil {
		t.Fatal(err)
	}
	return ReadCustom(doc, byPath)
}

// What cannot be searched by is refused, with the place; what is no definition in force is not
// looked at.
func TestSearchParametersAreChecked(t *testing.T) {
	const good = `"url":"urn:x","status":"active","code":"shoe-size","base":["Patient"],"type":"number","expression":"Patient.extension('urn:shoe').value"`
	with := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	c, ok, err := defined(t, good)
	if err != nil || !ok || c.Key != "¤3_my_own" {
		t.Errorf("%+v %v %v", c, ok, err)
	}
	for name, members := range map[string]string{
		"a draft":  with(`"active"`, `"draft"`),
		"R4's own": with(`urn:x`, `http://hl7.org/fhir/SearchParameter/Patient-shoe`),
	} {
		if _, ok, err := defined(t, members); ok || err != nil {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
	for members, place := range map[string]string{
		with(`"number"`, `"composite"`):                                                                               "type",
		with(`"number"`, `"special"`):                                                                                 "type",
		with(`"shoe-size"`, `"birthdate"`):                                                                            "code",
		with(`"shoe-size"`, `"_shoe"`):                                                                                "code",
		with(`"shoe-size"`, `"shoe.size"`):                                                                            "code",
		with(`"shoe-size"`, `"`+strings.Repeat("s", 65)+`"`):                                                          "code",
		with(`["Patient"]`, `["Resource"]`):                                                                           "base[0]",
		with(`["Patient"]`, `["Patient","AuditEvent"]`):                                                               "base[1]",
		with(`,"expression":"Patient.extension('urn:shoe').value"`, ""):                                               "expression",
		with(`Patient.extension('urn:shoe').value`, `Patient.(`):                                                      "expression",
		with(`Patient.extension('urn:shoe').value`, `Patient.shoe`):                                                   "expression",
		with(`Patient.extension('urn:shoe').value`, `Patient.generalPractitioner.resolve().name`):                     "expression",
		with(`Patient.extension('urn:shoe').value`, `Patient.name.where(`+strings.Repeat("use='x' or ", 200)+`true)`): "expression",
		with(`"number"`, `"reference"`):                                                                               "target",
		with(`"number"`, `"reference","target":["AuditEvent"]`):                                                       "target",
	} {
		_, _, err := defined(t, members)
		known, ok := err.(*fhir.Error)
		if !ok || known.Kind != fhir.Unprocessable || known.Expression != "SearchParameter."+place {
			t.Errorf("%.200s: %v, want a refusal of %s", members, err, place)
		}
	}
}

func TestSearchParametersDoNotClash(t *testing.T) {
	one := Custom{ID: "1", Code: "x", Bases: []string{"Patient", "Group"}}
	other := Custom{ID: "2", Code: "x", Bases: []string{"Group"}}
	if other.Clash([]Custom{one}) == nil || one.Clash([]Custom{one}) != nil {
		t.Error("clashes")
	}
	if other.Bases = []string{"Device"}; other.Clash([]Custom{one}) != nil {
		t.Error("another type")
	}
	var many []Custom
	for i := range MaxCustoms {
		many = append(many, Custom{ID: fmt.Sprint("m", i), Code: fmt.Sprint("c", i)})
	}
	if one.Clash(many[1:]) != nil || one.Clash(many) == nil {
		t.Error("the limit")
	}
}

// compiled compiles one parameter, ready for use.
func compiled(t testing.TB, c Custom) *Customs {
	t.Helper()
	all, err := CompileCustoms(1, []Custom{c}, func(*Custom) bool { return true }, byPath)
	if err != nil {
		t.Fatal(c.Expression, err)
	}
	return all
}

// A custom parameter with the expression of one of R4's has the same keys as that: in the
// form of R4's expressions and as FHIRPath.
func TestCustomKeysAreThoseOfR4(t *testing.T) {
	compared := 0
	for i, file := range fhirtest.Corpus(t, "r4-examples") {
		if testing.Short() && i%4 > 0 {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := fhir.Parse(data)
		if err != nil || doc.Type() == "AuditEvent" {
			continue
		}
		all, err := IndexOf(doc, "")
		if err != nil {
			continue
		}
		compared += customsLikeR4(t, doc, all)
	}
	if compared < 1000 {
		t.Errorf("only %d were compared", compared)
	}
}

// customsLikeR4 compares the keys of all parameters of a type, and counts those with keys.
func customsLikeR4(t *testing.T, doc *fhir.Resource, all *Index) (n int) {
	for _, def := range fhir.SearchParams(doc.Type()) {
		if _, union := unions[def.Name]; union || !supported(def) || def.Name[0] == '_' || def.Kind == "composite" || def.Kind == "special" ||
			planned(doc.Type(), def.Name).caseless || strings.Contains(def.Expression, "deceased") {
			continue
		}
		c := Custom{Key: "¤1_x", Code: "x", Kind: def.Kind, Bases: []string{doc.Type()}, Targets: def.Targets, Expression: def.Expression}
		want := renamed(all, def.Name)
		check := func(how string) {
			got, err := compiled(t, c).Keys(doc, "")
			if err != nil {
				t.Errorf("%s %s %s: %v", doc.Type(), def.Name, how, err)
			} else if !reflect.DeepEqual(renamed(got, "¤1_x"), want) {
				t.Errorf("%s/%s %s %s:\n got %v\nwant %v", doc.Type(), doc.ID(), def.Name, how, renamed(got, "¤1_x"), want)
			}
		}
		check("as it is")
		if c.Expression = "(" + def.Expression + ").select($this)"; !strings.Contains(def.Expression, "resolve(") && len(def.Bases) == 1 {
			check("as FHIRPath")
		}
		if len(want.Keys)+len(want.Dates)+len(want.Numbers) > 0 {
			n++
		}
	}
	return n
}

// renamed are the keys of one parameter, without its name.
func renamed(x *Index, name string) *Index {
	own := &Index{}
	of := func(key string) (string, bool) {
		rest, ok := strings.CutPrefix(key, name)
		return rest, ok && (rest == "" || !strings.ContainsAny(rest[:1], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"))
	}
	for _, k := range x.Keys {
		if rest, ok := of(k); ok {
			own.Keys = append(own.Keys, rest)
		}
	}
	for _, d := range x.Dates {
		if rest, ok := of(d.Param); ok {
			own.Dates = append(own.Dates, DateRange{rest, d.Lo, d.Hi})
		}
	}
	for _, n := range x.Numbers {
		if rest, ok := of(n.Param); ok {
			own.Numbers = append(own.Numbers, NumberRange{rest, n.Lo, n.Hi})
		}
	}
	for _, s := range x.Sorts {
		if s.Param == name {
			own.Sorts = append(own.Sorts, Sort{"", s.Lo, s.Hi})
		}
	}
	slices.Sort(own.Keys)
	return own
}

// What a parameter may cost with one resource is bounded, and the parameter is named.
func TestCustomKeysAreBounded(t *testing.T) {
	given := strings.Repeat(`"a",`, 1500)
	doc, err := fhir.Parse([]byte(`{"resourceType":"Patient","name":[{"given":[` + given + `"z"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for expression, want := range map[string]string{
		"Patient.name.given.select($this + $index.toString())":              "more than 1000 different values",
		"Patient.name.given.select(%context.name.given.count()).distinct()": "x of this server's own",
	} {
		c := compiled(t, Custom{Key: "¤1_x", Code: "x", Kind: "string", Bases: []string{"Patient"}, Expression: expression})
		_, err := c.Keys(doc, "")
		if !says(err, 422, "The resource does not fit the search parameter … of this server's own. …") && !says(err, 422, "The search parameters of this server's own find more than … different values in the resource.") {
			t.Errorf("%s: %v", expression, err)
		}
		if _, ok := err.(*CustomFault); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func BenchmarkCustomKeys(b *testing.B) {
	doc, err := fhir.Parse([]byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"extension":[{"url":"urn:shoe","valueDecimal":44}],"valueQuantity":{"value":1}}`))
	if err != nil {
		b.Fatal(err)
	}
	for _, expression := range []string{"Observation.value.as(Quantity)", "Observation.extension('urn:shoe').value"} {
		c := compiled(b, Custom{Key: "¤1_x", Code: "x", Kind: "number", Bases: []string{"Observation"}, Expression: expression})
		b.Run(expression, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Keys(doc, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
