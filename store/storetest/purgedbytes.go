package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// Leftover commits patients among others, changes them so that rows move about, purges one
// and scrubs. It returns what MUST NOT be found in any file of the store: words of hers, her
// documents and their stored bytes. Words of somebody else, which stays, comes back, too, to
// show that a search would find something.
func Leftover(t *testing.T, s store.Store) (gone [][]byte, stays []byte) {
	w := newWorld(t, s)
	var hers []fhir.Ref
	for round := range int64(3) {
		for i := range 16 {
			for _, family := range []string{"Quagmire", "Quincerot"} {
				person := fmt.Sprintf("%s-%d", family, i)
				w.commit(w.document(person, round, `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"%s-mrn-%d-%d"}],"name":[{"family":"%s","given":["Round%d"]}],"address":[{"text":"%s"}]}`,
					family, i, round, family, round, bytes.Repeat([]byte(family+" street "), 1+i*20)))
				w.commit(w.document("o-"+person, round, `{"resourceType":"Observation","status":"final","code":{"text":"%s weighs"},"subject":{"reference":"Patient/%s","display":"%s"},"valueString":"%d"}`, family, person, family, round))
			}
		}
	}
	for i := range 16 {
		id := fmt.Sprintf("Quagmire-%d", i)
		hers = append(hers, fhir.Ref{Type: "Patient", ID: id}, fhir.Ref{Type: "Observation", ID: "o-" + id})
	}
	for _, v := range w.model.versions {
		if slices.Contains(hers, v.Ref) {
			gone = append(gone, v.Body[:min(len(v.Body), 60)], store.Pack(v.Body))
		}
	}
	for some := range slices.Chunk(hers, 20) {
		_, err := w.purge(w.purging(some...))
		w.check(err)
	}
	w.check(s.(store.Purger).Scrub(t.Context(), nil))
	w.whole()
	// Ids stay, so words are those that no id has.
	return append(gone, []byte("Quagmire-mrn"), []byte("Quagmire weighs"), []byte("quagmire"), []byte("Quagmire street"), []byte("quagmire street")), []byte("Quincerot-mrn-7")
}
