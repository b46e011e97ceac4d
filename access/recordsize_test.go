package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// listDoc is a List about data of patients of the house from to to.
func listDoc(id string, from, to int) string {
	var entries []string
	for i := from; i < to; i++ {
		entries = append(entries, fmt.Sprintf(`{"item":{"reference":"Patient/p%d"}}`, i))
	}
	return `{"resourceType":"List","id":"` + id + `","status":"current","mode":"working","entry":[` + strings.Join(entries, ",") + `]}`
}

// logged is how many bytes the access log grows by.
func (h *house) logged(do func() error) (bytes int) {
	h.Helper()
	_, log := h.Store.Logs()
	before, _ := log.Size(h.Context())
	if err := do(); err != nil {
		h.Fatal(err)
	}
	after, _ := log.Size(h.Context())
	for _, row := range h.rows(before, after) {
		bytes += len(row.Entry)
		for _, p := range row.Parts {
			bytes += len(p.Sealed) + len(p.Patient) + len(p.Target) + len(p.Key) + 2*32
		}
	}
	return bytes
}

// A question of 200 KB that names 101 patients takes a bounded number of bytes of the log.
func TestLongQuestionsTakeLittleOfTheLog(t *testing.T) {
	h := newHouse(t)
	var crowd, names []string
	for i := range 101 {
		crowd, names = append(crowd, patientDoc(fmt.Sprintf("p%d", i))), append(names, fmt.Sprintf("p%d", i))
	}
	h.put(crowd...)
	query := "patient=" + strings.Join(names, ",")
	for i := range 10 {
		query += "&code=" + strings.Repeat(fmt.Sprintf("c%043d,", i), 450) + "end"
	}
	if len(query) < 190_000 {
		t.Fatalf("%d bytes", len(query))
	}
	if n := h.logged(func() error { return searchFor("Observation", query)(h, h.as(agent.Practitioner, "TREAT")) }); n < 30_000 || n > 100_000 {
		t.Errorf("the access log grew by %d bytes", n)
	}
}

// A page of resources that are data of many patients ends early, since each of them is
// named in its record.
func TestPagesEndBeforeTheirRecordsAreLarge(t *testing.T) {
	h := newHouse(t)
	const many = 50
	var documents []string
	for i := range many {
		documents = append(documents, patientDoc(fmt.Sprintf("p%d", i)))
	}
	for i := range 8 {
		documents = append(documents, listDoc(fmt.Sprintf("l%d", i), 0, many))
	}
	h.put(documents...)
	c := h.as(agent.Practitioner, "TREAT")
	c.Room = 3 * store.Weight(0, many)
	res, err := h.Search(t.Context(), c, SearchRequest{Type: "List"})
	if err != nil || len(res.Matches) != 3 || res.Next == "" {
		t.Fatalf("%d matches, %v", len(res.Matches), err)
	}
}

// A resource is data of a bounded number of patients.
func TestResourcesOfTooManyPatientsAreRefused(t *testing.T) {
	h := newHouse(t)
	const each = 500
	var lists, patients []string
	for i := range mostPatients + 1 {
		patients = append(patients, patientDoc(fmt.Sprintf("p%d", i)))
	}
	h.putAll(patients)
	for from := 0; from <= mostPatients; from += each {
		id := fmt.Sprintf("l%d", from)
		h.put(listDoc(id, from, min(from+each, mostPatients+1)))
		lists = append(lists, fmt.Sprintf(`{"item":{"reference":"List/%s"}}`, id))
	}
	all := `{"resourceType":"List","id":"all","status":"current","mode":"working","entry":[` + strings.Join(lists, ",") + `]}`
	op := Operation{Method: "PUT", Ref: ref("List/all"), Resource: h.parse(all)}
	if _, err := h.Apply(t.Context(), h.system(), []Operation{op}); kindOf(err) != fhir.Unprocessable {
		t.Errorf("of %d patients: %v", mostPatients+1, err)
	}
	op.Resource = h.parse(strings.Replace(all, lists[len(lists)-1], `{"item":{"reference":"List/none"}}`, 1))
	if _, err := h.Apply(t.Context(), h.system(), []Operation{op}); err != nil {
		t.Errorf("of %d patients: %v", mostPatients, err)
	}
}
