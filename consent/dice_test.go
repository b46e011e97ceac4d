package consent

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// dice makes random Consents, subjects and resources over small vocabularies, so
// that criteria meet often.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 7))} }

func (d dice) one(of ...string) string { return of[d.IntN(len(of))] }

func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

func (d dice) some(of ...string) []string {
	n := 1 + d.IntN(2)
	var out []string
	for range n {
		if s := d.one(of...); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

const (
	v3       = "http://terminology.hl7.org/CodeSystem/v3-"
	tagsOf   = v3 + "ActCode"
	secretOf = v3 + "Confidentiality"
)

func coding(system, code string) object { return object{"system": system, "code": code} }

func coded(system, code string) object { return object{"coding": []any{coding(system, code)}} }

func (d dice) consent() object {
	c := object{
		"resourceType": "Consent", "status": "active",
		"scope":    coded("http://terminology.hl7.org/CodeSystem/consentscope", d.one("patient-privacy", "patient-privacy", "patient-privacy", "research", "local", "treatment")),
		"category": []any{coded("http://loinc.org", "59284-0")},
		"patient":  object{"reference": "Patient/1"},
	}
	if d.chance(5) {
		c["status"] = "inactive"
	}
	if d.chance(30) {
		c["policyRule"] = coded(tagsOf, d.one("OPTIN", "OPTOUT", "OPTOUTE", "OPTINR", "NOPP"))
	}
	if d.chance(15) {
		c["meta"] = object{"profile": []any{"https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consentBasic"}}
	}
	if d.chance(20) {
		c["dateTime"] = d.one("2019", "2020-06-01", "2020-06-15T12:00:00Z", "2021-01-01")
	}
	if d.chance(95) {
		c["provision"] = d.provision(0)
		switch p := c["provision"].(object); {
		case d.chance(30):
			delete(p, "type")
		case d.chance(20): // a part for somebody named: where ImplicitDeny comes from
			p["type"] = "permit"
			p["actor"] = []any{object{"role": coded(v3+"ParticipationType", "PRCP"), "reference": object{"reference": "Organization/a"}}}
			p["purpose"] = []any{coding(v3+"ActReason", "PurposeOfUse")}
		}
		d.custodian(c["provision"].(object))
	}
	return c
}

// custodian says whose data the Consent is about.
func (d dice) custodian(root object) {
	if !d.chance(20) {
		return
	}
	for _, ref := range d.some("Organization/own", "Organization/top", "Organization/below", "Organization/other", "Organization/unknown") {
		actors, _ := root["actor"].([]any)
		root["actor"] = append(actors, object{"role": coded(v3+"ParticipationType", "CST"), "reference": object{"reference": ref}})
	}
}

func (d dice) provision(depth int) object {
	p := object{"type": d.one("permit", "deny")}
	put := func(percent int, name string, value func() any) {
		if d.chance(percent) {
			p[name] = value()
		}
	}
	put(25, "purpose", func() any {
		return d.codings(v3+"ActReason", "TREAT", "ETREAT", "BTG", "HRESCH", "CLINTRCH", "CLINTRL", "HPAYMT", "PurposeOfUse", "?")
	})
	put(25, "actor", d.actors)
	put(10, "action", func() any {
		return []any{coded("http://terminology.hl7.org/CodeSystem/consentaction", d.one("access", "access", "use", "disclose", "collect", "correct"))}
	})
	put(12, "period", d.period)
	put(20, "class", func() any {
		return d.codings("http://hl7.org/fhir/resource-types", "Observation", "Condition", "?")
	})
	put(15, "code", func() any { return []any{d.code()} })
	put(20, "securityLabel", d.labels)
	put(12, "dataPeriod", d.period)
	put(12, "data", func() any {
		return []any{object{"meaning": d.one("instance", "related", "dependents", "authoredby"),
			"reference": object{"reference": d.one("Observation/1", "Condition/1", "Encounter/1", "Practitioner/1")}}}
	})
	if depth < 4 && d.chance(60-12*depth) {
		var below []any
		for range 1 + d.IntN(3) {
			below = append(below, d.provision(depth+1))
		}
		p["provision"] = below
	}
	return p
}

func (d dice) codings(system string, codes ...string) any {
	var out []any
	for _, c := range d.some(codes...) {
		if c == "?" {
			out = append(out, coding("http://example.org/local", "x"))
			continue
		}
		out = append(out, coding(system, c))
	}
	return out
}

func (d dice) actors() any {
	var out []any
	for _, ref := range d.some("Practitioner/1", "Practitioner/2", "Organization/a", "Organization/b", "CareTeam/1", "CareTeam/2", "CareTeam/unknown",
		"https://elsewhere/Practitioner/1", "?") {
		target := object{"reference": ref}
		if ref == "?" {
			target = object{"display": "somebody"}
		}
		role := "PRCP"
		if d.chance(5) {
			role = "AUT"
		}
		out = append(out, object{"role": coded(v3+"ParticipationType", role), "reference": target})
	}
	return out
}

func (d dice) period() any {
	return d.periodOf("2020", "2020-06-15", "2020-06-15T12:00:00Z", "2020-06")
}

func (d dice) periodOf(dates ...string) any {
	p := object{}
	if d.chance(70) {
		p["start"] = d.one("2019", dates[d.IntN(len(dates))])
	}
	if d.chance(70) {
		p["end"] = d.one("2021-06-30", dates[d.IntN(len(dates))])
	}
	from, to := refPeriod(p)
	if len(p) == 0 || from >= to {
		return object{"start": "2020"}
	}
	return p
}

func (d dice) code() object {
	if d.chance(10) {
		return object{"text": "something"}
	}
	return coded("s", d.one("a", "b"))
}

func (d dice) labels() any {
	var out []any
	if d.chance(60) {
		out = append(out, coding(secretOf, d.one("L", "N", "R", "V")))
	}
	if len(out) == 0 || d.chance(20) {
		out = append(out, coding(tagsOf, d.one("PSY", "HIV", "SPI", "SUD", "OPIOIDUD")))
	}
	return out
}

func (d dice) subject() Subject {
	at, err := time.Parse(time.RFC3339, d.one("2020-06-15T12:00:00Z", "2020-06-15T11:59:59Z", "2021-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "2022-05-05T05:05:05Z"))
	if err != nil {
		panic(err)
	}
	s := Subject{
		Actors:  []string{d.one("Practitioner/1", "Practitioner/2", "Practitioner/3"), d.one("Organization/a", "Organization/b")},
		Purpose: d.one("TREAT", "ETREAT", "BTG", "HRESCH", "CLINTRCH", "CLINTRL", "HPAYMT"),
		Action:  d.one("access", "access", "access", "collect", "correct"),
		House:   "Organization/own", Directory: archive, Now: at,
		Guest: d.chance(30), System: d.chance(10), BreakGlass: d.chance(10),
	}
	if d.chance(30) {
		s.Actors = append(s.Actors, "CareTeam/1")
	}
	if d.chance(20) {
		s.Possible = []string{d.one("CareTeam/2", "Practitioner/1")}
	}
	return s
}

// entries is a directory in memory.
type entries map[string]Entry

func (e entries) Stored(ref string) (Entry, bool) {
	found, known := e[ref]
	return found, known
}

func (e entries) Facts(ref string) *fhir.Facts { return e[ref].Facts }

// Naming implements Directory: who refers to or attaches a Binary names it.
func (e entries) Naming(binary string) (all []*fhir.Facts) {
	for _, name := range slices.Sorted(maps.Keys(e)) {
		if f := e[name].Facts; slices.Contains(f.Contents, binary) || slices.Contains(f.References, binary) {
			all = append(all, f)
		}
	}
	return all
}

// Identified implements Directory: a patient's id is her identifier.
func (e entries) Identified(identifier string) (patients []string) {
	_, value, _ := strings.Cut(identifier, "|")
	if e["Patient/"+value].Facts != nil {
		patients = []string{"Patient/" + value}
	}
	return patients
}

// archive is what the random Consents refer to.
var archive = entries{
	"CareTeam/1": {Facts: &fhir.Facts{}}, "CareTeam/2": {Facts: &fhir.Facts{}},
	"Organization/own":   {Facts: &fhir.Facts{}, PartOf: "Organization/top"},
	"Organization/top":   {Facts: &fhir.Facts{}},
	"Organization/below": {Facts: &fhir.Facts{}, PartOf: "Organization/own"},
	"Organization/other": {Facts: &fhir.Facts{}},
	"Observation/1":      {Facts: &fhir.Facts{References: []string{"Encounter/1", "Condition/1"}}},
	"Encounter/1":        {Facts: &fhir.Facts{References: []string{"Condition/2", "Observation/1"}}},
}

// facts makes a resource; with holes, some of it is unknown.
func (d dice) facts(holes bool) *fhir.Facts {
	from, to := refSpan(d.one("2019-06-01", "2020-02", "2020", "2020-12-31", "2021-03-03", "2022-01-01"))
	f := &fhir.Facts{
		Type: d.one("Observation", "Condition"), ID: d.one("1", "2"), Patients: []string{"Patient/1"},
		Labels:  []fhir.Coding{{System: secretOf, Code: d.one("L", "N", "R", "V")}, {System: tagsOf, Code: d.one("PSY", "HIV", "SUD", "OPIOIDUD")}},
		Codes:   []fhir.Coding{{System: "s", Code: d.one("a", "b", "c")}},
		Authors: []string{d.one("Practitioner/1", "Practitioner/2", "Practitioner/9")},
		Start:   from, End: to - 1,
	}
	if d.chance(50) {
		f.References = []string{"Encounter/1"}
	}
	if d.chance(20) { // normal and therefore without sensitivity: also fully known
		f.Labels = []fhir.Coding{{System: secretOf, Code: "N"}}
	}
	if holes {
		d.punch(f)
	}
	return f
}

func (d dice) punch(f *fhir.Facts) {
	if d.chance(40) {
		f.Labels = [][]fhir.Coding{nil, {{System: secretOf, Code: "R"}}, {{System: tagsOf, Code: "PSY"}}}[d.IntN(3)]
	}
	if d.chance(30) {
		f.Codes = nil
	}
	if d.chance(30) {
		f.Start, f.End = 1, 0
	}
	if d.chance(30) {
		f.Authors = nil
	}
}
