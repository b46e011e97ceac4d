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
	`{"resourceType":"Questionnaire","id":"q1","status":"active","url":"http://forms.example/q","version":"v1-Beta","title":"First"}`,
	`{"resourceType":"Questionnaire","id":"q2","status":"active","url":"http://forms.example/q","version":"2.1.0","title":"Second"}`,
}

// asked is a query with the ids that it finds, in order, and those that it includes.
type asked struct{ holds, query, want, included string }

// fieldAsked is asked by those who do not see what is labelled.
var fieldAsked = []asked{
	{"two _sort are one, in their order", "Patient?_sort=gender&_sort=-birthdate", "anna ben", ""},
	{"chains have any depth", "Observation?encounter:Encounter.part-of:Encounter.subject:Patient.family=adler", "o2", ""},
	{"chains end in modifiers", "Observation?encounter:Encounter.subject:Patient.family:exact=Berg", "o2", ""},
	{"_has may be nested", "Patient?_has:Encounter:patient:_has:Observation:encounter:code=w", "anna", ""},
	{"_has may be in chains", "Observation?encounter:Encounter._has:Encounter:part-of:status=planned", "o1", ""},
	{"chains may be in _has", "Observation?_has:Observation:has-member:subject:Patient.family=berg", "o1", ""},
	{"_list finds the members of a List", "Observation?_list=l1", "o1", ""},
	{"_list finds nothing of a List that is hidden", "Observation?_list=l2", "", ""},
	{"_list may name several, and lead on", "Encounter?_has:Observation:encounter:_list=l1,l2", "e1", ""},
	{"a URL with a version finds that version", "Questionnaire?url=http://forms.example/q%7C2.1.0", "q2", ""},
	{"everything that refers here is included", "Patient?_id=ben&_revinclude=*", "ben", "Encounter/e2 List/l1 Observation/o2"},
	{"whatever is referred to is included, and so on", "Observation?_id=o2&_include:iterate=*", "o2", "Encounter/e1 Encounter/e2 Observation/o1 Patient/anna Patient/ben"},
}

func testField(w *world) {
	for _, document := range field {
		r, err := fhir.Parse([]byte(document))
		w.check(err)
		w.commit(w.document(r.ID(), 0, "%s", document))
	}
	for _, one := range fieldAsked {
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
