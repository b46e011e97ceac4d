package mongo

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/aceso-health/aceso/store"
)

var update = flag.Bool("update", false, "write testdata/sorted.txt and testdata/counted.txt anew")

// TestCommandsOfSortedPages compares the commands for the first, the second and a late page of
// usual lists with testdata/sorted.txt: index, bounds, order, what is read, and how many
// commands. They are the same for ten times as many resources.
func TestCommandsOfSortedPages(t *testing.T) {
	few, many := 150, 1100
	if testing.Short() {
		many = 300
	}
	small, large := sortedCommands(t, few), sortedCommands(t, many)
	if small != large {
		t.Errorf("the commands depend on the number of resources: for %d patients\n%s", many, large)
	}
	const golden = "testdata/sorted.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(small), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if small != string(want) {
		t.Errorf("sent\n%s\nwant\n%s", small, want)
	}
}

func sortedCommands(t *testing.T, patients int) string {
	server, spy := newServer(t), &spy{}
	w := &hospital{T: t, store: server.open(t, testOptions(""))}
	for i := range patients {
		w.commit(w.patient(i)...)
	}
	w.commit(w.write("nameless", `{"resourceType":"Patient","active":true}`), w.write("nameless2", `{"resourceType":"Patient","active":true}`))
	watched := spy.open(t, server, w.store)
	var sent strings.Builder
	for _, text := range []string{"Observation?_sort=-date", "Patient?_sort=family", "Encounter?date=ge2020&_sort=-date", "Observation?_sort=_lastUpdated", "Observation?_sort=-_id"} {
		s := store.Search{Query: w.parse(text), Limit: 10}
		last := 2
		if strings.HasPrefix(text, "Patient") {
			last, s.Limit = (patients+1)/10, 10
		}
		for n := 0; n <= last; n++ {
			spy.take("")
			page, err := watched.Search(t.Context(), s)
			if err != nil || len(page.Matches) == 0 {
				t.Fatalf("%s: %d matches, %v", text, len(page.Matches), err)
			}
			if n < 2 || n == last {
				fmt.Fprintf(&sent, "%s, page %s\n", text, map[bool]string{true: "late", false: fmt.Sprint(n + 1)}[n == last])
				for _, c := range spy.take("find", "resources", "history") {
					sent.WriteString("\t" + shown(c) + "\n")
				}
			}
			s.After = page.Next
		}
	}
	return sent.String()
}

var lists = regexp.MustCompile(`\[\?(?:,\s*\?)*\]`)

var numbersAndTexts = regexp.MustCompile(`\{"\$(?:numberLong|date)":(?:\{[^}]*\}|"[^"]*")\}|"8[0-9a-f]{15}"|"family\d+"|"t/Observation/[^"]+"`)

// shown is a find command without what depends on the data.
func shown(c bson.Raw) string {
	find, _ := c.Lookup("find").StringValueOK()
	text := find
	for _, field := range []string{"hint", "filter", "sort", "projection"} {
		v := c.Lookup(field)
		text += " " + field + "=" + numbersAndTexts.ReplaceAllString(v.String(), "?")
	}
	text = lists.ReplaceAllString(patientKeys.ReplaceAllString(text, "?"), "[?]")
	if longest := 600; len(text) > longest {
		text = text[:longest] + "..."
	}
	return text
}
