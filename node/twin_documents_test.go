package node

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// twinTemplates are the types that the two servers hold, each with a document of it. A
// member whose name ends in ? is left out at times; of one that ends in * one member is
// taken; a string that begins with @ is replaced, see twinAuthor.value.
var twinTemplates = map[string]string{
	"Patient": `{"identifier?":["@identifier"],"active?":"@bool","name?":["@name"],"telecom?":["@telecom"],"gender?":"@code:male,female,other","birthDate?":"@day",
		"deceasedDateTime?":"@date","address?":["@address"],"generalPractitioner?":["@ref:Practitioner,Organization"],"managingOrganization?":"@ref:Organization",
		"communication?":[{"language":"@concept"}],"link?":[{"other":"@ref:RelatedPerson","type":"seealso"}]}`,
	"RelatedPerson": `{"identifier?":["@identifier"],"active?":"@bool","patient":"@patient","relationship?":["@concept"],"name?":["@name"],"telecom?":["@telecom"],
		"gender?":"@code:male,female","birthDate?":"@day","address?":["@address"]}`,
	"Practitioner": `{"identifier?":["@identifier"],"active?":"@bool","name?":["@name"],"telecom?":["@telecom"],"address?":["@address"],"gender?":"@code:male,female",
		"communication?":["@concept"]}`,
	"PractitionerRole": `{"identifier?":["@identifier"],"active?":"@bool","period?":"@period","practitioner?":"@ref:Practitioner","organization?":"@ref:Organization","code?":["@concept"],
		"specialty?":["@concept"],"location?":["@ref:Location"],"telecom?":["@telecom"],"endpoint?":["@ref:Endpoint"]}`,
	"Organization": `{"identifier?":["@identifier"],"active?":"@bool","type?":["@concept"],"name":"@text","address?":["@address"],"partOf?":"@ref:Organization"}`,
	"Location": `{"identifier?":["@identifier"],"status?":"@code:active,inactive","operationalStatus?":"@coding","name?":"@text","type?":["@concept"],"address?":"@address",
		"managingOrganization?":"@ref:Organization","partOf?":"@ref:Location"}`,
	"Medication": `{"identifier?":["@identifier"],"code?":"@concept","status?":"@code:active,inactive","manufacturer?":"@ref:Organization","form?":"@concept",
		"ingredient?":[{"itemCodeableConcept":"@concept"},{"itemReference":"@ref:Medication"}],"batch?":{"lotNumber":"@text","expirationDate":"@date"}}`,
	"Questionnaire": `{"url?":"@uri","identifier?":["@identifier"],"version?":"@text","name?":"@text","title?":"@text","status":"@code:draft,active","subjectType?":["Patient"],"date?":"@date",
		"publisher?":"@text","description?":"@text","code?":["@coding"],"useContext?":[{"code":"@coding","value*":{"valueCodeableConcept":"@concept","valueQuantity":"@quantity"}}],"jurisdiction?":["@concept"],"effectivePeriod?":"@period",
		"item?":[{"linkId":"1","type":"string","definition":"@uri","code":["@coding"],"text":"@text"}]}`,
	"ValueSet": `{"url?":"@uri","identifier?":["@identifier"],"version?":"@text","name?":"@text","title?":"@text","status":"@code:draft,active","date?":"@date","publisher?":"@text",
		"description?":"@text","useContext?":[{"code":"@coding","value*":{"valueCodeableConcept":"@concept","valueQuantity":"@quantity"}}],"jurisdiction?":["@concept"],"compose?":{"include":[{"system":"http://loinc.org","concept":[{"code":"@code:8302-2,29463-7"}]}]},
		"expansion?":{"identifier":"@uri","timestamp":"@date","contains":[{"system":"http://loinc.org","code":"@code:8302-2,29463-7"}]}}`,
	"Encounter": `{"identifier?":["@identifier"],"status":"@code:finished,planned","class":"@coding","type?":["@concept"],"subject":"@patient","basedOn?":["@ref:ServiceRequest"],
		"participant?":[{"type":["@concept"],"individual":"@ref:Practitioner"}],"period?":"@period","length?":{"value":5,"system":"http://unitsofmeasure.org","code":"min"},
		"reasonCode?":["@concept"],"reasonReference?":["@ref:Condition,Observation"],"diagnosis?":[{"condition":"@ref:Condition"}],"hospitalization?":{"specialArrangement":["@concept"]},
		"location?":[{"location":"@ref:Location","period":"@period"}],"serviceProvider?":"@ref:Organization","partOf?":"@ref:Encounter"}`,
	"Observation": `{"identifier?":["@identifier"],"basedOn?":["@ref:ServiceRequest,CarePlan"],"partOf?":["@ref:Procedure"],"status":"@code:final,amended","category?":["@concept"],"code":"@concept",
		"subject":"@patient","focus?":["@ref:Condition"],"encounter?":"@ref:Encounter","effective*":{"effectiveDateTime":"@date","effectivePeriod":"@period"},"performer?":["@ref:Practitioner,Organization"],
		"value*":{"valueQuantity":"@quantity","valueCodeableConcept":"@concept","valueString":"@text","valueDateTime":"@date","dataAbsentReason":"@concept"},"method?":"@concept",
		"specimen?":"@ref:Specimen","device?":"@ref:Device","hasMember?":["@ref:Observation"],"derivedFrom?":["@ref:Observation,DocumentReference"],
		"component?":[{"code":"@concept","value*":{"valueQuantity":"@quantity","valueCodeableConcept":"@concept","dataAbsentReason":"@concept"}}]}`,
	"Condition": `{"identifier?":["@identifier"],"clinicalStatus?":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"@code:active,resolved"}]},
		"verificationStatus?":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}]},"category?":["@concept"],"severity?":"@concept","code?":"@concept",
		"bodySite?":["@concept"],"subject":"@patient","encounter?":"@ref:Encounter","onset*":{"onsetDateTime":"@date","onsetPeriod":"@period","onsetString":"@text","onsetAge":"@age"},
		"abatement*":{"abatementDateTime":"@date","abatementAge":"@age","abatementString":"@text"},"recordedDate?":"@date","asserter?":"@ref:Practitioner","stage?":[{"summary":"@concept"}],
		"evidence?":[{"code":["@concept"],"detail":["@ref:Observation"]}]}`,
	"Procedure": `{"identifier?":["@identifier"],"instantiatesCanonical?":["@uri"],"instantiatesUri?":["@uri"],"basedOn?":["@ref:ServiceRequest"],"partOf?":["@ref:Procedure"],"status":"@code:completed,in-progress",
		"category?":"@concept","code?":"@concept","subject":"@patient","encounter?":"@ref:Encounter","performed*":{"performedDateTime":"@date","performedPeriod":"@period"},
		"performer?":[{"actor":"@ref:Practitioner"}],"location?":"@ref:Location","reasonCode?":["@concept"],"reasonReference?":["@ref:Condition"]}`,
	"MedicationRequest": `{"identifier?":["@identifier"],"status":"@code:active,completed","intent":"order","category?":["@concept"],"priority?":"@code:routine,urgent",
		"medication*":{"medicationCodeableConcept":"@concept","medicationReference":"@ref:Medication"},"subject":"@patient","encounter?":"@ref:Encounter","authoredOn?":"@date","requester?":"@ref:Practitioner",
		"performer?":"@ref:Practitioner","performerType?":"@concept","dosageInstruction?":[{"timing":{"event":["@date"]}}],"dispenseRequest?":{"performer":"@ref:Organization"}}`,
	"AllergyIntolerance": `{"identifier?":["@identifier"],"clinicalStatus?":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"@code:active,resolved"}]},
		"verificationStatus?":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-verification","code":"confirmed"}]},"type?":"@code:allergy,intolerance",
		"category?":["@code:food,medication"],"criticality?":"@code:low,high","code?":"@concept","patient":"@patient","onsetDateTime?":"@date","recordedDate?":"@date","recorder?":"@ref:Practitioner",
		"asserter?":"@ref:Practitioner","lastOccurrence?":"@date","reaction?":[{"substance":"@concept","manifestation":["@concept"],"onset":"@date","severity":"@code:mild,severe","exposureRoute":"@concept"}]}`,
	"Immunization": `{"identifier?":["@identifier"],"status":"completed","statusReason?":"@concept","vaccineCode":"@concept","patient":"@patient","occurrenceDateTime":"@date","location?":"@ref:Location",
		"manufacturer?":"@ref:Organization","lotNumber?":"@text","performer?":[{"actor":"@ref:Practitioner"}],"reasonCode?":["@concept"],"reasonReference?":["@ref:Condition"],
		"reaction?":[{"date":"@date","detail":"@ref:Observation"}],"protocolApplied?":[{"series":"@text","doseNumberPositiveInt":1,"targetDisease":["@concept"]}]}`,
	"DiagnosticReport": `{"identifier?":["@identifier"],"basedOn?":["@ref:ServiceRequest"],"status":"@code:final,amended","category?":["@concept"],"code":"@concept","subject":"@patient",
		"encounter?":"@ref:Encounter","effectiveDateTime?":"@date","issued?":"@instant","performer?":["@ref:Practitioner"],"resultsInterpreter?":["@ref:Practitioner"],"specimen?":["@ref:Specimen"],
		"result?":["@ref:Observation"],"conclusionCode?":["@concept"]}`,
	"DocumentReference": `{"masterIdentifier?":"@identifier","identifier?":["@identifier"],"status":"@code:current,superseded","type?":"@concept","category?":["@concept"],"subject":"@patient","date?":"@instant",
		"author?":["@ref:Practitioner"],"authenticator?":"@ref:Practitioner","custodian?":"@ref:Organization","relatesTo?":[{"code":"replaces","target":"@ref:DocumentReference"}],"description?":"@text",
		"content":[{"attachment":{"contentType":"text/plain","language":"en","url":"@uri","creation":"@date"},"format":"@coding"}],
		"context?":{"encounter":["@ref:Encounter"],"event":["@concept"],"period":"@period","facilityType":"@concept","practiceSetting":"@concept","related":["@ref:Observation"]}}`,
	"RiskAssessment": `{"identifier?":["@identifier"],"status":"@code:final,preliminary","method?":"@concept","subject":"@patient","encounter?":"@ref:Encounter","occurrenceDateTime?":"@date",
		"condition?":"@ref:Condition","performer?":"@ref:Practitioner","prediction?":[{"outcome":"@concept","probabilityDecimal":"@fraction","qualitativeRisk":"@concept"}]}`,
	"MolecularSequence": `{"identifier?":["@identifier"],"type?":"@code:dna,rna","coordinateSystem":0,"patient":"@patient",
		"referenceSeq?":{"chromosome":"@concept","referenceSeqId":"@concept","windowStart":"@place","windowEnd":"@place"},"variant?":[{"start":"@place","end":"@place"}]}`,
	"CarePlan": `{"identifier?":["@identifier"],"instantiatesCanonical?":["@uri"],"instantiatesUri?":["@uri"],"basedOn?":["@ref:CarePlan"],"replaces?":["@ref:CarePlan"],"partOf?":["@ref:CarePlan"],
		"status":"@code:active,completed","intent":"plan","category?":["@concept"],"subject":"@patient","encounter?":"@ref:Encounter","period?":"@period","careTeam?":["@ref:CareTeam"],
		"addresses?":["@ref:Condition"],"activity?":[{"reference":"@ref:ServiceRequest"},{"detail":{"status":"scheduled","code":"@concept","scheduledPeriod":"@period","performer":["@ref:Practitioner"]}}]}`,
	"ServiceRequest": `{"identifier?":["@identifier"],"basedOn?":["@ref:CarePlan"],"replaces?":["@ref:ServiceRequest"],"requisition?":"@identifier","status":"@code:active,completed","intent":"order",
		"category?":["@concept"],"priority?":"@code:routine,urgent","code?":"@concept","subject":"@patient","encounter?":"@ref:Encounter","occurrenceDateTime?":"@date","authoredOn?":"@date",
		"requester?":"@ref:Practitioner","performerType?":"@concept","performer?":["@ref:Practitioner"],"specimen?":["@ref:Specimen"],"bodySite?":["@concept"]}`,
	"Specimen": `{"identifier?":["@identifier"],"accessionIdentifier?":"@identifier","status?":"available","type?":"@concept","subject":"@patient","parent?":["@ref:Specimen"],
		"collection?":{"collector":"@ref:Practitioner","collectedDateTime":"@date","bodySite":"@concept"},"container?":[{"identifier":["@identifier"],"type":"@concept"}]}`,
	"Device": `{"identifier?":["@identifier"],"udiCarrier?":[{"deviceIdentifier":"@text","carrierHRF":"@text"}],"status?":"active","manufacturer?":"@text","deviceName?":[{"name":"@text","type":"model-name"}],
		"modelNumber?":"@text","type?":"@concept","patient":"@patient","owner?":"@ref:Organization","location?":"@ref:Location","url?":"@uri"}`,
	"QuestionnaireResponse": `{"identifier?":"@identifier","basedOn?":["@ref:ServiceRequest"],"partOf?":["@ref:Procedure"],"questionnaire?":"@uri","status":"@code:completed,amended","subject":"@patient",
		"encounter?":"@ref:Encounter","authored?":"@date","author":"@patient","source?":"@patient","item?":[{"linkId":"1","answer":[{"valueString":"@text"}]}]}`,
	"Consent": `{"identifier?":["@identifier"],"status":"@code:inactive,rejected","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"@code:research,adr"}]},
		"category":["@concept"],"patient":"@patient","dateTime?":"@date","performer?":["@ref:Practitioner"],"organization?":["@ref:Organization"],"sourceReference?":"@ref:DocumentReference",
		"policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},
		"provision?":{"type":"permit","period":"@period","actor":[{"role":"@concept","reference":"@ref:Practitioner"}],"action":["@concept"],"securityLabel":["@coding"],"purpose":["@coding"],
		"data":[{"meaning":"instance","reference":"@ref:Observation"}]}}`,
	"CareTeam": `{"identifier?":["@identifier"],"status?":"@code:active,inactive","category?":["@concept"],"name?":"@text","subject":"@patient","encounter?":"@ref:Encounter","period?":"@period",
		"participant?":[{"member":"@ref:Practitioner"}]}`,
	"Group": `{"identifier?":["@identifier"],"active?":"@bool","type":"person","actual":true,"code?":"@concept","name?":"@text","managingEntity?":"@ref:Organization",
		"characteristic?":[{"code":"@concept","valueCodeableConcept":"@concept","exclude":false}],"member":[{"entity":"@patient"}]}`,
	"List": `{"identifier?":["@identifier"],"status":"current","mode":"working","title?":"@text","code?":"@concept","subject?":"@patient","encounter?":"@ref:Encounter","date?":"@date",
		"source?":"@ref:Practitioner","note?":[{"text":"@text"}],"entry":[{"item":"@ref:Observation,Condition"}]}`,
	"Composition": `{"identifier?":"@identifier","status":"@code:final,amended","type":"@concept","category?":["@concept"],"subject?":"@patient","encounter?":"@ref:Encounter","date":"@date",
		"author":["@ref:Practitioner"],"title":"@text","confidentiality?":"N","attester?":[{"mode":"legal","party":"@ref:Practitioner"}],"relatesTo?":[{"code":"replaces","targetReference":"@ref:Composition"}],
		"event?":[{"code":["@concept"],"period":"@period"}],"section?":[{"title":"@text","code":"@concept","entry":["@ref:Observation"]}]}`,
	"Binary": `{"contentType":"@code:text/plain,text/csv","securityContext":"@ref:DocumentReference","data":"aGVsbG8="}`,
	"Provenance": `{"target":["@ref:Observation,Condition"],"occurredDateTime?":"@date","recorded":"@instant","location?":"@ref:Location","agent":[{"type":"@concept","role":["@concept"],"who":"@ref:Practitioner"}],
		"entity?":[{"role":"source","what":"@ref:DocumentReference"}],"signature?":[{"type":["@coding"],"when":"@instant","who":"@ref:Practitioner"}]}`,
	"Basic": `{"identifier?":["@identifier"],"code":"@concept","subject":"@ref:Observation,Encounter","created?":"@day","author?":"@ref:Practitioner"}`,
}

var twinTypes = slices.Sorted(maps.Keys(twinTemplates))

// twinSettles are the types that hold or inherit: what they refer to decides who may see
// them.
var twinSettles = []string{"Basic", "Binary", "Composition", "Device", "List", "Provenance"}

// twinLabel is the security label that some Consents of the two servers deny.
const twinLabel = `{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}`

var twinWords = map[string][]string{
	"codes":   {"8302-2", "29463-7", "a", "b", "x,y", "p$q", "a|b"},
	"systems": {"http://loinc.org", "http://snomed.info/sct", "urn:oid:1.2"},
	"text":    {"Anna", "Annabel", "Müller", "Smith, John", "O'Neil", "pain in the left knee", "body weight"},
	"uri":     {"http://hl7.org/fhir/ValueSet/a", "http://hl7.org/fhir/ValueSet/a/b", "http://x.org/q", "urn:oid:1.2.3"},
	"date":    {"2019", "2019-02", "2020-02-29", "2020-02-29T10:00:00Z", "2020-03-01T00:30:00-05:00", "2021-12-31T23:59:59Z"},
	"day":     {"1950", "1950-06", "1950-06-15", "1999-12-31"},
	"instant": {"2020-02-29T10:00:00Z", "2020-02-29T23:59:59.999+14:00", "2021-01-01T00:00:00Z"},
	"units":   {"kg", "g", "cm", "m"},
}

// twinAuthor writes documents. to chooses what a reference of a type points to.
type twinAuthor struct {
	*rand.Rand
	to func(typ string) fhir.Ref
}

func (a *twinAuthor) once(n int) bool { return a.IntN(n) == 0 }

func (a *twinAuthor) pick(list []string) string { return list[a.IntN(len(list))] }

func (a *twinAuthor) word(of string) string { return a.pick(twinWords[of]) }

// document writes a document of a type about a patient; more are members besides.
func (a *twinAuthor) document(ref fhir.Ref, patient string, more string) string {
	var template map[string]any
	if err := json.Unmarshal([]byte(twinTemplates[ref.Type]), &template); err != nil {
		panic(fmt.Sprintf("template of %s: %v", ref.Type, err))
	}
	o := a.fill(template, patient).(map[string]any)
	o["resourceType"] = ref.Type
	if ref.ID != "" {
		o["id"] = ref.ID
	}
	if a.once(4) {
		o["language"] = a.pick([]string{"en", "de-CH"})
	}
	if a.once(4) {
		o["meta"] = map[string]any{"tag": []any{a.value("coding", "")}, "profile": []any{a.word("uri")}, "source": a.word("uri")}
	}
	if more != "" {
		o["meta"] = json.RawMessage(more)
	}
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// fill replaces what a template leaves open.
func (a *twinAuthor) fill(v any, patient string) any {
	switch v := v.(type) {
	case map[string]any:
		return a.fillObject(v, patient)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = a.fill(v[i], patient)
		}
		return list
	case string:
		if name, open := strings.CutPrefix(v, "@"); open {
			return a.value(name, patient)
		}
	}
	return v
}

func (a *twinAuthor) fillObject(v map[string]any, patient string) any {
	o := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		last := name[len(name)-1]
		switch {
		case last == '*':
			choices := v[name].(map[string]any)
			one := a.pick(slices.Sorted(maps.Keys(choices)))
			o[one] = a.fill(choices[one], patient)
		case last == '?' && a.once(4):
		default:
			o[strings.TrimSuffix(name, "?")] = a.fill(v[name], patient)
		}
	}
	return o
}

// value makes a value of a kind.
func (a *twinAuthor) value(kind, patient string) any {
	kind, list, _ := strings.Cut(kind, ":")
	switch kind {
	case "ref":
		return map[string]any{"reference": a.to(a.pick(strings.Split(list, ","))).String()}
	case "patient":
		return map[string]any{"reference": patient}
	case "code":
		return a.pick(strings.Split(list, ","))
	case "bool":
		return a.once(2)
	case "coding":
		return map[string]any{"system": a.word("systems"), "code": a.word("codes"), "display": a.word("text")}
	case "concept":
		return map[string]any{"coding": []any{a.value("coding", "")}, "text": a.word("text")}
	case "identifier":
		return map[string]any{"system": a.word("systems"), "value": fmt.Sprint("n", a.IntN(100)), "type": a.value("concept", "")}
	case "name":
		return map[string]any{"family": a.word("text"), "given": []any{a.word("text")}, "text": a.word("text")}
	case "telecom":
		return map[string]any{"system": a.pick([]string{"phone", "email"}), "value": a.word("codes")}
	case "address":
		return map[string]any{"city": a.word("text"), "line": []any{a.word("text")}, "postalCode": a.word("codes"), "state": a.word("text"), "country": "CH", "use": a.pick([]string{"home", "work"})}
	case "period":
		return map[string]any{"start": "2019-0" + fmt.Sprint(1+a.IntN(9)), "end": "2020-0" + fmt.Sprint(1+a.IntN(9))}
	case "quantity":
		return map[string]any{"value": a.IntN(100), "system": "http://unitsofmeasure.org", "code": a.word("units"), "unit": "u"}
	case "age":
		return map[string]any{"value": a.IntN(100), "system": "http://unitsofmeasure.org", "code": "a"}
	case "fraction":
		return json.RawMessage(fmt.Sprintf("0.%d", a.IntN(100)))
	case "place":
		return 1 + a.IntN(1000)
	}
	return a.word(kind)
}
