package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// field are resources, each with its id, as they are met in the field.
var field = []string{
	`{"resourceType":"Patient","id":"anna","gender":"female","birthDate":"1980","name":[{"family":"Adler"}]}`,
	`{"resourceType":"Patient","id":"ben","gender":"male","birthDate":"1970","name":[{"family":"Berg"}]}`,
	`{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/anna"}}`,
	`{"resourceType":"Encounter","id":"e2","status":"planned","class":{"code":"IMP"},"subject":{"reference":"Patient/ben"},"partOf":{"reference":"Encounter/e1"}}`,
	`{"resourceType":"Observation","id":"o1","status":"final","code":{"coding":[{"system":"l","code":"w"}]},"subject":{"reference":"Patient/anna"},"encounter":{"reference":"Encounter/e1"}}`,
	`{"resourceType":"Observation","id":"o2","status":"final","code":{"coding":[{"system":"l","code":"h"}]},"subject":{"reference":"Patient/ben"},"encounter":{"reference":"Encounter/e2"},"hasMember":[{"reference":"Observation/o1"}]}`,
	`{"resourceType":"List","id":"l1","status":"current","mode":"working","entry":[{"item":{"reference":"Observation/o1"}},{"item":{"reference":"Patient/ben"}}]}`,
	`{"resourceType":"List","id":"l2","status":"current","mode":"working","meta":{"security":[{"code":"R"}]},"entry":[{"item":{"reference":"Observation/o2"}}]}`,
	`{"resourceType":"Patient","id":"c20","name":[{"family":"` + strings.Repeat("漢", 20) + `丁"}]}`,
	`{"resourceType":"Patient","id":"c21","name":[{"family":"` + strings.Repeat("漢", 21) + `乙"}]}`,
	`{"resourceType":"Patient","id":"c22","name":[{"family":"` + strings.Repeat("漢", 21) + `丙甲"}]}`,
	`{"resourceType":"Patient","id":"c23","name":[{"family":"` + strings.Repeat("漢", 21) + `丙"}]}`,
	`{"resourceType":"MedicationRequest","id":"m1","status":"active","intent":"order","subject":{"reference":"Patient/anna"},"medicationReference":{"reference":"#in"},
		"contained":[{"resourceType":"Medication","id":"in","code":{"coding":[{"system":"m","code":"aspirin"}]},"manufacturer":{"reference":"Organization/maker"}}]}`,
	`{"resourceType":"MedicationRequest","id":"m2","status":"active","intent":"order","subject":{"reference":"Patient/ben"},"medicationReference":{"reference":"Medication/m"}}`,
	`{"resourceType":"Medication","id":"m","code":{"coding":[{"system":"m","code":"codein"}]},"manufacturer":{"reference":"Organization/maker"}}`,
	`{"resourceType":"Organization","id":"maker","name":"Maker"}`,
	`{"resourceType":"Composition","id":"doc","status":"final","type":{"text":"t"},"date":"2024","author":[{"display":"x"}],"title":"Outside"}`,
	`{"resourceType":"Bundle","id":"b1","type":"document","identifier":{"system":"s","value":"1"},"timestamp":"2024-01-01T00:00:00Z","entry":[{"fullUrl":"urn:uuid:0b3ee2ff-bd6f-4c0a-b90f-2a4d4a5bcd8a",
		"resource":{"resourceType":"Composition","id":"doc","status":"final","type":{"text":"t"},"date":"2024","author":[{"display":"x"}],"title":"Within"}}]}`,
	`{"resourceType":"QuestionnaireResponse","id":"r1","status":"completed","questionnaire":"http://forms.example/q|v1-Beta","subject":{"reference":"Patient/anna"}}`,
	`{"resourceType":"QuestionnaireResponse","id":"r2","status":"completed","questionnaire":"http://forms.example/q|2.1.0#part","subject":{"reference":"Patient/ben"}}`,
	`{"resourceType":"QuestionnaireResponse","id":"r3","status":"completed","questionnaire":"http://forms.example/q"}`,
	`{"resourceType":"Basic","id":"x1","code":{"text":"t"},"meta":{"profile":["http://forms.example/profile|1.2.0"]}}`,
	`{"resourceType":"Questionnaire","id":"q1","status":"active","url":"http://forms.example/q","version":"v1-Beta","title":"First"}`,
	`{"resourceType":"Questionnaire","id":"q2","status":"active","url":"http://forms.example/q","version":"2.1.0","title":"Second"}`,
	`{"resourceType":"QuestionnaireResponse","id":"r4","status":"completed","questionnaire":"form-7"}`,
	`{"resourceType":"QuestionnaireResponse","id":"r5","status":"completed","questionnaire":"our_form"}`,
	`{"resourceType":"Questionnaire","id":"form-7","status":"active"}`,
	`{"resourceType":"QuestionnaireResponse","id":"r6","status":"completed","questionnaire":"Questionnaire/form-7"}`,
	`{"resourceType":"Patient","id":"untold","identifier":[{"type":{"coding":[{"system":"t","code":"MR","display":"Record number"}],"text":"BSN"},"system":"urn:bsn"}]}`,
}

// asked is a query with the ids that it finds, in order, and those that it includes.
type asked struct{ holds, query, want, included string }

// fieldAsked is asked by those who do not see what is labelled.
var fieldAsked = []asked{
	{"two _sort are one, in their order", "Patient?birthdate:missing=false&_sort=gender&_sort=-birthdate", "anna ben", ""},
	{"chains have any depth", "Observation?encounter:Encounter.part-of:Encounter.subject:Patient.family=adler", "o2", ""},
	{"chains end in modifiers", "Observation?encounter:Encounter.subject:Patient.family:exact=Berg", "o2", ""},
	{"_has may be nested", "Patient?_has:Encounter:patient:_has:Observation:encounter:code=w", "anna", ""},
	{"_has may be in chains", "Observation?encounter:Encounter._has:Encounter:part-of:status=planned", "o1", ""},
	{"chains may be in _has", "Observation?_has:Observation:has-member:subject:Patient.family=berg", "o1", ""},
	{"_list finds the members of a List", "Observation?_list=l1", "o1", ""},
	{"_list finds nothing of a List that is hidden", "Observation?_list=l2", "", ""},
	{"_list may name several, and lead on", "Encounter?_has:Observation:encounter:_list=l1,l2", "e1", ""},
	{":contains looks into all of a name", "Patient?name:contains=丙甲", "c22", ""},
	{"long names sort in order", "Patient?name=漢&_sort=name", "c20 c23 c22 c21", ""},
	{"chains look into contained resources", "MedicationRequest?medication.code=aspirin", "m1", ""},
	{"chains look into contained resources and others", "MedicationRequest?medication:Medication.code=m%7Caspirin,codein", "m1 m2", ""},
	{"chains look past what is not said of contained resources", "MedicationRequest?medication.code:not=aspirin", "m2", ""},
	{"chains lead out of contained resources", "MedicationRequest?medication.manufacturer.name=maker", "m1 m2", ""},
	{"the composition of a Bundle is the one inside", "Bundle?composition.title=within", "b1", ""},
	{"the composition of a Bundle is not another of its id", "Bundle?composition.title=outside", "", ""},
	{"the composition of a Bundle is no other resource to include", "Bundle?_id=b1&_include=Bundle:composition", "b1", ""},
	{"nothing else of a Bundle is included", "Bundle?_id=b1&_include=*", "b1", ""},
	{"versions that are strings have no case", "Questionnaire?version=V1-BETA", "q1", ""},
	{"a canonical is found with its version", "QuestionnaireResponse?questionnaire=http://forms.example/q%7Cv1-Beta", "r1", ""},
	{"a canonical is found without its version", "QuestionnaireResponse?questionnaire=http://forms.example/q", "r1 r2 r3", ""},
	{"a canonical is found without its fragment", "QuestionnaireResponse?questionnaire=http://forms.example/q%7C2.1.0", "r2", ""},
	{"a canonical is found below its version", "QuestionnaireResponse?questionnaire:below=http://forms.example/q%7C2.1", "r2", ""},
	{"a canonical is found that is no URL but looks like an id", "QuestionnaireResponse?questionnaire=form-7&_sort=_id", "r4 r6", ""},
	{"a canonical is found that is no URL", "QuestionnaireResponse?questionnaire=our_form", "r5", ""},
	{"an identifier without a value is found by its type", "Patient?identifier:text=bsn", "untold", ""},
	{"an identifier without a value is not found by that", "Patient?identifier:of-type=t%7CMR%7CBSN", "", ""},
	{"a profile is found without its version", "Basic?_profile=http://forms.example/profile", "x1", ""},
	{"a profile is found below its version", "Basic?_profile:below=http://forms.example/profile%7C1.2", "x1", ""},
	{"chains lead over canonicals", "QuestionnaireResponse?questionnaire.title=second", "r2 r3", ""},
	{"_has leads over canonicals", "Questionnaire?_has:QuestionnaireResponse:questionnaire:patient=ben", "q2", ""},
	{"_include follows canonicals", "QuestionnaireResponse?_id=r1,r3&_include=QuestionnaireResponse:questionnaire", "r1 r3", "Questionnaire/q1 Questionnaire/q2"},
	{"_include=* follows canonicals", "QuestionnaireResponse?_id=r2&_include=*", "r2", "Patient/ben Questionnaire/q2"},
	{"_revinclude follows canonicals", "Questionnaire?_id=q1&_revinclude=QuestionnaireResponse:questionnaire", "q1", "QuestionnaireResponse/r1 QuestionnaireResponse/r3"},
	{"several types are searched at once, in the order of creation", "?_type=Encounter,Patient,List&_lastUpdated=lt2026-01-02T03:04:13", "anna ben e1 e2 l1", ""},
	{"several types are sorted together", "?_type=Patient,Encounter&_id=anna,ben,e1,e2&_sort=-_id", "e2 e1 ben anna", ""},
	{"all types are searched", "?_id=m,e1,nobody", "e1 m", ""},
	{"_has finds of all types", "?_has:QuestionnaireResponse:patient:_id=r1&_sort=_id", "anna", ""},
	{"_list finds of all types", "?_list=l1", "ben o1", ""},
	{"_profile finds of all types", "?_profile=http://forms.example/profile", "x1", ""},
	{"several types are included with", "?_type=Encounter,Observation&_id=e1,o1&_include=Encounter:subject", "e1 o1", "Patient/anna"},
	{"a URL with a version finds that version", "Questionnaire?url=http://forms.example/q%7C2.1.0", "q2", ""},
	{"everything that refers here is included", "Patient?_id=ben&_revinclude=*", "ben", "Encounter/e2 List/l1 MedicationRequest/m2 Observation/o2 QuestionnaireResponse/r2"},
	{"whatever is referred to is included, and so on", "Observation?_id=o2&_include:iterate=*", "o2", "Encounter/e1 Encounter/e2 Observation/o1 Patient/anna Patient/ben"},
}

func testField(w *world) { w.askAll(field, fieldAsked) }

// askAll asks among documents.
func (w *world) askAll(documents []string, queries []asked) {
	for _, document := range documents {
		r, err := fhir.Parse([]byte(document))
		w.check(err)
		w.commit(w.document(r.ID(), 0, "%s", document))
	}
	for _, one := range queries {
		w.Run(one.holds, func(t *testing.T) {
			inner := *w
			inner.T = t
			inner.ask(one)
		})
	}
}

// ask asks for one page, and for a total, which sets may decide.
func (w *world) ask(one asked) {
	q, err := w.parsed(one.query)
	w.check(err)
	page, err := w.store.Search(w.Context(), store.Search{Query: q, Visible: hideLabelled, Limit: 50})
	w.check(err)
	var ids []string
	for _, r := range refs(page.Matches) {
		ids = append(ids, r.ID)
	}
	if got := strings.Join(ids, " "); got != one.want {
		w.Errorf("%s finds %q, want %q", one.query, got, one.want)
	}
	included := names(refs(page.Included))
	slices.Sort(included)
	if got := strings.Join(included, " "); got != one.included {
		w.Errorf("%s includes %q, want %q", one.query, got, one.included)
	}
	page, err = w.store.Search(w.Context(), store.Search{Query: q, Visible: hideLabelled, Count: true, NoBody: true})
	w.check(err)
	if page.Total != int64(len(ids)) {
		w.Errorf("%s counts %d, want %d", one.query, page.Total, len(ids))
	}
}
