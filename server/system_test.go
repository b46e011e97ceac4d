package server_test

import (
	"strings"
	"testing"
)

// Searches over several types are asked at the base, as POST and in batches, too.
func TestSearchOverSeveralTypes(t *testing.T) {
	n := start(t)
	n.result.Next, n.result.Self, n.result.Total = "to ken", "_id=1&_type=Patient,Group", -1
	n.get("/fhir?_type=Patient,Group&_id=1").want(200).contains(`{"relation":"self","url":"`+base+`?_id=1&_type=Patient,Group"}`, `{"relation":"next","url":"`+base+`?_page=to+ken"}`)
	n.wantAsked("search {Type: Params:[{Name:_type Value:Patient,Group} {Name:_id Value:1}] Compartment: Lenient:false Link:}")
	n.get("/fhir/?_id=1").want(200)
	n.wantAsked("search {Type: Params:[{Name:_id Value:1}] Compartment: Lenient:false Link:}")
	n.get("/fhir?_page=to+ken").want(200)
	n.wantAsked("search {Type: Params:[] Compartment: Lenient:false Link:to ken}")
	n.do("POST", "/fhir/_search?_type=Patient", "_id=1", "Content-Type", "application/x-www-form-urlencoded").want(200)
	n.wantAsked("search {Type: Params:[{Name:_type Value:Patient} {Name:_id Value:1}] Compartment: Lenient:false Link:}")
	n.do("POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"?_type=Patient,Group&_id=1"}}]}`).want(200)
	n.wantAsked("search {Type: Params:[{Name:_type Value:Patient,Group} {Name:_id Value:1}] Compartment: Lenient:false Link:}")
}

// AuditEvents are searched by themselves.
func TestAuditEventsAmongOtherTypes(t *testing.T) {
	n := govern(t)
	n.get("/fhir?_type=AuditEvent,Patient").want(400).contains("AuditEvents are searched by themselves")
	officer := []string{"Authorization", "Bearer privacy-officer"}
	n.get("/fhir?_type=AuditEvent&date=ge2000", officer...).want(200).contains(`"type":"searchset"`, base+"/AuditEvent?date=ge2000")
	n.get("/fhir?_type=AuditEvent&date=ge2000").want(403)
}

// What a search does not do is refused with a sentence.
func TestSearchesThatAreRefusedSaySo(t *testing.T) {
	n := govern(t)
	for query, sentence := range map[string]string{
		"Patient?_contained=true":                                    "Contained resources are no matches",
		"Patient?_contained=both":                                    "Contained resources are no matches",
		"Observation?_list=$current-problems":                        "no functional lists",
		"?_type=Patient,Observation&_sort=date":                      "sorted by _id and _lastUpdated only",
		"Patient?_id=" + strings.Repeat("x,", 500) + "x":             "at most 500 alternative values",
		"Observation?" + strings.Repeat("has-member.", 9) + "code=x": "at most 8 references",
	} {
		n.get("/fhir/" + query).want(400).contains(sentence)
	}
	n.get("/fhir/Patient?_contained=false").want(200)
}
