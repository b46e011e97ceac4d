package storetest

import (
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// testPrefixes says in words of its own what the prefixes mean: the definition is
// one table for all, and comparing with it would not notice an error in it.
func testPrefixes(w *world) {
	for id, period := range map[string]string{
		"before": `"start":"2020-01","end":"2020-02-10"`, "into": `"start":"2020-02-15","end":"2020-03-10"`,
		"inside": `"start":"2020-03-05","end":"2020-03-06"`, "over": `"start":"2020-02","end":"2020-04"`,
		"out": `"start":"2020-03-20","end":"2020-04-10"`, "after": `"start":"2020-04-10"`,
	} {
		w.commit(w.document(id, 0, `{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"period":{%s}}`, period))
	}
	for id, value := range map[string]string{"less": "5", "same": "10", "more": "15"} {
		w.commit(w.document(id, 0, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":%s}}`, value))
	}
	for prefix, want := range map[string]struct{ dates, numbers string }{
		"eq": {"inside", "same"},
		"ne": {"after before into out over", "less more"},
		"gt": {"after out over", "more"},
		"lt": {"before into over", "less"},
		"ge": {"after inside out over", "more same"},
		"le": {"before inside into over", "less same"},
		"sa": {"after", "more"},
		"eb": {"before", "less"},
		"ap": {"inside into out over", "same"},
	} {
		w.prefixed("Encounter", "date", prefix+"2020-03", want.dates)
		w.prefixed("Observation", "value-quantity", prefix+"10", want.numbers)
	}
}

// prefixed compares the ids that a search with one parameter finds.
func (w *world) prefixed(typ, name, value, want string) {
	w.Helper()
	march := func() time.Time { return time.Date(2020, 3, 15, 0, 0, 0, 0, time.UTC) }
	q, err := search.ParseQuery(typ, []fhir.Param{{Name: name, Value: value}}, search.QueryOptions{Now: march})
	w.check(err)
	page, err := w.store.Search(w.Context(), store.Search{Query: q, Limit: 10})
	w.check(err)
	var ids []string
	for _, v := range page.Matches {
		ids = append(ids, v.Ref.ID)
	}
	slices.Sort(ids)
	if got := strings.Join(ids, " "); got != want {
		w.Errorf("%s?%s=%s: got %s, want %s", typ, name, value, got, want)
	}
}
