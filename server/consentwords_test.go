package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/access"
	rules "github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
	"github.com/aceso-health/aceso/web"
	"github.com/aceso-health/aceso/wording"
)

// flat are all sentences, those of parts below behind their number of levels.
func flat(said web.Said, depth string) (all []string) {
	for _, sentence := range said.Sentences {
		all = append(all, depth+sentence)
	}
	for _, b := range said.Below {
		all = append(all, flat(b, depth+"> ")...)
	}
	return all
}

func saidOf(t *testing.T, language, body string) string {
	t.Helper()
	l, err := wording.In(language)
	if err != nil {
		t.Fatal(err)
	}
	told, err := rules.Compiler{}.Tell(fhir.Ref{Type: "Consent", ID: "1"}, 1, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(flat(sayer{l, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}.consent(told), ""), "\n")
}

const consentHead = `{"resourceType":"Consent","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},` +
	`"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/1"},`

// Each part of a Consent is a sentence, in both languages.
func TestConsentsInSentences(t *testing.T) {
	const (
		reason = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":`
		actor  = `"actor":[{"role":{"coding":[{"code":"PRCP"}]},"reference":{"reference":`
		types  = `"class":[{"system":"http://hl7.org/fhir/resource-types","code":`
		labels = `"securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-`
	)
	for name, c := range map[string]struct{ rest, en, de string }{
		"everything refused": {`"provision":{"type":"deny"}}`,
			"In a declared emergency nothing of it hides, but for parts of which that is said.\n> It forbids everybody to read all data, for every purpose.",
			"In einem erklärten Notfall verbirgt nichts davon etwas, außer den Teilen, bei denen das steht.\n> Sie verbietet allen, alle Daten zu lesen, zu jedem Zweck."},
		"a doctor, restricted data, and an exception": {`"provision":{"type":"permit","purpose":[` + reason + `"TREAT"}],` + actor + `"Practitioner/1"}},{"role":{"coding":[{"code":"PRCP"}]},"reference":{"reference":"CareTeam/2"}}],` +
			labels + `Confidentiality","code":"R"}],"period":{"end":"2026-06-30"},"provision":[{"type":"deny",` + types + `"Observation"}],"code":[{"coding":[{"system":"s","code":"hiv"}]}],"dataPeriod":{"start":"2020","end":"2021"}}]}}`,
			"In a declared emergency nothing of it hides, but for parts of which that is said.\n" +
				"> It permits Practitioner/1 or CareTeam/2 to read all data, for treatment (TREAT), of the confidentiality R or lower, only before 2026-07-01.\n" +
				"> Other data stay hidden from Practitioner/1 or CareTeam/2 for that purpose, unless another part permits them.\n" +
				"> > Except: It forbids everybody to read data of the type Observation, for every purpose, with the code s|hiv, that are at least in part of the time from 2020-01-01 to before 2022-01-01.",
			"In einem erklärten Notfall verbirgt nichts davon etwas, außer den Teilen, bei denen das steht.\n" +
				"> Sie erlaubt Practitioner/1 oder CareTeam/2, alle Daten zu lesen, zum Zweck Behandlung (TREAT), mit der Vertraulichkeit R oder niedriger, nur vor 2026-07-01.\n" +
				"> Andere Daten bleiben für Practitioner/1 oder CareTeam/2 zu diesem Zweck verborgen, wenn kein anderer Teil sie erlaubt.\n" +
				"> > Ausgenommen: Sie verbietet allen, Daten vom Typ Observation zu lesen, zu jedem Zweck, mit dem Code s|hiv, die wenigstens zum Teil aus der Zeit ab 2020-01-01 bis vor 2022-01-01 sind."},
		"not understood hides": {`"provision":{"type":"deny","purpose":[{"system":"x","code":"y"}],"provision":[{"type":"permit","data":[{"meaning":"related","reference":{"reference":"Encounter/1"}}],"purpose":[{"system":"x","code":"y"}]}]}}`,
			"In a declared emergency nothing of it hides, but for parts of which that is said.\n" +
				"> It forbids everybody to read all data, for something that is not understood.\n" +
				"> A part is not understood (purpose). It may mean anything, and therefore hides whatever the rest names.\n" +
				"> > Except: It permits everybody to read all data, for something that is not understood, namely Encounter/1 and what it refers to.\n" +
				"> > A part is not understood (purpose), and therefore permits nothing.\n" +
				"> > Other data stay hidden from everybody for that purpose, unless another part permits them.", ""},
		"in an emergency, too": {`"provision":{"type":"deny","purpose":[` + reason + `"BTG"}],` + labels + `ActCode","code":"PSY"}]}}`,
			"In a declared emergency nothing of it hides, but for parts of which that is said.\n> It forbids everybody to read all data, for a declared emergency (BTG), with the label PSY.\n> This holds in a declared emergency, too.", ""},
		"unreadable": {`"modifierExtension":[{"url":"x"}],"policyRule":{"text":"?"},"dateTime":"2027-01-01","provision":{"type":"permit"}}`,
			"It says nothing before 2027-01-01.\nThis is not understood: Consent.modifierExtension. Therefore it permits nothing, what it forbids stays forbidden, and everything else is hidden as if it were refused, until somebody has looked at it.\n" +
				"Its rule (policyRule) is not understood: ask the privacy office. Therefore guests and researchers get nothing through it.\n" +
				"> It permits everybody to read all data, for every purpose.\n> As long as the Consent is not understood, this permits nothing.", ""},
	} {
		if got := saidOf(t, "en", consentHead+c.rest); got != c.en {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.en)
		}
		if got := saidOf(t, "de", consentHead+c.rest); c.de != "" && got != c.de {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.de)
		}
	}
}

// HL7's own examples say what package consent decides about them (its examples_test.go), and
// no sentence in any language lacks words or leaves a name open.
func TestOfficialConsentsInSentences(t *testing.T) {
	want := map[string]string{
		"basic":       "does not say whether that is permitted or forbidden",
		"Out":         "It is only about the data that Organization/f001 keeps.",
		"notAuthor":   "Nobody can read this part, and therefore it hides what it names.",
		"notOrg":      "It forbids Organization/f001",
		"notTime":     "only from 2015-01-01 to before 2015-02-02",
		"pkb":         "This is not understood",
		"smartonfhir": "data of the type MedicationRequest",
		"Emergency":   "It is an opt-out.",
	}
	all := 0
	for _, file := range fhirtest.Corpus(t, "r4-examples") {
		name, is := strings.CutPrefix(strings.TrimSuffix(filepath.Base(file), ".json"), "Consent-consent-example-")
		if !is {
			continue
		}
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all++
		english, german := saidOf(t, "en", string(body)), saidOf(t, "de", string(body))
		if !strings.Contains(english, want[name]) {
			t.Errorf("%s: no %q in\n%s", name, want[name], english)
		}
		for _, said := range []string{english, german} {
			if said == "" || strings.ContainsAny(said, "{}") || strings.Contains(said, "consent.") || strings.Count(said, "\n") != strings.Count(english, "\n") {
				t.Errorf("%s:\n%s", name, said)
			}
		}
	}
	if all != 12 {
		t.Errorf("%d of 12 examples", all)
	}
}

// Whatever a part says, and whichever part is not understood, there are words for it.
func TestEverythingConsentsSayHasWords(t *testing.T) {
	for _, language := range []string{"en", "de"} {
		l, err := wording.In(language)
		if err != nil {
			t.Fatal(err)
		}
		for _, says := range []string{"permit", "deny", "below", "riddle"} {
			some := access.Criterion{Given: true, Values: []string{"v"}, Unclear: true}
			p := access.Statement{
				Says: says, Total: true, Withdrawn: true, LastWord: true, Emergency: true, Who: some, Doubts: []string{"CareTeam/1"}, InData: true, Types: some, Codes: some, Labels: some, Levels: []string{"R"},
				Actions: access.Criterion{Given: true, Values: []string{"access", "use", "disclose", "collect", "correct"}}, Purpose: some, Within: &access.Window{}, Periods: []access.Window{{Unclear: true}},
			}
			for _, meaning := range []string{"instance", "related", "dependents", "authoredby", "unknown"} {
				p.Data = append(p.Data, access.Datum{Meaning: meaning})
			}
			said := strings.Join(flat(sayer{l, time.Time{}}.statement(&p, "permit"), ""), "\n")
			if strings.ContainsAny(said, "{}") || strings.Contains(said, "consent.") || strings.Count(said, "\n") < 4 {
				t.Errorf("%s %s:\n%s", language, says, said)
			}
		}
		for _, says := range []string{"in-force", "unreadable", "dormant"} {
			for _, binds := range []string{"privacy", "research", "unknown"} {
				said := strings.Join(flat(sayer{l, time.Time{}}.consent(&access.Told{Says: says, Binds: binds, Custodians: []string{""}, Doubtful: []string{"Consent.provision"}, Unread: []string{"Consent"}}), ""), "\n")
				if said == "" || strings.ContainsAny(said, "{}") || strings.Contains(said, "consent.") {
					t.Errorf("%s %s %s:\n%s", language, says, binds, said)
				}
			}
		}
	}
}
