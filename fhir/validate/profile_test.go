package validate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
	"github.com/aceso-health/aceso/fhir/validate"
)

// withProfile is a validator that knows profiles, given by name, type and elements of
// their differentials.
func withProfile(t testing.TB, profiles ...string) *validate.Validator {
	t.Helper()
	var all [][]byte
	for _, p := range profiles {
		f := strings.SplitN(p, " ", 4)
		all = append(all, fmt.Appendf(nil, `{"resourceType":"StructureDefinition","url":"http://example.org/%s","kind":"resource","derivation":"constraint","type":"%s",`+
			`"baseDefinition":"%s","differential":{"element":[%s]}}`, f[0], f[1], f[2], f[3]))
	}
	known, err := validate.NewProfiles(all)
	if err != nil {
		t.Fatal(err)
	}
	return &validate.Validator{Profiles: known}
}

const (
	observation = "http://hl7.org/fhir/StructureDefinition/Observation"
	patient     = "http://hl7.org/fhir/StructureDefinition/Patient"
)

// errorsOf are the findings that are errors, as code and place.
func errorsOf(t testing.TB, v *validate.Validator, document string, profiles ...string) string {
	t.Helper()
	var all []string
	for _, i := range found(t, v, []byte(document), profiles...) {
		if !i.Warning {
			all = append(all, i.Code+" "+i.Expression)
		}
	}
	return strings.Join(all, "; ")
}

// Each kind of discriminator tells slices apart.
func TestSlicesByEveryDiscriminator(t *testing.T) {
	identified := `{"id":"Patient.identifier","path":"Patient.identifier","slicing":{"discriminator":[{"type":"%s","path":"%s"}],"rules":"%s","ordered":%v}},` +
		`{"id":"Patient.identifier:own","path":"Patient.identifier","sliceName":"own","min":1,"max":"1"},{"id":"Patient.identifier:own.%s","path":"Patient.identifier.%s",%s},` +
		`{"id":"Patient.identifier:own.value","path":"Patient.identifier.value","min":1}`
	slice := func(kind, path, rules string, ordered bool, element, demand string) string {
		return "p Patient " + patient + " " + fmt.Sprintf(identified, kind, path, rules, ordered, element, element, demand)
	}
	fixed := `"fixedUri":"urn:own"`
	for _, c := range []struct{ name, profile, document, want string }{
		{"value: in the slice", slice("value", "system", "open", false, "system", fixed), `"identifier":[{"system":"urn:own","value":"1"},{"system":"urn:x","value":"2"}]`, ""},
		{"value: missing", slice("value", "system", "open", false, "system", fixed), `"identifier":[{"system":"urn:x","value":"2"}]`, "required Patient.identifier"},
		{"value: twice", slice("value", "system", "open", false, "system", fixed), `"identifier":[{"system":"urn:own","value":"1"},{"system":"urn:own","value":"2"}]`, "structure Patient.identifier"},
		{"value: incomplete", slice("value", "system", "open", false, "system", fixed), `"identifier":[{"system":"urn:x"},{"system":"urn:own"}]`, "required Patient.identifier[1].value"},
		{"pattern", slice("pattern", "type", "open", false, "type", `"patternCodeableConcept":{"coding":[{"code":"MR"}]}`), `"identifier":[{"type":{"coding":[{"system":"urn:s","code":"SS"},{"system":"urn:s","code":"MR"}]}}]`, "required Patient.identifier[0].value"},
		{"exists", slice("exists", "period", "open", false, "period", `"min":1`), `"identifier":[{"value":"1"},{"period":{"start":"2020"},"value":"1"}]`, ""},
		{"exists not", slice("exists", "period", "open", false, "period", `"max":"0"`), `"identifier":[{"period":{"start":"2020"},"value":"1"}]`, "required Patient.identifier"},
		{"closed", slice("value", "system", "closed", false, "system", fixed), `"identifier":[{"system":"urn:own","value":"1"},{"system":"urn:x"}]`, "structure Patient.identifier[1]"},
		{"open at the end", slice("value", "system", "openAtEnd", false, "system", fixed), `"identifier":[{"system":"urn:x"},{"system":"urn:own","value":"1"}]`, "structure Patient.identifier[1]"},
	} {
		v := withProfile(t, c.profile)
		if got := errorsOf(t, v, `{"resourceType":"Patient",`+c.document+`}`, "http://example.org/p"); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Types and profiles tell slices apart, too, also those of what a reference leads to.
func TestSlicesByTypeAndProfile(t *testing.T) {
	named := "named Patient " + patient + ` {"path":"Patient.name","min":1}`
	byType := "o Observation " + observation + ` {"id":"Observation.value[x]","path":"Observation.value[x]","slicing":{"discriminator":[{"type":"type","path":"$this"}],"rules":"closed"}},` +
		`{"id":"Observation.value[x]:valueQuantity","path":"Observation.value[x]","sliceName":"valueQuantity","type":[{"code":"Quantity"}]},` +
		`{"id":"Observation.value[x]:valueQuantity.unit","path":"Observation.value[x].unit","min":1}`
	short := "s Observation " + observation + ` {"path":"Observation.valueQuantity.unit","min":1},{"path":"Observation.valueString","max":"0"}`
	bundle := "b Bundle http://hl7.org/fhir/StructureDefinition/Bundle " + `{"id":"Bundle.entry","path":"Bundle.entry","slicing":{"discriminator":[{"type":"profile","path":"resource"}],"rules":"open"}},` +
		`{"id":"Bundle.entry:patient","path":"Bundle.entry","sliceName":"patient","min":1},` +
		`{"id":"Bundle.entry:patient.resource","path":"Bundle.entry.resource","type":[{"code":"Patient","profile":["http://example.org/named"]}]}`
	performed := "r Observation " + observation + ` {"id":"Observation.performer","path":"Observation.performer","slicing":{"discriminator":[{"type":"type","path":"resolve()"}],"rules":"closed"}},` +
		`{"id":"Observation.performer:p","path":"Observation.performer","sliceName":"p","type":[{"code":"Reference","targetProfile":["http://hl7.org/fhir/StructureDefinition/Practitioner"]}]}`
	about := "a Observation " + observation + ` {"path":"Observation.subject","min":1,"type":[{"code":"Reference","targetProfile":["http://example.org/named"]}]}`
	v := withProfile(t, named, byType, short, bundle, performed, about)
	head := `{"resourceType":"Observation","status":"final","code":{"text":"x"},`
	for _, c := range []struct{ name, profile, document, want string }{
		{"type", "o", head + `"valueQuantity":{"value":1,"unit":"g"}}`, ""},
		{"type, incomplete", "o", head + `"valueQuantity":{"value":1}}`, "required Observation.value.unit"},
		{"type, another", "o", head + `"valueString":"x"}`, "structure Observation.value"},
		{"written short", "s", head + `"valueQuantity":{"value":1}}`, "required Observation.value.unit"},
		{"written short, forbidden", "s", head + `"valueString":"x"}`, "structure Observation.value"},
		{"profile", "b", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","name":[{"text":"x"}]}}]}`, ""},
		{"profile, not met", "b", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","active":true}}]}`, "required Bundle.entry"},
		{"type of the target", "r", head + `"contained":[{"resourceType":"Practitioner","id":"1"}],"performer":[{"reference":"#1"}]}`, ""},
		{"another type of the target", "r", head + `"contained":[{"resourceType":"Organization","id":"1","name":"x"}],"performer":[{"reference":"#1"}]}`, "structure Observation.performer[0]"},
		{"type of a target elsewhere, in the slice", "r", head + `"performer":[{"reference":"Practitioner/1"}]}`, ""},
		{"type of a target elsewhere, not in it", "r", head + `"performer":[{"reference":"Organization/1"}]}`, "structure Observation.performer[0]"},
		{"profile of the target", "a", head + `"contained":[{"resourceType":"Patient","id":"1","active":true}],"subject":{"reference":"#1"}}`, "value Observation.subject"},
		{"profile of the target, met", "a", head + `"contained":[{"resourceType":"Patient","id":"1","name":[{"text":"x"}]}],"subject":{"reference":"#1"}}`, ""},
		{"type of a target elsewhere", "a", head + `"subject":{"reference":"Group/1"}}`, "value Observation.subject"},
	} {
		if got := errorsOf(t, v, c.document, "http://example.org/"+c.profile); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestElementsOfProfiles(t *testing.T) {
	v := withProfile(t,
		"base Patient "+patient+` {"path":"Patient.birthDate","min":1,"minValueDate":"1900-01-01","maxValueDate":"2100-01-01"},{"path":"Patient.name","max":"2"},{"path":"Patient.gender","fixedCode":"female"},{"path":"Patient.name.family","maxLength":5}`,
		"derived Patient http://example.org/base "+`{"path":"Patient.name","max":"1","constraint":[{"key":"x-1","severity":"error","expression":"given.exists()"},{"key":"x-2","severity":"error","expression":"given.nonsense("}]}`,
		"lost Patient http://example.org/nowhere "+`{"path":"Patient.name","min":1}`,
		"wrong Patient "+patient+` {"path":"Patient.nickname","min":1}`,
		"circle Patient http://example.org/circle "+`{"path":"Patient.name","min":1}`)
	for _, c := range []struct{ name, profile, document, want string }{
		{"all is there", "derived", `"birthDate":"2000-01-01","name":[{"given":["x"]}]`, ""},
		{"what the base demands", "derived", `"gender":"male"`, "required Patient.birthDate; value Patient.gender"},
		{"too many", "derived", `"birthDate":"2000","name":[{"given":["x"]},{"given":["y"]}]`, "structure Patient.name"},
		{"a constraint", "derived", `"birthDate":"2000","name":[{"family":"x"}]`, "invariant Patient.name[0]"},
		{"too long", "base", `"birthDate":"2000","name":[{"family":"Åäöéü1"}]`, "too-long Patient.name[0].family"},
		{"too early", "base", `"birthDate":"1899-12-31"`, "value Patient.birthDate"},
		{"too late", "base", `"birthDate":"2100-01-02"`, "value Patient.birthDate"},
		{"only an extension", "base", `"_birthDate":{"extension":[{"url":"http://example.org/none","valueCode":"x"}]}`, ""},
		{"a profile without its base", "lost", `"active":true`, "not-supported Patient"},
		{"a profile of no element", "wrong", `"active":true`, "not-supported Patient"},
		{"a profile derived from itself", "circle", `"active":true`, "not-supported Patient"},
		{"an unknown profile", "none", `"active":true`, "not-found Patient"},
	} {
		if got := errorsOf(t, v, `{"resourceType":"Patient",`+c.document+`}`, "http://example.org/"+c.profile); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := errorsOf(t, v, `{"resourceType":"Basic","code":{"text":"x"}}`, "http://example.org/base"); got != "structure Basic" {
		t.Errorf("another type: %s", got)
	}
	if got := errorsOf(t, v, `{"resourceType":"Basic","code":{"text":"x"}}`, patient); got != "structure Basic" {
		t.Errorf("the profile of a type: %s", got)
	}
}

// Extensions are held against their definitions: the place, the type, the parts.
func TestExtensionsAreHeldAgainstTheirDefinitions(t *testing.T) {
	v := withProfile(t)
	url := "http://hl7.org/fhir/StructureDefinition/"
	for _, c := range []struct{ name, document, want string }{
		{"as defined", `{"resourceType":"Patient","extension":[{"url":"` + url + `patient-birthPlace","valueAddress":{"city":"x"}}]}`, ""},
		{"another type", `{"resourceType":"Patient","extension":[{"url":"` + url + `patient-birthPlace","valueString":"x"}]}`, "structure Patient.extension[0].value"},
		{"another place", `{"resourceType":"Patient","name":[{"text":"x","extension":[{"url":"` + url + `patient-birthPlace","valueAddress":{"city":"x"}}]}]}`, "extension Patient.name[0].extension[0]"},
		{"parts missing", `{"resourceType":"Patient","extension":[{"url":"` + url + `patient-animal","extension":[{"url":"breed","valueCodeableConcept":{"text":"x"}}]}]}`, "required Patient.extension[0].extension"},
		{"a profile as an extension", `{"resourceType":"Patient","extension":[{"url":"` + url + `vitalsigns","valueString":"x"}]}`, "extension Patient.extension[0]"},
		{"of a primitive", `{"resourceType":"Patient","_birthDate":{"extension":[{"url":"` + url + `patient-birthTime","valueString":"x"}]}}`, "structure Patient.birthDate.extension[0].value"},
	} {
		if got := errorsOf(t, v, c.document); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A profile demands the same whether it is read from its differential or its snapshot.
func TestSnapshotsDemandWhatDifferentialsDo(t *testing.T) {
	element := `{"element":[{"id":"Patient","path":"Patient"},{"id":"Patient.name","path":"Patient.name","min":1,"constraint":[{"key":"ele-1","severity":"error","expression":"false"}]}]}`
	for name, views := range map[string]string{
		"differential":            `"baseDefinition":"` + patient + `","differential":` + element,
		"snapshot":                `"baseDefinition":"` + patient + `","snapshot":` + element,
		"snapshot without a base": `"baseDefinition":"http://example.org/nowhere","snapshot":` + element,
	} {
		known, err := validate.NewProfiles([][]byte{[]byte(`{"url":"http://example.org/p","kind":"resource","derivation":"constraint","type":"Patient",` + views + `}`)})
		if err != nil {
			t.Fatal(err)
		}
		if got := errorsOf(t, &validate.Validator{Profiles: known}, `{"resourceType":"Patient","active":true}`, "http://example.org/p"); got != "required Patient.name" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// What a profile may cost is bounded, and grows no faster than the document.
func TestProfilesAreBounded(t *testing.T) {
	var slices []string
	for i := range 60 {
		slices = append(slices, fmt.Sprintf(`{"id":"Patient.identifier:s%d","path":"Patient.identifier","sliceName":"s%d"},{"id":"Patient.identifier:s%d.system","path":"Patient.identifier.system","fixedUri":"urn:%d"}`, i, i, i, i))
	}
	v := withProfile(t, "p Patient "+patient+` {"id":"Patient.identifier","path":"Patient.identifier","slicing":{"discriminator":[{"type":"value","path":"system"}],"rules":"open"}},`+strings.Join(slices, ","))
	many := func(n int) *fhir.Resource {
		r, err := fhir.Parse([]byte(`{"resourceType":"Patient","identifier":[` + strings.Repeat(`{"value":"1"},`, n-1) + `{"value":"1"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	options := validate.Options{Profiles: []string{"http://example.org/p"}}
	_, err := v.Check(t.Context(), many(100_000), options)
	var known *fhir.Error
	if !errors.As(err, &known) || known.Kind != fhir.TooCostly || known.Detail != strings.ReplaceAll("To hold the resource against its profiles takes more than … comparisons. Send it in parts, or validate it against fewer profiles.", "…", "2000000") {
		t.Errorf("100,000 elements and 60 slices: %v", err)
	}
	small := many(5_000)
	fhirtest.Linear.Check(t, len(small.Bytes()), func() {
		if issues, err := v.Check(t.Context(), small, options); err != nil || len(issues) > 0 {
			t.Errorf("%+v, %v", issues, err)
		}
	})
}

// Constraints of R4 are linear in lists of 100,000 elements.
func TestConstraintsAreLinear(t *testing.T) {
	v := withProfile(t)
	for name, document := range map[string]string{
		"telecoms":   `{"resourceType":"Patient","telecom":[` + strings.Repeat(`{"system":"phone","value":"1","period":{"start":"2020","end":"2021"}},`, 99_999) + `{"value":"1","system":"phone"}]}`,
		"components": `{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"x","component":[` + strings.Repeat(`{"code":{"coding":[{"code":"1"}]}},`, 19_999) + `{"code":{"text":"x"}}]}`,
		"concepts":   `{"resourceType":"CodeSystem","status":"draft","content":"complete","concept":[` + strings.Repeat(`{"code":"1"},`, 99_999) + `{"code":"2"}]}`,
		"given":      `{"resourceType":"Patient","name":[{"given":[` + strings.Repeat(`"a",`, 99_999) + `"b"]}]}`,
	} {
		r, err := fhir.Parse([]byte(document))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		fhirtest.Linear.Check(t, len(document), func() {
			if _, err := v.Check(t.Context(), r, validate.Options{Declared: true, Warnings: true}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}
