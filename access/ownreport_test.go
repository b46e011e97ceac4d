package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/store"
)

// A patient who reads her own report learns nothing of what her own requests met that she
// may not see: neither by where they stand, nor by what they are said to have asked.
func TestOwnRequestsTellNothingOfTheHidden(t *testing.T) {
	h := ward(t)
	shared := strings.Replace(observationDoc("o", "seen"), `"subject"`, `"performer":[{"reference":"Patient/hidden"}],"subject"`, 1)
	h.put(shared)
	for i := range store.SingledOut + 1 {
		h.put(patientDoc(fmt.Sprintf("crowd-%d", i)))
	}
	herself := h.patient("Patient/seen")
	reports := func(c *Call) (lists [2]int) {
		for i, query := range []string{"", "broad=true"} {
			res, err := h.AccessReport(t.Context(), c, ref("Patient/seen"), SearchRequest{Params: params(query)})
			if err != nil {
				t.Fatal(err)
			}
			lists[i] = len(res.Matches)
			for _, v := range res.Matches {
				if c == herself && strings.Contains(string(v.Body), "Observation/h1") {
					t.Errorf("%s", v.Body)
				}
			}
		}
		return lists
	}
	before := reports(herself)
	for _, query := range []string{"status=final&_summary=count", "_id=s1,h1&_count=0", "patient.identifier=urn:mrn|hidden,urn:mrn|seen&code=none"} {
		if err := searchFor("Observation", query)(h, herself); err != nil {
			t.Fatal(err)
		}
	}
	if err := searchFor("Patient", "_summary=count")(h, herself); err != nil { // a broad question
		t.Fatal(err)
	}
	_ = read("Observation/h1")(h, herself)
	_ = read("Observation/o")(h, herself)
	if after := reports(herself); after != before {
		t.Errorf("%v became %v", before, after)
	}
	office := reports(h.as("privacy-officer", "HOPERAT"))
	if office[0] <= before[0] {
		t.Errorf("the office finds %v", office)
	}
	before = reports(herself) // with the office's looks
	if err := read("Observation/s1")(h, herself); err != nil {
		t.Fatal(err)
	}
	if after := reports(herself); after[0] != before[0]+1 {
		t.Errorf("what was disclosed is not listed: %v became %v", before, after)
	}
}
