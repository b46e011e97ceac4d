package server_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// pageOf is one page of a search: its ids, and where its links lead.
func pageOf(t *testing.T, n *node, path string) (ids []string, links map[string]string) {
	t.Helper()
	var b struct {
		Link  []struct{ Relation, URL string }
		Entry []struct{ FullURL string }
	}
	if err := json.Unmarshal([]byte(n.get(path).want(200).body), &b); err != nil {
		t.Fatal(err)
	}
	links = map[string]string{}
	for _, l := range b.Link {
		links[l.Relation] = "/fhir" + strings.TrimPrefix(l.URL, base)
	}
	for _, e := range b.Entry {
		ids = append(ids, e.FullURL)
	}
	return ids, links
}

// Pages lead back as they led on, as far as the last eight, and to the first one.
func TestPagesLeadBack(t *testing.T) {
	n := govern(t)
	for range 12 {
		n.do("POST", "/fhir/Patient", patient).want(201)
	}
	for _, first := range []string{"/fhir/Patient?_count=1", "/fhir/Patient/_history?_count=1"} {
		t.Run(first, func(t *testing.T) { leadsBack(t, n, first) })
	}
}

// leadsBack walks through 12 pages and back.
func leadsBack(t *testing.T, n *node, first string) {
	t.Helper()
	var walked [][]string
	path := first
	var back map[string]string
	for range 12 {
		ids, links := pageOf(t, n, path)
		if want := len(walked) > 0; (links["first"] == first) != want {
			t.Fatalf("page %d: %v", len(walked)+1, links)
		}
		walked, path, back = append(walked, ids), links["next"], links
	}
	for page := 11; page > 0; page-- {
		if back["previous"] == "" && page < 4 {
			break
		}
		ids, links := pageOf(t, n, back["previous"])
		if !slices.Equal(ids, walked[page-1]) {
			t.Fatalf("back on page %d: %v, want %v", page, ids, walked[page-1])
		}
		back = links
	}
	_, second := pageOf(t, n, first)
	if _, links := pageOf(t, n, second["next"]); links["previous"] != first {
		t.Error(fmt.Sprint("the page before the second is ", links["previous"]))
	}
}

// A further page of $everything leads to the first one, as it was asked for.
func TestEverythingLeadsToTheFirstPage(t *testing.T) {
	n := start(t)
	n.result.Self = "_type=Observation"
	_, links := pageOf(t, n, "/fhir/Patient/1/$everything?_page=x")
	if links["first"] != "/fhir/Patient/1/$everything?_type=Observation" || links["previous"] != "" {
		t.Errorf("%v", links)
	}
	if _, links = pageOf(t, n, "/fhir/Patient/1/$everything"); links["first"] != "" {
		t.Errorf("%v", links)
	}
}
