package xml

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
)

const declared = ` xmlns="http://hl7.org/fhir"`

func TestXMLIsRead(t *testing.T) {
	for name, test := range map[string]struct{ xml, json string }{
		"value":       {`<Patient` + declared + `><active value="true"/></Patient>`, `{"resourceType":"Patient","active":true}`},
		"declaration": {"\ufeff<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Patient" + declared + `><!-- a --><?b c?><id value="x"/></Patient><!-- d -->`, `{"resourceType":"Patient","id":"x"}`},
		"prefix":      {`<f:Patient xmlns:f="http://hl7.org/fhir"><f:id value="x"/></f:Patient>`, `{"resourceType":"Patient","id":"x"}`},
		"schema place": {`<Patient` + declared + ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://hl7.org/fhir patient.xsd"><id value="x"/></Patient>`,
			`{"resourceType":"Patient","id":"x"}`},
		"number by its text": {`<Observation` + declared + `><valueQuantity><value value="1.50"/></valueQuantity></Observation>`, `{"resourceType":"Observation","valueQuantity":{"value":1.50}}`},
		"no number":          {`<Observation` + declared + `><valueQuantity><value value="+1"/></valueQuantity></Observation>`, `{"resourceType":"Observation","valueQuantity":{"value":"+1"}}`},
		"text of numbers":    {`<Observation` + declared + `><valueString value="1.50"/></Observation>`, `{"resourceType":"Observation","valueString":"1.50"}`},
		"references":         {`<Patient` + declared + `><name><text value="&lt;a&amp;&quot;&#x41;&#66;&#10;é"/></name></Patient>`, `{"resourceType":"Patient","name":[{"text":"<a&\"AB\né"}]}`},
		"white space of attributes": {"<Patient" + declared + "><name><text value=\"a\r\nb\tc\"/></name></Patient>",
			`{"resourceType":"Patient","name":[{"text":"a b c"}]}`},
		"extensions of primitives": {`<Patient` + declared + `><name id="n"><given value="a"/><given id="g"><extension url="u"><valueCode value="c"/></extension></given><given value="b"/></name><birthDate><extension url="v"><valueCode value="d"/></extension></birthDate></Patient>`,
			`{"resourceType":"Patient","name":[{"id":"n","given":["a",null,"b"],"_given":[null,{"id":"g","extension":[{"url":"u","valueCode":"c"}]},null]}],"_birthDate":{"extension":[{"url":"v","valueCode":"d"}]}}`},
		"contained": {`<List` + declared + `><contained><Patient><id value="p"/></Patient></contained></List>`, `{"resourceType":"List","contained":[{"resourceType":"Patient","id":"p"}]}`},
		"narrative": {"<Patient" + declared + "><text><status value=\"generated\"/>\n<div xmlns=\"http://www.w3.org/1999/xhtml\"> <p class='x'>a &amp;\n b&#160;</p><!-- c --><br/> </div></text></Patient>",
			`{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"> <p class='x'>a &amp;\n b&#160;</p><!-- c --><br/> </div>"}}`},
		"narrative with a prefix": {`<Patient` + declared + ` xmlns:h="http://www.w3.org/1999/xhtml"><text><h:div><h:p title="a'b">c<![CDATA[<d>]]></h:p></h:div></text></Patient>`,
			`{"resourceType":"Patient","text":{"div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p title=\"a'b\">c&lt;d&gt;</p></div>"}}`},
	} {
		read, err := Read([]byte(test.xml))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(valueOf(t, read), valueOf(t, []byte(test.json))) {
			t.Errorf("%s:\n got %s\nwant %s", name, read, test.json)
		}
	}
}

func TestBadXMLIsRefused(t *testing.T) {
	patient := func(inner string) string { return `<Patient` + declared + `>` + inner + `</Patient>` }
	for name, test := range map[string]struct{ xml, says, at string }{
		"document type":       {`<!DOCTYPE Patient [<!ENTITY a SYSTEM "file:///etc/passwd">]>` + patient(""), "document type", ""},
		"document type later": {patient(`<!DOCTYPE a>`), "document type", ""},
		"entity":              {patient(`<name><text value="&a;"/></name>`), "reference", ""},
		"entity of HTML":      {patient(`<text><div xmlns="http://www.w3.org/1999/xhtml">&nbsp;</div></text>`), "reference", ""},
		"entity in narrative": {patient(`<text><div xmlns="http://www.w3.org/1999/xhtml"><p title="&nbsp;"/></div></text>`), "reference", ""},
		"no namespace":        {`<Patient/>`, "namespace", ""},
		"other namespace":     {`<Patient xmlns="urn:x"/>`, "namespace", ""},
		"no prefix":           {`<a:Patient/>`, "prefix", ""},
		"unknown type":        {`<Horse` + declared + `/>`, "resource type", ""},
		"unknown element":     {patient(`<horse value="a"/>`), "no such element", "Patient"},
		"unknown attribute":   {patient(`<active value="true" a="b"/>`), "attribute", "Patient.active"},
		"prefixed attribute":  {patient(`<active value="true" xml:lang="b"/>`), "attribute", "Patient.active"},
		"url of no extension": {patient(`<name url="b"><text value="c"/></name>`), "url", "Patient.name[0]"},
		"id as an element":    {patient(`<name><id value="c"/></name>`), "no such element", "Patient.name[0]"},
		"value of an object":  {patient(`<name value="b"/>`), "no value", "Patient.name[0]"},
		"order":               {patient(`<gender value="male"/><active value="true"/>`), "order", "Patient"},
		"order of repeats":    {patient(`<name><text value="c"/></name><active value="true"/>`), "order", "Patient"},
		"twice":               {patient(`<active value="true"/><active value="true"/>`), "twice", "Patient"},
		"two types":           {patient(`<deceasedBoolean value="true"/><deceasedDateTime value="2020"/>`), "twice", "Patient"},
		"empty":               {patient(`<active/>`), "value or children", "Patient.active"},
		"empty of many":       {patient(`<name><given value="a"/><given/></name>`), "value or children", "Patient.name[0].given[1]"},
		"text":                {patient(`<active value="true">a</active>`), "Text", "Patient.active"},
		"two contained":       {`<List` + declared + `><contained><Patient/><Patient/></contained></List>`, "one resource", "List.contained[0]"},
		"none contained":      {`<List` + declared + `><contained/></List>`, "one resource", "List.contained[0]"},
		"attribute twice":     {patient(`<active value="true" value="false"/>`), "twice", ""},
		"end tag":             {`<Patient` + declared + `></Horse>`, "end tag", ""},
		"no end":              {`<Patient` + declared + `><name>`, "end", ""},
		"more":                {patient("") + "<a/>", "follows", ""},
		"text after":          {patient("") + "a", "Text", "Patient"},
		"nothing":             {` <!-- a -->`, "no element", ""},
		"control":             {patient("<name><text value=\"\x01\"/></name>"), "character", ""},
		"control by number":   {patient("<name><text value=\"&#1;\"/></name>"), "reference", ""},
		"surrogate":           {patient("<name><text value=\"&#xD800;\"/></name>"), "reference", ""},
		"encoding":            {`<?xml version="1.0" encoding="ISO-8859-1"?>` + patient(""), "UTF-8", ""},
		"not UTF-8":           {patient("<name><text value=\"\xff\"/></name>"), "UTF-8", ""},
		"depth":               {strings.Repeat(`<Patient`+declared+`>`, 2) + strings.Repeat("<extension>", 200), "element", ""},
		"narrative namespace": {patient(`<text><status value="empty"/><div>a</div></text>`), "XHTML", ""},
		"narrative ends":      {patient(`<text><div xmlns="http://www.w3.org/1999/xhtml"><p></div></text>`), "end tag", ""},
		"foreign in narrative": {patient(`<text><div xmlns="http://www.w3.org/1999/xhtml"><p xmlns="http://www.w3.org/2000/svg"/></div></text>`),
			"namespace", "Patient.text.div"},
	} {
		out, err := Read([]byte(test.xml))
		var e *fhir.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: read as %s", name, out)
			continue
		}
		at := ""
		if len(e.Issues) > 0 {
			at = e.Issues[0].Expression
		}
		if says := strings.ToUpper(e.Error()); !strings.Contains(says, strings.ToUpper(test.says)) || test.at != "" && test.at != at {
			t.Errorf("%s: %s at %q, want %s at %q", name, e.Error(), at, test.says, test.at)
		}
	}
}

func TestDepthOfXMLIsBounded(t *testing.T) {
	nested := `<Patient` + declared + `>` + strings.Repeat(`<extension url="a">`, 200) + strings.Repeat(`</extension>`, 200) + `</Patient>`
	if _, err := Read([]byte(nested)); err == nil || !strings.Contains(err.Error(), "110 levels") {
		t.Error(err)
	}
	names := `<Patient` + declared
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		names += ` xmlns:` + string(c) + `="u"`
	}
	if _, err := Read([]byte(names + "/>")); err == nil || !strings.Contains(err.Error(), "16 are declared") {
		t.Error(err)
	}
	many := `<Patient` + declared
	for range 3 {
		for _, c := range "abcdefghijklmnopqrstuvwxyz" {
			many += " " + strings.Repeat(string(c), 1+len(many)%40) + `="u"`
		}
	}
	if _, err := Read([]byte(many + "/>")); err == nil || !strings.Contains(err.Error(), "50 attributes") {
		t.Error(err)
	}
}

// What earlier versions took for narrative becomes XML; what is none cannot leave its place.
func TestStoredNarrativeIsWritten(t *testing.T) {
	for stored, want := range map[string]string{
		`<div>a&nbsp;b&amp;c</div>`: `<div xmlns="http://www.w3.org/1999/xhtml">a&#160;b&amp;c</div>`,
		`<div a="b">&bogus;</div>`:  `<div xmlns="http://www.w3.org/1999/xhtml" a="b">&amp;bogus;</div>`,
	} {
		if got, err := divOf([]byte(stored)); err != nil || string(got) != want {
			t.Errorf("%s: %s %v", stored, got, err)
		}
	}
	for _, stored := range []string{`<div/></text><active/>`, `<div/><p/>`, `text`, ``, `<div>`, `<p/>`, `<div></div></div>`, `<!--a--><div/>`} {
		if got, err := divOf([]byte(stored)); err == nil {
			t.Errorf("%s: written as %s", stored, got)
		}
	}
}

func TestWhatXMLCannotSayIsRefused(t *testing.T) {
	for _, document := range []string{
		`{"resourceType":"Patient","name":[{"text":"\u0001"}]}`, `{"resourceType":"Patient","horse":1}`, `{"resourceType":"Horse"}`, `[]`, `{}`, ``,
		`{"resourceType":"Patient","active":[true]}`, `{"resourceType":"Patient","name":["a"]}`, `{"resourceType":"Patient","active":"true"}`,
		`{"resourceType":"Patient","extension":[{"url":"a","_url":{"id":"b"}}]}`, `{"resourceType":"Patient","name":[null]}`, `{"a`, `{"resourceType":"Patient","contained":[1]}`,
	} {
		out, err := Write([]byte(document), false)
		var e *fhir.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %s %v", document, out, err)
		}
	}
}

func TestPrettyXML(t *testing.T) {
	got, err := Write([]byte(`{"resourceType":"Patient","contained":[{"resourceType":"List","id":"l"}],"name":[{"id":"n","given":["a"]}],"text":{"status":"empty","div":"<div> <p>a</p></div>"}}`), true)
	want := `<?xml version="1.0" encoding="UTF-8"?>
<Patient xmlns="http://hl7.org/fhir">
  <text>
    <status value="empty"/>
    <div xmlns="http://www.w3.org/1999/xhtml"> <p>a</p></div>
  </text>
  <contained>
    <List xmlns="http://hl7.org/fhir">
      <id value="l"/>
    </List>
  </contained>
  <name id="n">
    <given value="a"/>
  </name>
</Patient>
`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// TestXMLCostsAreLinear reads and writes what could cost more than its size.
func TestXMLCostsAreLinear(t *testing.T) {
	const n = 20_000
	documents := map[string]string{
		"extensions of primitives": `<Patient` + declared + `><name>` + strings.Repeat(`<given id="a"><extension url="b"><valueCode value="c"/></extension></given>`, n) + `</name></Patient>`,
		"deep":                     `<Patient` + declared + `>` + strings.Repeat(strings.Repeat(`<extension url="b">`, 80)+`<valueCode value="c"/>`+strings.Repeat(`</extension>`, 80), n/80) + `</Patient>`,
		"narrative":                `<Patient` + declared + `><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">` + strings.Repeat(`<p title="&amp;&amp;">&lt;&gt;</p>`, n) + `</div></text></Patient>`,
		"references":               `<Patient` + declared + `><name><text value="` + strings.Repeat("&amp;", 5*n) + `"/></name></Patient>`,
		"comments":                 `<Patient` + declared + `>` + strings.Repeat("<!---->", 5*n) + `<id value="a"/></Patient>`,
		"names":                    `<Patient` + declared + ` ` + strings.Repeat("a", 10*n) + `="b"/>`,
		"cut":                      strings.Repeat("<", 10*n),
	}
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			fhirtest.Linear.Check(t, len(document), func() {
				read, err := Read([]byte(document))
				if err != nil {
					return
				}
				if _, err := Write(read, true); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// FuzzRead reads anything. What is read and is R4 survives being written.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`<Patient` + declared + `><name id="n"><given value="a"/><given id="g"><extension url="u"><valueCode value="c"/></extension></given></name></Patient>`))
	f.Add([]byte(`<Bundle` + declared + `><type value="batch"/><entry><resource><Patient><text><status value="empty"/><div xmlns="http://www.w3.org/1999/xhtml">&#160;<b/></div></text></Patient></resource></entry></Bundle>`))
	f.Add([]byte(`<f:List xmlns:f="http://hl7.org/fhir"><f:contained><f:Patient/></f:contained></f:List>`))
	f.Fuzz(func(t *testing.T, document []byte) {
		read, err := Read(document)
		if err != nil {
			return
		}
		if _, err := fhir.Parse(read); err != nil {
			return
		}
		written, err := Write(read, false)
		if err != nil {
			t.Fatalf("%v\n%s", err, read)
		}
		again, err := Read(written)
		if err != nil || !reflect.DeepEqual(valueOf(t, again), valueOf(t, read)) {
			t.Errorf("%v\n%s\n%s\n%s", err, read, written, again)
		}
		if err := strict(written); err != nil && !bytes.Contains(written, []byte("xml")) {
			t.Errorf("%v\n%s", err, written)
		}
	})
}

// BenchmarkXML measures both directions over the largest example.
func BenchmarkXML(b *testing.B) {
	document := []byte(`{"resourceType":"Patient","name":[` + strings.TrimSuffix(strings.Repeat(`{"family":"Chalmers","given":["Peter","James"],"use":"official"},`, 10_000), ",") + `]}`)
	written, err := Write(document, false)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(document)))
		for range b.N {
			if _, err := Write(document, false); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(written)))
		for range b.N {
			if _, err := Read(written); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The sentence of the whole stands where the issues do not: in logs.
func TestRefusalsOfElements(t *testing.T) {
	_, err := Read([]byte(`<Patient xmlns="http://hl7.org/fhir"><foo value="x"/></Patient>`))
	var refusal *fhir.Error
	if !errors.As(err, &refusal) || refusal.Kind.Status() != 422 || refusal.Detail != "The XML is not that of an R4 resource. The issues say what to correct." {
		t.Error(err)
	}
}
