package mongo

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

var patientKeys = regexp.MustCompile(`"t/Patient/(?:¤cpt=Patient/)?p\d+"`)

// countCommands are those for totals of usual questions, under Consents of which some hide the
// data of a group: those that gather sets, and those that go on from what is kept.
func countCommands(t *testing.T, w ward) string {
	spy := &spy{}
	watched := spy.open(t, w.server, w.store)
	watched.patience, watched.sets = plan.Patience{Few: 2, Many: 4}, &plan.Sets{Bytes: 1 << 20, Most: 2000}
	denying := []string{"Patient/p3", "Patient/p7"}
	sight := &store.Sight{Free: store.Shown, Rest: store.Shown, Groups: []store.Group{{Name: "denying", Is: store.Hidden, Patients: denying}}}
	var sent strings.Builder
	for _, text := range []string{"Observation", "Observation?date=ge2020-03", "Observation?patient.gender=male", "Patient?_has:Observation:patient:code=c3"} {
		for _, how := range []string{"gathered", "kept"} {
			spy.take("")
			page, err := watched.Search(t.Context(), store.Search{
				Query: w.parse(text), Count: true, NoBody: true,
				Visible: func(r store.Row) (bool, error) { return !slices.Contains(denying, r.Facts.Patients[0]), nil },
				Sight:   func(string, int64) (*store.Sight, error) { return sight, nil },
			})
			if err != nil || page.Total == 0 {
				t.Fatalf("%s: %d, %v", text, page.Total, err)
			}
			fmt.Fprintf(&sent, "%s, %s\n", text, how)
			for _, c := range spy.take("find", "resources", "history") {
				sent.WriteString("\t" + shown(c) + "\n")
			}
		}
	}
	return sent.String()
}
