package search

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir/fhirtest"

	"github.com/aceso-health/aceso/fhir"
)

// held makes Holders of documents.
func held(t *testing.T, docs ...string) []Holder {
	t.Helper()
	var all []Holder
	for _, doc := range docs {
		r, err := fhir.Parse([]byte(doc))
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		x, err := IndexOf(r, testOptions.Base)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Holder{fhir.Ref{Type: r.Type(), ID: r.ID()}, x})
	}
	return all
}

// found lists the ids of the type that a query finds.
func found(t *testing.T, typ, query string, all []Holder) string {
	t.Helper()
	q, err := ParseQuery(typ, paramsOf(t, query), testOptions)
	if err != nil {
		t.Fatalf("%s?%s: %v", typ, query, err)
	}
	var ids []string
	for _, h := range all {
		if h.Ref.Type == typ && Match(q.Where, h, all) {
			ids = append(ids, h.Ref.ID)
		}
	}
	return strings.Join(ids, " ")
}

func observation(id, rest string) string {
	return `{"resourceType":"Observation","id":"` + id + `","status":"final","code":{"coding":[{"system":"l","code":"w"}]},` + rest + `}`
}

func quantity(id, value string) string {
	return observation(id, `"valueQuantity":{`+value+`}`)
}

func TestMatchDates(t *testing.T) {
	day := func(id, when string) string { return observation(id, `"effectiveDateTime":"`+when+`"`) }
	period := func(id, when string) string { return observation(id, `"effectivePeriod":{`+when+`}`) }
	all := held(t,
		day("year", "2013"), day("month", "2013-01"), day("day", "2013-01-14"), day("time", "2013-01-14T10:00:00Z"), day("next", "2013-01-15"),
		day("east", "2013-01-14T23:30:00-02:00"), period("span", `"start":"2013-01-10","end":"2013-01-20"`),
		period("since", `"start":"2013-01-14"`), period("until", `"end":"2013-01-14"`), observation("none", `"issued":"2013-01-14T00:00:00Z"`))
	for query, want := range map[string]string{
		"date=2013-01-14":                     "day time",
		"date=eq2013-01-14":                   "day time",
		"date=ne2013-01-14":                   "year month next east span since until",
		"date=gt2013-01-14":                   "year month next east span since",
		"date=lt2013-01-14":                   "year month span until",
		"date=ge2013-01-14":                   "year month day time next east span since",
		"date=le2013-01-14":                   "year month day time span until",
		"date=sa2013-01-14":                   "next east",
		"date=eb2013-01-14":                   "",
		"date=eb2013-01-15":                   "day time until",
		"date=2013":                           "year month day time next east span",
		"date=2013-01":                        "month day time next east span",
		"date=2013-01-14T10:00:00Z":           "time",
		"date=2013-01-14T12:00%2B02:00":       "time",
		"date=ap2013-01-14":                   "year month day time next east span since until",
		"date:missing=true":                   "none",
		"date=ge2013-01-12&date=le2013-01-14": "year month day time span until",
		"date=2012,2013-01-15":                "next east",
	} {
		got := found(t, "Observation", query, all)
		if got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func TestMatchNumbers(t *testing.T) {
	all := held(t,
		quantity("n99.4", `"value":99.4`), quantity("n99.5", `"value":99.5`), quantity("n100", `"value":100`), quantity("n100.00", `"value":100.00`),
		quantity("n100.4", `"value":100.4`), quantity("n100.5", `"value":100.5`), quantity("n120", `"value":120`), quantity("less", `"value":50,"comparator":"<"`),
		quantity("more", `"value":110,"comparator":">="`), quantity("neg", `"value":-100`))
	for query, want := range map[string]string{
		"100":    "n99.5 n100 n100.00 n100.4", // a value in [99.5, 100.5)
		"100.00": "n100 n100.00",
		"1e2":    "n99.4 n99.5 n100 n100.00 n100.4 n100.5 n120",
		"ne100":  "n99.4 n100.5 n120 less more neg",
		"gt100":  "n100.4 n100.5 n120 more",
		"ge100":  "n100 n100.00 n100.4 n100.5 n120 more",
		"lt100":  "n99.4 n99.5 less neg",
		"le100":  "n99.4 n99.5 n100 n100.00 less neg",
		"sa100":  "n100.4 n100.5 n120 more",
		"eb100":  "n99.4 n99.5 less neg",
		"ap100":  "n99.4 n99.5 n100 n100.00 n100.4 n100.5 more",
		"ap115":  "n120 more",
		"-100":   "neg",
		"lt50":   "less neg",
		"gt50":   "n99.4 n99.5 n100 n100.00 n100.4 n100.5 n120 more",
	} {
		if got := found(t, "Observation", "value-quantity="+query, all); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func TestMatchQuantities(t *testing.T) {
	in := func(id, value, code string) string {
		return quantity(id, `"value":`+value+`,"unit":"u `+code+`","system":"http://unitsofmeasure.org","code":"`+code+`"`)
	}
	all := held(t, in("mg", "5.4", "mg"), in("g", "0.0054", "g"), in("ug", "5420", "ug"), in("fever", "38.5", "Cel"), in("hot", "101.3", "[degF]"),
		in("odd", "5.4", "furlong"), quantity("bare", `"value":5.4,"unit":"mg"`), quantity("other", `"value":5.4,"system":"urn:u","code":"mg"`))
	const u = "|http://unitsofmeasure.org|"
	for query, want := range map[string]string{
		"5.4" + u + "mg":      "mg g ug",
		"5.40" + u + "mg":     "mg g",
		"0.0054" + u + "g":    "mg g ug",
		"gt38" + u + "Cel":    "fever hot",
		"38.5" + u + "Cel":    "fever hot",
		"5.4" + u + "furlong": "odd",
		"5.4||mg":             "mg bare other",
		"5.4||u%20mg":         "mg",
		"5.4|urn:u|mg":        "other",
		"5.4":                 "mg odd bare other",
		"5.4|urn:none|mg":     "",
	} {
		if got := found(t, "Observation", "value-quantity="+query, all); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func TestMatchCompositesCorrelate(t *testing.T) {
	part := func(code, value string) string {
		return `{"code":{"coding":[{"system":"l","code":"` + code + `"}]},"valueQuantity":{"value":` + value + `,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}}`
	}
	all := held(t,
		observation("high", `"component":[`+part("sys", "150")+`,`+part("dia", "80")+`]`),
		observation("low", `"component":[`+part("sys", "110")+`,`+part("dia", "70")+`]`),
		observation("own", `"valueQuantity":{"value":145,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}`))
	for query, want := range map[string]string{
		"component-code-value-quantity=sys$gt140":                    "high",
		"component-code-value-quantity=l|sys$gt140":                  "high",
		"component-code-value-quantity=m|sys$gt140":                  "",
		"component-code-value-quantity=dia$gt140":                    "",
		"component-code-value-quantity=dia$lt75":                     "low",
		"component-code=dia&component-value-quantity=gt140":          "high", // not correlated: any component
		"combo-code-value-quantity=w$gt140":                          "own",
		"combo-code-value-quantity=w$gt140,sys$gt140":                "high own",
		"combo-value-quantity=gt140||mm[Hg]":                         "high own",
		"code-value-quantity=w$145|http://unitsofmeasure.org|mm[Hg]": "own",
	} {
		if got := found(t, "Observation", query, all); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func TestMatchChains(t *testing.T) {
	all := held(t,
		`{"resourceType":"Patient","id":"1","name":[{"family":"Meyer"}],"gender":"male"}`,
		`{"resourceType":"Patient","id":"2","name":[{"family":"Maier"}]}`,
		`{"resourceType":"Patient","id":"3","name":[{"family":"Meyer"}]}`,
		`{"resourceType":"Group","id":"g","type":"person","actual":true,"identifier":[{"value":"x"}]}`,
		observation("a", `"subject":{"reference":"Patient/1"}`),
		observation("b", `"subject":{"reference":"https://hospital.example/fhir/Patient/2/_history/4"}`),
		observation("c", `"subject":{"reference":"Group/g"}`),
		observation("d", `"subject":{"reference":"https://other.example/fhir/Patient/1"}`),
		observation("e", `"subject":{"reference":"Patient/404"}`))
	for _, c := range []struct{ typ, query, want string }{
		{"Observation", "subject:Patient.name=meyer", "a"},
		{"Observation", "subject.name=M", "a b"},
		{"Observation", "patient.name:exact=Maier", "b"},
		{"Observation", "subject.identifier=x", "c"},
		{"Observation", "subject:Group.identifier=x", "c"},
		{"Observation", "subject:Patient.gender:not=male", "b"},
		{"Observation", "subject:Patient.gender:missing=true", "b"},
		{"Observation", "subject:Patient._id=1", "a"},
		{"Observation", "subject=Patient/1", "a"},
		{"Observation", "subject:Patient=1", "a"},
		{"Observation", "subject=https://other.example/fhir/Patient/1", "d"},
		{"Observation", "patient:missing=true", "c"},
		{"Patient", "_has:Observation:subject:code=w", "1 2"},
		{"Patient", "_has:Observation:patient:code=x", ""},
		{"Patient", "_has:Observation:patient:_id=a&name=meyer", "1"},
		{"Group", "_has:Observation:subject:status=final", "g"},
	} {
		if got := found(t, c.typ, c.query, all); got != c.want {
			t.Errorf("%s?%s: got %q, want %q", c.typ, c.query, got, c.want)
		}
	}
}

func TestMatchTextAndTokens(t *testing.T) {
	all := held(t,
		`{"resourceType":"Patient","id":"1","name":[{"family":"Müller-Lüdenscheidt","given":["Anna Maria"]}],"identifier":[{"system":"a","value":"1"}],"active":true}`,
		`{"resourceType":"Patient","id":"2","name":[{"family":"muller"}],"identifier":[{"value":"1"},{"system":"b","value":"2"}],"deceasedBoolean":false}`,
		`{"resourceType":"Patient","id":"3","identifier":[{"system":"a","value":"1|2"}],"deceasedDateTime":"2020"}`)
	for query, want := range map[string]string{
		"family=MULLER": "1 2", "family:exact=muller": "2", "family:contains=LUDEN": "1", "family=luden": "", "name=anna%20%20m": "1",
		"family:missing=true": "3", "identifier=1": "1 2", "identifier=a|1": "1", "identifier=|1": "2", "identifier=a|": "1 3", "identifier=b|1": "",
		`identifier=a|1%5C|2`: "3", "identifier:not=1": "3", "identifier:not=a|1,b|2": "3", "active=true": "1", "active:missing=true": "2 3",
		"deceased=true": "3", "deceased=false": "1 2", "gender:not=male": "1 2 3", "_id=1,3": "1 3", "_id:not=1": "2 3",
	} {
		if got := found(t, "Patient", query, all); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func TestMatchURIs(t *testing.T) {
	set := func(id, url string) string {
		return `{"resourceType":"ValueSet","id":"` + id + `","status":"draft","url":"` + url + `"}`
	}
	all := held(t, set("root", "http://a.example/fhir"), set("sub", "http://a.example/fhir/ValueSet/x"), set("like", "http://a.example/fhirside/y"), set("urn", "urn:oid:1.2.3"))
	for query, want := range map[string]string{
		"url=http://a.example/fhir": "root", "url=urn:oid:1.2.3": "urn", "url=urn:oid:1.2": "", "url=http://a.example/": "",
		"url:below=http://a.example/fhir": "root sub", "url:below=http://a.example/": "root sub like", "url:below=urn:oid:1.2": "",
		"url:above=http://a.example/fhir/ValueSet/x/y": "root sub", "url:above=http://a.example/fhir": "root",
	} {
		if got := found(t, "ValueSet", query, all); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

// The joined key never changes an answer: every example matches each of its own
// patients and codes, with and without it.
func TestOptimizeChangesNoAnswer(t *testing.T) {
	joined := 0
	for _, file := range fhirtest.Corpus(t, "r4-examples") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Open(data)
		if err != nil {
			t.Fatal(err)
		}
		x, err := IndexOf(r, "")
		if err != nil {
			t.Fatal(err)
		}
		h := Holder{fhir.Ref{Type: r.Type(), ID: r.ID()}, x}
		for _, p := range x.Keys {
			for _, c := range x.Keys {
				if !strings.HasPrefix(p, "subject>") && !strings.HasPrefix(p, "patient>") || !strings.HasPrefix(c, "code=") {
					continue
				}
				all := All{HasKey{p}, Any{HasKey{c}, HasKey{"code=other"}}}
				better := optimize(all)
				if len(better.(All)) > len(all) {
					joined++
				}
				if !Match(better, h, nil) {
					t.Errorf("%s: %s", file, spell(better))
				}
			}
		}
	}
	if joined < 100 {
		t.Errorf("only %d joined keys", joined)
	}
}

// Nor do windows, for any dates and any bounds.
func TestWindowsChangeNoAnswer(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	span := func() (lo, hi int64) {
		lo = int64(r.IntN(20))
		return lo, lo + int64(r.IntN(4))
	}
	matched := 0
	for range 50_000 {
		x := &Index{}
		for range r.IntN(4) {
			lo, hi := span()
			x.Dates = append(x.Dates, DateRange{"date", lo, hi})
		}
		x.Dates = appendHulls(x.Dates)
		var all All
		for _, p := range []Prefix{[]Prefix{Ge, Gt, Sa}[r.IntN(3)], []Prefix{Le, Lt, Eb}[r.IntN(3)]} {
			lo, hi := span()
			all = append(all, InDates{"date", p, lo, hi})
		}
		better := optimize(all)
		if len(better.(All)) != 3 {
			t.Fatalf("no window in %s", spell(better))
		}
		h := Holder{Index: x}
		if Match(all, h, nil) {
			matched++
		}
		if Match(all, h, nil) != Match(better, h, nil) {
			t.Fatalf("%v: %s", x.Dates, spell(better))
		}
	}
	if matched < 5000 {
		t.Errorf("only %d matched", matched)
	}
}

func TestContainsLeavesOutTheHash(t *testing.T) {
	key := string(appendCut([]byte("title^"), []byte(strings.Repeat("x", 80))))
	hash := key[strings.IndexByte(key, hashMark)+1:]
	if c := (Contains{Param: "title", Needle: hash[:6]}); c.In(key) || !(Contains{Param: "title", Needle: "xx"}).In(key) {
		t.Errorf("%s is in %q", c.Needle, key)
	}
}

func TestTargets(t *testing.T) {
	x := held(t, observation("a", `"performer":[{"reference":"Practitioner/2"},{"reference":"Organization/1"},{"reference":"https://o.example/Practitioner/3"}]`))[0].Index
	if got := fmt.Sprint(x.Targets("performer"), x.Targets("perform"), x.Targets("subject")); got != "[Organization/1 Practitioner/2] [] []" {
		t.Error(got)
	}
	if !slices.Contains(x.Keys, RefKey("performer", fhir.Ref{Type: "Practitioner", ID: "2"})) || !slices.Contains(x.Keys, CompartmentKey("Practitioner/2")) {
		t.Error(x.Keys)
	}
}
