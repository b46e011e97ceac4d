package nodetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Ward is a hospital of made-up patients, of whom each has the same, so that an answer is as
// long in a large ward as in a small one. Ids are spread like random ones, as those of real
// clients are.
type Ward struct {
	Visits, PerVisit int                        // Encounters of a patient, and Observations of each
	Consents         func(patient int) []string // nil: there are none
}

// UsualWard has 100 resources for each patient.
var UsualWard = Ward{Visits: 9, PerVisit: 10}

// PerPatient is how many resources a patient has, not counting Consents.
func (w Ward) PerPatient() int { return 1 + w.Visits + w.Visits*w.PerVisit }

// WardID is the id of what some words and numbers name.
func WardID(parts ...any) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, parts...)).String()
}

// Documents are the resources of a patient. One patient in a hundred has a first Encounter
// without a period.
func (w Ward) Documents(patient int) []string {
	id := WardID(patient)
	all := []string{wardPatient(id, patient)}
	for v := range w.Visits {
		visit := WardID(patient, "visit", v)
		at := time.Date(2014+v, time.Month(1+patient%12), 1+patient%28, patient%24, 0, 0, 0, time.UTC)
		all = append(all, wardEncounter(visit, patient, at, v > 0 || patient%100 > 0))
		for o := range w.PerVisit {
			observation := WardID(patient, "visit", v, "observation", o)
			all = append(all, WardObservation(observation, id, visit, v*w.PerVisit+o, at))
		}
	}
	if w.Consents != nil {
		all = append(all, w.Consents(patient)...)
	}
	return all
}

// Bundle is a transaction of all that a patient has.
func (w Ward) Bundle(patient int) string {
	var entries []string
	for _, text := range w.Documents(patient) {
		entries = append(entries, wardEntry(text))
	}
	return `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`
}

func wardEntry(text string) string {
	fields := strings.SplitN(text, `"`, 9) // {"resourceType":"T","id":"I"
	url := fields[3] + "/" + fields[7]
	return fmt.Sprintf(`{"fullUrl":"http://127.0.0.1/fhir/%s","resource":%s,"request":{"method":"PUT","url":"%s"}}`, url, text, url)
}

func wardPatient(id string, n int) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":"%s","identifier":[{"system":"urn:ward","value":"%d"}],"active":true,`+
		`"name":[{"family":"Family%d","given":["Given%d"]}],"telecom":[{"system":"phone","value":"555-%d"}],"gender":"%s","birthDate":"%d-0%d-1%d","address":[{"city":"Town%d","postalCode":"%05d"}]}`,
		id, n, n%9973, n%311, n, []string{"male", "female"}[n%2], 1930+n%80, 1+n%9, n%10, n%100, n%100_000)
}

func wardEncounter(id string, patient int, at time.Time, dated bool) string {
	period := ""
	if dated {
		period = fmt.Sprintf(`,"period":{"start":"%s","end":"%s"}`, at.Format(time.RFC3339), at.Add(time.Hour).Format(time.RFC3339))
	}
	return fmt.Sprintf(`{"resourceType":"Encounter","id":"%s","status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},`+
		`"type":[{"coding":[{"system":"http://snomed.info/sct","code":"%d"}]}],"subject":{"reference":"Patient/%s"}%s}`, id, 185345009+patient%50, WardID(patient), period)
}

// WardCode is one of thirty LOINC codes.
func WardCode(number int) string { return fmt.Sprintf("%d-%d", 8302+number%30, number%10) }

// WardObservation is one measurement.
func WardObservation(id, patient, visit string, number int, at time.Time) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":"%s","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],`+
		`"code":{"coding":[{"system":"http://loinc.org","code":"%s","display":"Measurement %d"}],"text":"Measurement %d"},"subject":{"reference":"Patient/%s"},"encounter":{"reference":"Encounter/%s"},`+
		`"effectiveDateTime":"%s","issued":"%s","valueQuantity":{"value":%d.%d0,"unit":"cm","system":"http://unitsofmeasure.org","code":"cm"}}`,
		id, WardCode(number), number%30, number%30, patient, visit, at.Format(time.RFC3339), at.Format("2006-01-02T15:04:05.000Z07:00"), 60+number, number%10)
}

// WardConsents are those of the usual ward: one patient in so many permits research (see
// UsualResearch), and one in ten denies that her data are used for payment.
func WardConsents(research int) func(patient int) []string {
	return func(patient int) []string {
		id := WardID(patient, "consent")
		switch {
		case patient%research == 0:
			return []string{ResearchConsent(id, WardID(patient), "permit")}
		case patient%10 == 1:
			return []string{strings.Replace(ResearchConsent(id, WardID(patient), "deny"), "HRESCH", "HPAYMT", 1)}
		}
		return nil
	}
}

// UsualResearch lets a researcher see 0.1 %.
const UsualResearch = 1000

// FiftyConsents are of fifty shapes that differ in what they say of research: of every fifty
// patients 40 permit it, with some exception each (5 of them for a code, which each
// Observation has to answer), and 10 deny it.
func FiftyConsents(patient int) []string {
	n := patient % 50
	kind, exception := "permit", fmt.Sprintf(`"actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"PRCP"}]},"reference":{"reference":"Organization/partner-%d"}}]`, n)
	switch {
	case n < 5:
		exception = fmt.Sprintf(`"code":[{"coding":[{"system":"http://loinc.org","code":"%s"}]}]`, WardCode(7*n))
	case n >= 40:
		kind = "deny"
	}
	nested := map[string]string{"permit": "deny", "deny": "permit"}[kind]
	text := ResearchConsent(WardID(patient, "consent"), WardID(patient), kind)
	return []string{strings.TrimSuffix(text, "}}") + fmt.Sprintf(`,"provision":[{"type":"%s",%s}]}}`, nested, exception)}
}
