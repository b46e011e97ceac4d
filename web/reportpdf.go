package web

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/web/paper"
)

// PDF is the report as a document to hand out.
func (r Report) PDF() ([]byte, error) {
	p := paper.New("Who saw the data of "+r.Name, "en", r.Patient+" · "+instant(r.At), r.At)
	about := r.Patient + ", as of " + instant(r.At)
	if r.From != "" {
		about += ", from " + r.From
	}
	if r.To != "" {
		about += ", until " + r.To
	}
	p.Small(about + ".")
	if r.More {
		p.Text("There are more records than one report shows. Ask for a shorter time to see the others.")
	}
	p.Heading("Who asked about " + r.Name)
	people(p, r.People, "Nobody, in this time.")
	p.Heading("Questions about many people")
	p.Text("These named nobody in particular, and may have covered " + r.Name + ", too: a list of a ward, or a statistic.")
	people(p, r.Broad, "None, in this time.")
	p.Heading("What this report does not show")
	for _, s := range notShown() {
		p.Item("-", s)
	}
	p.Text("Every line stands in a log that nobody can change unnoticed. The privacy office can give you the proof of each.")
	return p.Bytes()
}

// notShown is what a report leaves out.
func notShown() []string {
	return []string{
		"What was asked about other people in the same request.",
		"What somebody saw outside this server: on paper, or in a system that had fetched the data before.",
		"Records that were erased.",
	}
}

func people(p *paper.Paper, all []Person, none string) {
	if len(all) == 0 {
		p.Text(none)
	}
	for _, person := range all {
		p.Under(person.words())
		for _, d := range person.Days {
			label := d.Day
			for _, deed := range d.Deeds {
				text := deed.Sentence()
				if why := deed.For(); why != "" {
					text += " For " + why + "."
				}
				p.Item(label, text)
				label = ""
			}
		}
	}
}

// words name somebody, as far as is known.
func (p Person) words() string {
	known := slices.DeleteFunc([]string{p.Who, p.Role, p.Organization}, func(w string) bool { return w == "" })
	return strings.Join(known, ", ")
}
