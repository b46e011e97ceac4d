package fhir

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseRefusesWhatIsNotJSON(t *testing.T) {
	const head = `{"resourceType":"Patient",`
	deep := func(n int) string {
		return `{"resourceType":"Basic","code":{"text":"x"},"extension":` + strings.Repeat(`[{"url":"u","extension":`, n) + `[]` + strings.Repeat(`}]`, n) + `}`
	}
	for name, in := range map[string]string{
		"empty":                  ``,
		"white space":            " \n",
		"half":                   head,
		"half a string":          head + `"id":"a`,
		"half an escape":         head + `"id":"a\`,
		"half a number":          head + `"multipleBirthInteger":-`,
		"no colon":               head + `"id" "a"}`,
		"no comma":               head + `"id":"a" "active":true}`,
		"no name":                head + `active:true}`,
		"comma at the end":       head + `"id":"a",}`,
		"comma in an array":      head + `"name":[{"family":"a"},]}`,
		"no comma in an array":   head + `"name":[{"family":"a"} {"family":"b"}]}`,
		"wrong brace":            head + `"id":"a"]`,
		"more":                   head + `"id":"a"} x`,
		"two documents":          head + `"id":"a"}{}`,
		"byte order mark":        "\ufeff" + head + `"id":"a"}`,
		"comment":                head + `/* */"id":"a"}`,
		"single quotes":          head + `'id':"a"}`,
		"NaN":                    head + `"multipleBirthInteger":NaN}`,
		"leading zero":           head + `"multipleBirthInteger":01}`,
		"plus":                   head + `"multipleBirthInteger":+1}`,
		"point at the end":       head + `"multipleBirthInteger":1.}`,
		"no exponent":            head + `"multipleBirthInteger":1e}`,
		"True":                   head + `"active":True}`,
		"tru":                    head + `"active":tru}`,
		"wrong escape":           head + `"id":"\x"}`,
		"wrong \\u":              head + `"id":"\u00g0"}`,
		"short \\u":              head + `"id":"\u00"}`,
		"lone high surrogate":    head + `"id":"\ud800"}`,
		"lone low surrogate":     head + `"id":"\udc00"}`,
		"two high surrogates":    head + `"id":"\ud800\ud800"}`,
		"high and a letter":      head + `"id":"\ud800abcdef"}`,
		"control character":      head + "\"id\":\"a\x01\"}",
		"line feed in a string":  head + "\"id\":\"a\n\"}",
		"invalid UTF-8":          head + "\"id\":\"\xff\"}",
		"overlong UTF-8":         head + "\"id\":\"\xc0\xaf\"}",
		"surrogate in UTF-8":     head + "\"id\":\"\xed\xa0\x80\"}",
		"cut UTF-8":              head + "\"id\":\"\xe2\x82\"}",
		"duplicate":              head + `"id":"a","id":"a"}`,
		"duplicate by escape":    head + `"id":"a","\u0069d":"a"}`,
		"duplicate array":        head + `"name":[{"text":"a"}],"name":[{"text":"a"}]}`,
		"duplicate inside":       head + `"name":[{"text":"a","text":"b"}]}`,
		"duplicate choice":       head + `"deceasedBoolean":true,"deceasedBoolean":true}`,
		"duplicate beside":       head + `"_birthDate":{"id":"a"},"birthDate":"2001","_birthDate":{"id":"b"}}`,
		"no object":              `[]`,
		"a number":               `1`,
		"duplicate resourceType": head + `"resourceType":"Patient"}`,
		"depth 1000":             deep(500),
		"depth of nonsense":      head + `"nonsense":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`,
		"form feed":              head + "\f" + `"id":"a"}`,
	} {
		var e *Error
		_, err := Parse([]byte(in))
		if !errors.As(err, &e) || e.Kind != Malformed || e.Detail == "" || len(e.Issues) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse([]byte(strings.Replace(deep(49), `"extension":[]`, `"valueCode":"c"`, 1))); err != nil {
		t.Errorf("depth below the limit: %v", err)
	}
}

func TestParseRefusesTooLarge(t *testing.T) {
	var e *Error
	if _, err := Parse(make([]byte, maxSize+1)); !errors.As(err, &e) || e.Kind != TooLarge {
		t.Errorf("%v", err)
	}
}

// asPatient, asObservation and so on wrap members into a valid resource.
func asPatient(members string) string { return `{"resourceType":"Patient",` + members + `}` }
func asObservation(members string) string {
	return `{"resourceType":"Observation","status":"final","code":{"text":"c"},` + members + `}`
}
func asBundle(typ, members string) string {
	return `{"resourceType":"Bundle","type":"` + typ + `",` + members + `}`
}
func asContained(c, members string) string {
	return asPatient(`"contained":[` + c + `],"managingOrganization":{"reference":"#c"}` + members)
}

func TestParseRefusesWhatIsNotR4(t *testing.T) {
	const org = `{"resourceType":"Organization","id":"c","name":"n"`
	for name, c := range map[string]struct{ in, code, place, word string }{
		"no resourceType":       {`{"id":"a"}`, "structure", "", "resourceType"},
		"unknown resourceType":  {`{"resourceType":"Nothing"}`, "structure", "", "resourceType"},
		"abstract resourceType": {`{"resourceType":"DomainResource"}`, "structure", "", "resourceType"},
		"datatype":              {`{"resourceType":"HumanName"}`, "structure", "", "resourceType"},
		"resourceType a number": {`{"resourceType":1}`, "structure", "", "resourceType"},
		"unknown element":       {asPatient(`"nickname":"a"`), "structure", "Patient.nickname", "no such element"},
		"odd name":              {asPatient(`"a b":"a"`), "structure", "Patient", "no such element"},
		"empty name":            {asPatient(`"":"a"`), "structure", "Patient", "no such element"},
		"only an underscore":    {asPatient(`"_":"a"`), "structure", "Patient._", "no such element"},
		"beside an object":      {asPatient(`"_name":[{"id":"a"}]`), "structure", "Patient._name", "no such element"},
		"wrong choice type":     {asObservation(`"valueReference":{"reference":"Patient/1"}`), "structure", "Observation.valueReference", "no such element"},
		"choice without type":   {asObservation(`"value":1`), "structure", "Observation.value", "no such element"},
		"type in a datatype":    {asPatient(`"name":[{"resourceType":"HumanName"}]`), "structure", "Patient.name[0].resourceType", "no such element"},
		"unknown deep":          {asPatient(`"name":[{"text":"a"},{"text":"b","x":1}]`), "structure", "Patient.name[1].x", "no such element"},
		"string for boolean":    {asPatient(`"active":"true"`), "structure", "Patient.active", "without quotes"},
		"number for string":     {asPatient(`"id":1`), "structure", "Patient.id", "string"},
		"string for number":     {asPatient(`"multipleBirthInteger":"1"`), "structure", "Patient.multipleBirth", "number"},
		"object for string":     {asPatient(`"gender":{}`), "structure", "Patient.gender", "string"},
		"string for object":     {asPatient(`"maritalStatus":"M"`), "structure", "Patient.maritalStatus", "object"},
		"string for resource":   {asPatient(`"contained":["a"]`), "structure", "Patient.contained[0]", "object"},
		"array for single":      {asPatient(`"gender":["male"]`), "structure", "Patient.gender", "cannot repeat"},
		"single for array":      {asPatient(`"name":{"text":"a"}`), "structure", "Patient.name[0]", "repeats"},
		"null":                  {asPatient(`"gender":null`), "structure", "Patient.gender", "null"},
		"null for array":        {asPatient(`"name":null`), "structure", "Patient.name[0]", "null"},
		"null object":           {asPatient(`"name":[{"text":"a"},null]`), "structure", "Patient.name[1]", "null"},
		"empty array":           {asPatient(`"name":[]`), "structure", "Patient.name[0]", "empty"},
		"array in array":        {asPatient(`"name":[[{"text":"a"}]]`), "structure", "Patient.name[0]", "object"},
		"null without beside":   {asPatient(`"name":[{"given":["a",null]}]`), "structure", "Patient.name[0].given", "gap"},
		"null and null":         {asPatient(`"name":[{"given":[null,"a"],"_given":[null,{"id":"x"}]}]`), "structure", "Patient.name[0].given", "gap"},
		"beside too long":       {asPatient(`"name":[{"given":["a"],"_given":[{"id":"x"},{"id":"x"}]}]`), "structure", "Patient.name[0].given", "gap"},
		"only nulls beside":     {asPatient(`"name":[{"_given":[null]}]`), "structure", "Patient.name[0].given", "gap"},
		"beside not an object":  {asPatient(`"birthDate":"2000","_birthDate":"x"`), "structure", "Patient.birthDate", "object"},
		"beside with a value":   {asPatient(`"birthDate":"2000","_birthDate":{"value":"2000"}`), "structure", "Patient.birthDate.value", "no such element"},
		"two choices":           {asPatient(`"deceasedBoolean":true,"deceasedDateTime":"2020"`), "structure", "Patient.deceased", "two types"},
		"two choices, beside":   {asPatient(`"deceasedBoolean":true,"_deceasedDateTime":{"id":"a"}`), "structure", "Patient.deceased", "two types"},

		"mandatory":            {`{"resourceType":"Observation","status":"final"}`, "required", "Observation.code", "mandatory"},
		"mandatory choice":     {`{"resourceType":"MedicationStatement","status":"active","subject":{"reference":"Patient/1"}}`, "required", "MedicationStatement.medication", "mandatory"},
		"mandatory inside":     {asPatient(`"link":[{"type":"refer"}]`), "required", "Patient.link[0].other", "mandatory"},
		"mandatory in a type":  {asPatient(`"photo":[{"id":"a","url":"u"}],"extension":[{"valueCode":"a"}]`), "required", "Patient.extension[0].url", "mandatory"},
		"content reference":    {`{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"group","item":[{"type":"group"}]}]}`, "required", "Questionnaire.item[0].item[0].linkId", "mandatory"},
		"empty string":         {asPatient(`"implicitRules":""`), "value", "Patient.implicitRules", "empty"},
		"control character":    {asPatient(`"name":[{"text":"a\u0000"}]`), "value", "Patient.name[0].text", "control"},
		"format":               {asPatient(`"birthDate":"2023-02-29"`), "value", "Patient.birthDate", "date"},
		"format in an array":   {asPatient(`"name":[{"given":["a",""]}]`), "value", "Patient.name[0].given[1]", "empty"},
		"id of 65 characters":  {asPatient(`"id":"` + strings.Repeat("a", 65) + `"`), "value", "Patient.id", "64"},
		"integer with a point": {asPatient(`"multipleBirthInteger":1.0`), "value", "Patient.multipleBirth", "whole number"},
		"code list":            {asPatient(`"gender":"m"`), "code-invalid", "Patient.gender", "administrative-gender"},
		"code list, concept":   {`{"resourceType":"Condition","clinicalStatus":{"coding":[{"system":"http://x","code":"active"}]},"subject":{"reference":"Patient/1"}}`, "code-invalid", "Condition.clinicalStatus", "condition-clinical"},
		"code list, text only": {`{"resourceType":"Condition","clinicalStatus":{"text":"active"},"subject":{"reference":"Patient/1"}}`, "code-invalid", "Condition.clinicalStatus", "condition-clinical"},
		"target type":          {asObservation(`"subject":{"reference":"Practitioner/1"}`), "value", "Observation.subject.reference", "may not refer"},
		"target type, URL":     {asObservation(`"encounter":{"reference":"https://h.example/fhir/Patient/1/_history/2"}`), "value", "Observation.encounter.reference", "may not refer"},
		"target, conditional":  {asObservation(`"encounter":{"reference":"Patient?identifier=1"}`), "value", "Observation.encounter.reference", "may not refer"},
		"target, contained":    {asContained(`{"resourceType":"Basic","id":"c","code":{"text":"x"}}`, ""), "value", "Patient.managingOrganization.reference", "may not refer"},
		"narrative":            {asPatient(`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><script>x</script></div>"}`), "invariant", "Patient.text.div", "txt-1"},
		"narrative not XML":    {asPatient(`"text":{"status":"generated","div":"<div>"}`), "value", "Patient.text.div", "well-formed"},

		"ele-1":               {asPatient(`"name":[{}]`), "invariant", "Patient.name[0]", "ele-1"},
		"ele-1, only an id":   {asPatient(`"maritalStatus":{"id":"x"}`), "invariant", "Patient.maritalStatus", "ele-1"},
		"ele-1, beside":       {asPatient(`"_birthDate":{"id":"x"}`), "invariant", "Patient.birthDate", "ele-1"},
		"ele-1, empty beside": {asPatient(`"birthDate":"2000","_birthDate":{}`), "invariant", "Patient.birthDate", "ele-1"},
		"ext-1, neither":      {asPatient(`"extension":[{"url":"u"}]`), "invariant", "Patient.extension[0]", "ext-1"},
		"ext-1, both":         {asPatient(`"extension":[{"url":"u","valueCode":"a","extension":[{"url":"v","valueCode":"b"}]}]`), "invariant", "Patient.extension[0]", "ext-1"},
		"ref-1":               {asPatient(`"managingOrganization":{"reference":"#c"}`), "invariant", "Patient.managingOrganization.reference", "ref-1"},
		"ref-1, alone":        {asPatient(`"managingOrganization":{"reference":"#"}`), "invariant", "Patient.managingOrganization.reference", "ref-1"},
		"dom-2":               {asContained(org+`,"contained":[`+org+`}]}`, ""), "invariant", "Patient.contained[0].contained[0]", "dom-2"},
		"dom-3":               {asPatient(`"contained":[` + org + `}]`), "invariant", "Patient.contained[0]", "dom-3"},
		"dom-3, no id":        {asPatient(`"contained":[{"resourceType":"Organization","name":"n"}]`), "invariant", "Patient.contained[0]", "dom-3"},
		"dom-4, version":      {asContained(org+`,"meta":{"versionId":"1"}}`, ""), "invariant", "Patient.contained[0].meta.versionId", "dom-4"},
		"dom-4, time":         {asContained(org+`,"meta":{"lastUpdated":"2020-01-01T00:00:00Z"}}`, ""), "invariant", "Patient.contained[0].meta.lastUpdated", "dom-4"},
		"dom-5":               {asContained(org+`,"meta":{"security":[{"code":"R"}]}}`, ""), "invariant", "Patient.contained[0].meta.security[0]", "dom-5"},
		"same id twice":       {asContained(org+`},`+org+`}`, ""), "invariant", "Patient.contained[1]", "same id"},
		"bdl-1":               {asBundle("collection", `"total":1`), "invariant", "Bundle", "bdl-1"},
		"bdl-2":               {asBundle("collection", `"entry":[{"resource":{"resourceType":"Patient"},"search":{"mode":"match"}}]`), "invariant", "Bundle.entry[0].search", "bdl-2"},
		"bdl-3, missing":      {asBundle("batch", `"entry":[{"resource":{"resourceType":"Patient"}}]`), "invariant", "Bundle.entry[0]", "bdl-3"},
		"bdl-3, superfluous":  {asBundle("collection", `"entry":[{"request":{"method":"GET","url":"Patient"}}]`), "invariant", "Bundle.entry[0]", "bdl-3"},
		"bdl-4":               {asBundle("transaction-response", `"entry":[{"resource":{"resourceType":"Patient"}}]`), "invariant", "Bundle.entry[0]", "bdl-4"},
		"bdl-5":               {asBundle("collection", `"entry":[{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}]`), "invariant", "Bundle.entry[0]", "bdl-5"},
		"bdl-7":               {asBundle("collection", `"entry":[{"fullUrl":"http://a/Patient/1","resource":{"resourceType":"Patient"}},{"fullUrl":"http:\/\/a/Patient/1","resource":{"resourceType":"Patient"}}]`), "invariant", "Bundle.entry[1].fullUrl", "bdl-7"},
		"bdl-8":               {asBundle("collection", `"entry":[{"fullUrl":"http://a/Patient/1/_history/1","resource":{"resourceType":"Patient"}}]`), "invariant", "Bundle.entry[0].fullUrl", "bdl-8"},
		"bdl-9":               {asBundle("document", `"timestamp":"2020-01-01T00:00:00Z"`), "invariant", "Bundle", "bdl-9"},
		"bdl-10":              {asBundle("document", `"identifier":{"system":"s","value":"v"}`), "invariant", "Bundle", "bdl-10"},
		"bdl-11":              {asBundle("document", `"identifier":{"system":"s","value":"v"},"timestamp":"2020-01-01T00:00:00Z","entry":[{"resource":{"resourceType":"Patient"}}]`), "invariant", "Bundle", "bdl-11"},
		"bdl-12":              {asBundle("message", `"entry":[{"resource":{"resourceType":"Patient"}}]`), "invariant", "Bundle", "bdl-12"},
		"inside a Bundle":     {asBundle("collection", `"entry":[{"resource":{"resourceType":"Patient"}},{"resource":{"status":"x","resourceType":"Observation","code":{"text":"t"}}}]`), "code-invalid", "Bundle.entry[1].resource.status", "observation-status"},
		"local across entries": {asBundle("collection", `"entry":[{"resource":`+asContained(org+`}`, "")+`},{"resource":`+asPatient(`"managingOrganization":{"reference":"#c"}`)+`}]`),
			"invariant", "Bundle.entry[1].resource.managingOrganization.reference", "ref-1"},
		"no type in a Bundle": {asBundle("batch", `"entry":[{"resource":{},"request":{"method":"PUT","url":"Patient/1"}}]`), "structure", "Bundle.entry[0].resource", "resourceType"},
	} {
		var e *Error
		_, err := Parse([]byte(c.in))
		if !errors.As(err, &e) || e.Kind != Unprocessable || len(e.Issues) == 0 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if i := e.Issues[0]; i.Code != c.code || i.Expression != c.place || !strings.Contains(i.Detail, c.word) || len(e.Issues) > 1 {
			t.Errorf("%s: %d issues, the first %+v", name, len(e.Issues), i)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	const org = `{"resourceType":"Organization","id":"c","name":"n"`
	for name, in := range map[string]string{
		"least":                  `{"resourceType":"Patient"}`,
		"white space":            " \r\n\t{ \"resourceType\" : \"Patient\" } \n",
		"type last":              `{"id":"a","name":[{"text":"resourceType"}],"resourceType":"Patient"}`,
		"escaped names":          `{"resource\u0054ype":"Patient","\u0061ctive":true}`,
		"slash and surrogates":   asPatient(`"name":[{"text":"\/\ud83d\ude00\n"}]`),
		"value and beside":       asPatient(`"_birthDate":{"id":"x"},"birthDate":"2000"`),
		"choice and beside":      asPatient(`"_deceasedDateTime":{"id":"x"},"deceasedDateTime":"2000"`),
		"only beside":            asPatient(`"_birthDate":{"extension":[{"url":"u","valueCode":"a"}]}`),
		"mandatory only beside":  `{"resourceType":"Observation","_status":{"extension":[{"url":"u","valueCode":"a"}]},"code":{"text":"c"}}`,
		"arrays beside":          asPatient(`"name":[{"given":["a",null,"b"],"_given":[null,{"id":"y","extension":[{"url":"u","valueCode":"a"}]}]}]`),
		"whole array beside":     asPatient(`"name":[{"_given":[{"extension":[{"url":"u","valueCode":"a"}]}]}]`),
		"concept with reason":    `{"resourceType":"Condition","clinicalStatus":{"extension":[{"url":"u","valueCode":"a"}]},"subject":{"reference":"Patient/1"}}`,
		"second coding":          `{"resourceType":"Condition","clinicalStatus":{"coding":[{"code":"x"},{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"subject":{"reference":"Patient/1"}}`,
		"any target":             `{"resourceType":"Basic","code":{"text":"c"},"subject":{"reference":"Observation/1"}}`,
		"target not evident":     asObservation(`"subject":{"reference":"http://a/b/c"},"encounter":{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}`),
		"contained":              asContained(org+`}`, ""),
		"contained by canonical": `{"resourceType":"QuestionnaireResponse","status":"completed","questionnaire":"#q","contained":[{"resourceType":"Questionnaire","id":"q","status":"draft"}]}`,
		"contained refers out":   asPatient(`"contained":[{"resourceType":"Basic","id":"c","code":{"text":"x"},"subject":{"reference":"#"}}]`),
		"contained in contained": asContained(org+`,"partOf":{"reference":"#d"}},{"resourceType":"Organization","id":"d","name":"n"}`, ""),
		"searchset":              asBundle("searchset", `"total":1,"entry":[{"fullUrl":"http://a/Patient/1","resource":{"resourceType":"Patient"},"search":{"mode":"match"}}]`),
		"history":                asBundle("history", `"total":2,"entry":[{"fullUrl":"http://a/Patient/1","request":{"method":"DELETE","url":"Patient/1"},"response":{"status":"204"}},{"fullUrl":"http://a/Patient/1","request":{"method":"POST","url":"Patient"},"response":{"status":"201"}}]`),
		"two versions":           asBundle("collection", `"entry":[{"fullUrl":"http://a/Patient/1","resource":{"resourceType":"Patient","meta":{"versionId":"1"}}},{"fullUrl":"http://a/Patient/1","resource":{"resourceType":"Patient","meta":{"versionId":"2"}}}]`),
		"response with outcome":  asBundle("batch-response", `"entry":[{"response":{"status":"400","outcome":{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid"}]}}}]`),
		"empty Parameters":       `{"resourceType":"Parameters"}`,
		"decimal as written":     asObservation(`"valueQuantity":{"value":1.50e-10}`),
	} {
		r, err := Parse([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if string(r.Bytes()) != in {
			t.Errorf("%s: other bytes", name)
		}
	}
}

func TestParseStopsAtFiftyIssues(t *testing.T) {
	var e *Error
	_, err := Parse([]byte(asPatient(`"name":[` + strings.Repeat(`{},`, 99) + `{}]`)))
	if !errors.As(err, &e) || len(e.Issues) != maxIssues || e.Issues[49].Expression != "Patient.name[49]" {
		t.Errorf("%v", err)
	}
}

// TestErrorsKeepValuesToThemselves puts a secret into every kind of value in
// invalid documents: no error may repeat it.
func TestErrorsKeepValuesToThemselves(t *testing.T) {
	const secret = "Rumpelstilzchen"
	for _, format := range []string{
		asPatient(`"birthDate":"%s"`), asPatient(`"gender":"%s"`), asPatient(`"id":"%s "`), asPatient(`"active":"%s"`),
		asPatient(`"name":"%s"`), asPatient(`"x y":"%s"`), asPatient(`"managingOrganization":{"reference":"#%s"}`),
		asObservation(`"subject":{"reference":"Practitioner/%s"}`), asPatient(`"name":[{"text":"%s"`), asPatient(`"%s 1":"a"`),
		asPatient(`"text":{"status":"generated","div":"<div><script>%s</script></div>"}`), `{"resourceType":"%s"}`, `%s`, `"%s"`,
		asPatient(`"contained":[{"resourceType":"Patient","id":"%s"}]`), asBundle("%s", `"total":1`),
	} {
		in := fmt.Sprintf(format, secret)
		_, err := Parse([]byte(in))
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", in, err)
		}
	}
}
