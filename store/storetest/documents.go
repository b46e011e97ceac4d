package storetest

import (
	"fmt"
	"net/url"
	"sort"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

const base = "http://localhost/fhir"

// document makes a write of a real document, as the gate would.
func (w *world) document(id string, expect int64, format string, a ...any) store.Write {
	w.Helper()
	at := w.tick()
	doc, err := fhir.Parse(fmt.Appendf(nil, format, a...))
	w.check(err)
	doc, err = doc.Stamp(id, expect+1, at)
	w.check(err)
	index, facts, err := w.customs.Describe(doc, base)
	w.check(err)
	return store.Write{
		Ref: fhir.Ref{Type: doc.Type(), ID: id}, Expect: expect, LastUpdated: at, Method: "PUT", Owner: Organization,
		Body: doc.Bytes(), Hash: doc.Hash(), Index: index, Facts: facts,
	}
}

// ward commits patients with encounters, observations and conditions.
func (w *world) ward() {
	label := `,"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}`
	for i := range 12 {
		secret := ""
		if i%4 == 3 {
			secret = label
		}
		w.commit(w.document(fmt.Sprintf("p%d", i), 0, `{"resourceType":"Patient"%s,"identifier":[{"system":"urn:mrn","value":"%d"}],
			"name":[{"family":"%s","given":["Zoë","Anna-%d"]}],"gender":"%s","birthDate":"19%02d-0%d"}`,
			secret, i, []string{"Smith", "Smithers", "Müller"}[i%3], i, []string{"male", "female"}[i%2], 40+i, i%9+1))
		w.commit(w.document(fmt.Sprintf("e%d", i), 0, `{"resourceType":"Encounter","status":"finished",
			"class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"Patient/p%d"},
			"period":{"start":"2020-0%d-01"%s}}`, i, i%9+1, []string{`,"end":"2021"`, ""}[i%2]))
		for j := range 4 {
			w.commit(w.document(fmt.Sprintf("o%d-%d", i, j), 0, `{"resourceType":"Observation"%s,"status":"final",
				"code":{"coding":[{"system":"http://loinc.org","code":"%d","display":"Body measure"}]},"subject":{"reference":"%s/Patient/p%d"},
				"encounter":{"reference":"Encounter/e%d"},"effectiveDateTime":"2020-0%d-1%d","valueQuantity":{"value":%d.%d0,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`,
				secret, 8302+j%2, base, i, i, j+1, i%9, 60+i, j))
		}
		w.commit(w.document(fmt.Sprintf("c%d", i), 0, `{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":"%d"}],"text":"Pain in the %s"},
			"subject":{"reference":"Patient/p%d"},"onsetString":"long ago"}`, 100+i%3, []string{"knee", "back"}[i%2], i))
	}
	for i := range 3 {
		ref := fhir.Ref{Type: "Observation", ID: fmt.Sprintf("o%d-1", i)}
		w.commit(tombstone(w.get(ref), w.tick()))
	}
}

// queries are searches over the ward as clients write them.
var queries = []string{
	"Patient?name=smith", "Patient?family:exact=Smith", "Patient?name:contains=the", "Patient?given=anna", "Patient?family=muller",
	"Patient?birthdate=1945", "Patient?birthdate=gt1945-06", "Patient?birthdate=le1944-05", "Patient?birthdate=ne1945", "Patient?birthdate=sa1949",
	"Patient?gender=female&birthdate=ge1944", "Patient?identifier=urn:mrn|3", "Patient?identifier=3,4", "Patient?identifier=urn:mrn|",
	"Patient?_id=p1,p2,p99", "Patient?gender:not=male", "Patient?address:missing=true", "Patient?gender:missing=false", "Patient?_security=R",
	"Patient?_lastUpdated=ge2026-01-02", "Patient?_has:Observation:patient:code=8303", "Patient?_has:Condition:subject:code:text=knee",
	"Patient?_sort=-birthdate", "Patient?_sort=family,-_id", "Patient?_has:Encounter:patient:date=2020-05",
	"Observation?code=http://loinc.org|8302&patient=p2", "Observation?code=8302,8303&subject=Patient/p3", "Observation?subject=http://localhost/fhir/Patient/p3",
	"Observation?date=2020-01", "Observation?date=ge2020-02-12&date=lt2020-03-15", "Observation?date=ap2020-02-15", "Observation?date=eb2020-02",
	"Observation?value-quantity=60.00", "Observation?value-quantity=gt68|http://unitsofmeasure.org|kg", "Observation?value-quantity=lt61.1||kg",
	"Observation?value-quantity=65000|http://unitsofmeasure.org|g", "Observation?code-value-quantity=8302$gt66", "Observation?code:text=body",
	"Observation?patient.name=smith&code=8302", "Observation?patient.gender=female&date=2020-03", "Observation?subject:Patient.family=müller",
	"Observation?encounter.date=2020-03", "Observation?code:not=8302", "Observation?_sort=-date&code=8302", "Observation?_sort=value-quantity",
	"Encounter?date=2020-06", "Encounter?date=gt2022", "Encounter?date=lt2020-03", "Encounter?class=AMB&status=finished", "Condition?code:text=pain&subject=Patient/p4",
	"Condition?code=100&subject.name=zoe", "Encounter?date=sa2020-08", "Encounter?date=eb2022",
}

// parse reads a search URL.
func (w *world) parse(text string) *search.Query {
	w.Helper()
	q, err := w.parsed(text)
	w.check(err)
	return q
}

func (w *world) parsed(text string) (*search.Query, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	values := u.Query()
	names := make([]string, 0, len(values))
	for n := range values {
		names = append(names, n)
	}
	sort.Strings(names)
	var params []fhir.Param
	for _, n := range names {
		for _, v := range values[n] {
			params = append(params, fhir.Param{Name: n, Value: v})
		}
	}
	o := search.QueryOptions{Base: base, Now: w.Now, Codes: someCodes{}, Customs: w.customs}
	if u.Path == "" {
		return search.ParseSystem(params, o)
	}
	return search.ParseQuery(u.Path, params, o)
}

func testQueries(w *world) {
	w.ward()
	empty := 0
	for _, text := range queries {
		q := w.parse(text)
		for _, visible := range []store.Visible{nil, hideLabelled} {
			w.searched(q, visible)
		}
		if len(w.model.search(q, nil)) == 0 {
			empty++
		}
	}
	if empty > len(queries)/4 {
		w.Errorf("%d of %d queries find nothing: they test too little", empty, len(queries))
	}
}

func hideLabelled(r store.Row) (bool, error) { return len(r.Facts.Labels) == 0, nil }
