package mongo

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/aceso-health/aceso/store"
)

var update = flag.Bool("update", false, "write testdata/sorted.txt and testdata/counted.txt anew")

// The sizes between which commands do not change. With fewer than 129 patients the Encounters of
// a year are so few that they are read and not walked, with as many commands. For the record of
// a total up to 250 patients are looked for, and found in fewer commands where there are more.
const (
	fewPatients   = 130  // 3,772 resources
	knownPatients = 260  // 7,542
	manyPatients  = 1035 // 30,017
)

// TestCommandsDoNotGrow compares the commands for usual lists and totals with what is in
// testdata: index, bounds, order, what is read, and how many commands. For ten times as many
// resources lists have the same ones, and totals no others and no more.
func TestCommandsDoNotGrow(t *testing.T) {
	known := newWard(t, knownPatients)
	many := known
	if testing.Short() {
		fmt.Printf("%s: with -short only up to %d patients, not up to %d\n", t.Name(), knownPatients, manyPatients)
	} else {
		many = newWard(t, manyPatients)
	}
	t.Run("lists", func(t *testing.T) {
		sent, more := sortedCommands(t, newWard(t, fewPatients)), sortedCommands(t, many)
		if sent != more {
			t.Errorf("the commands depend on the number of resources: for %d patients\n%s", many.patients, more)
		}
		sameAs(t, "testdata/sorted.txt", sent)
	})
	t.Run("totals", func(t *testing.T) {
		sent := countCommands(t, known)
		sameAs(t, "testdata/counted.txt", sent)
		if os.Getenv(totalsVariable) == "" {
			fmt.Printf("%s SKIPPED with %d patients: set %s=1, it takes the stand-in a minute or more\n", t.Name(), manyPatients, totalsVariable)
			return
		}
		more := countCommands(t, many)
		for question, few := range questions(sent) {
			commands := questions(more)[question]
			if len(commands) == 0 || len(commands) > len(few) || slices.ContainsFunc(commands, func(c string) bool { return !slices.Contains(few, c) }) {
				t.Errorf("%s has more or other commands for %d patients:\n%s", question, many.patients, strings.Join(commands, "\n"))
			}
		}
	})
}

// totalsVariable lets totals be counted with many patients, too.
const totalsVariable = "ACESO_TEST_TOTALS"

// questions are the commands of each.
func questions(sent string) map[string][]string {
	all, question := map[string][]string{}, ""
	for line := range strings.Lines(sent) {
		if command, is := strings.CutPrefix(line, "\t"); is {
			all[question] = append(all[question], command)
		} else {
			question = line
		}
	}
	return all
}

func sameAs(t *testing.T, golden, sent string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(sent), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if sent != string(want) {
		t.Errorf("sent\n%s\nwant\n%s", sent, want)
	}
}

// ward is a hospital with so many patients who have a name, and two without.
type ward struct {
	*hospital
	server   *server
	patients int
}

func newWard(t *testing.T, patients int) ward {
	server := newServer(t)
	if server.standIn != nil {
		server.standIn.TransactionLifetime = 10 * time.Minute // a busy machine is no failure
	}
	w := &hospital{T: t, store: server.open(t, testOptions(""))}
	w.fillWith(patients)
	w.commit(w.write("nameless", `{"resourceType":"Patient","active":true}`), w.write("nameless2", `{"resourceType":"Patient","active":true}`))
	return ward{w, server, patients}
}

// sortedCommands are those for the first, the second and a late page of lists.
func sortedCommands(t *testing.T, w ward) string {
	spy := &spy{}
	watched := spy.open(t, w.server, w.store)
	var sent strings.Builder
	for _, text := range []string{"Observation?_sort=-date", "Patient?_sort=family", "Encounter?date=ge2020&_sort=-date", "Observation?_sort=_lastUpdated", "Observation?_sort=-_id"} {
		s := store.Search{Query: w.parse(text), Limit: 10}
		last := 2
		if strings.HasPrefix(text, "Patient") {
			last, s.Limit = (w.patients+1)/10, 10
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
