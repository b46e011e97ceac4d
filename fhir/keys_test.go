package fhir

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestDateSpans(t *testing.T) {
	for _, c := range []struct{ text, from, to string }{
		{"2012", "2012-01-01T00:00:00.000Z", "2012-12-31T23:59:59.999Z"},
		{"2012-02", "2012-02-01T00:00:00.000Z", "2012-02-29T23:59:59.999Z"},
		{"1900-02", "1900-02-01T00:00:00.000Z", "1900-02-28T23:59:59.999Z"},
		{"2000-02", "2000-02-01T00:00:00.000Z", "2000-02-29T23:59:59.999Z"},
		{"2012-12", "2012-12-01T00:00:00.000Z", "2012-12-31T23:59:59.999Z"},
		{"2016-02-29", "2016-02-29T00:00:00.000Z", "2016-02-29T23:59:59.999Z"},
		{"1969-12-31", "1969-12-31T00:00:00.000Z", "1969-12-31T23:59:59.999Z"},
		{"0001-01-01", "0001-01-01T00:00:00.000Z", "0001-01-01T23:59:59.999Z"},
		{"9999", "9999-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"},
		{"2015-02-07T13:28Z", "2015-02-07T13:28:00.000Z", "2015-02-07T13:28:59.999Z"},
		{"2015-02-07T13:28:17Z", "2015-02-07T13:28:17.000Z", "2015-02-07T13:28:17.999Z"},
		{"2015-02-07T13:28:17", "2015-02-07T13:28:17.000Z", "2015-02-07T13:28:17.999Z"},
		{"2015-02-07T13:28:17+02:00", "2015-02-07T11:28:17.000Z", "2015-02-07T11:28:17.999Z"},
		{"2015-02-07T13:28:17 02:00", "2015-02-07T11:28:17.000Z", "2015-02-07T11:28:17.999Z"},
		{"2015-01-01T00:30:00-05:30", "2015-01-01T06:00:00.000Z", "2015-01-01T06:00:00.999Z"},
		{"2015-02-07T13:28:17.2Z", "2015-02-07T13:28:17.200Z", "2015-02-07T13:28:17.299Z"},
		{"2015-02-07T13:28:17.239Z", "2015-02-07T13:28:17.239Z", "2015-02-07T13:28:17.239Z"},
		{"2015-02-07T13:28:17.2396421Z", "2015-02-07T13:28:17.239Z", "2015-02-07T13:28:17.239Z"},
		{"2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z", "2016-12-31T23:59:59.999Z"},
	} {
		lo, hi, ok := dateSpan([]byte(c.text))
		if !ok || lo != ms(t, c.from) || hi != ms(t, c.to) {
			t.Errorf("%s is %s to %s (%v)", c.text, time.UnixMilli(lo).UTC(), time.UnixMilli(hi).UTC(), ok)
		}
	}
}

func ms(t *testing.T, s string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

func TestDatesThatAreNone(t *testing.T) {
	for _, s := range []string{
		"", "15", "0000", "2015-13", "2015-00", "2015-02-29", "2015-04-31", "2015-1-1", "2015/01/01", "2015-01-01T", "2015-01-01T24:00Z",
		"2015-01-01T12", "2015-01-01T12:60Z", "2015-01-01T12:00:61Z", "2015-01-01T12:00:00+15:00", "2015-01-01T12:00:00+0200",
		"2015-01-01T12:00:00z", "2015-01-01 12:00", "20150101", "2015-01-01T12:00:00Zx", "-2015", "2015-01-011",
	} {
		if _, _, ok := dateSpan([]byte(s)); ok {
			t.Errorf("%q was read", s)
		}
	}
}

func TestEveryDayAgreesWithTheCalendar(t *testing.T) {
	for day := time.Date(1890, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2110; day = day.AddDate(0, 0, 1) {
		lo, hi, ok := dateSpan([]byte(day.Format(time.DateOnly)))
		if !ok || lo != day.UnixMilli() || hi != day.AddDate(0, 0, 1).UnixMilli()-1 {
			t.Fatal(day)
		}
	}
}

func TestTimesSort(t *testing.T) {
	list := []int64{dateMin, -1e15, -1, 0, 1, 1e15, dateMax}
	var keys []string
	for _, v := range list {
		keys = append(keys, string(appendTime(nil, v)))
	}
	if !slices.IsSorted(keys) {
		t.Error(keys)
	}
}

func TestFolding(t *testing.T) {
	for text, want := range map[string]string{
		"Müller": "muller", "MU\u0308LLER": "muller", "Straße": "strasse", "Éric": "eric", "Łódź": "lodz", "Søren": "soren",
		"  two \t words\u00a0here ": "two words here", "ﬁne": "fine", "Ἀθήνα": "αθηνα", "İstanbul": "istanbul", "ID-42 (b)": "id-42 (b)",
		"日本": "日本", "Ⅳ": "iv", "": "", " \n": "",
	} {
		if got := string(appendFolded(nil, []byte(text))); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestFoldingTwiceChangesNothing(t *testing.T) {
	for r := rune(1); r < 0x3000; r++ {
		once := appendFolded(nil, utf8.AppendRune(nil, r))
		if twice := appendFolded(nil, once); string(twice) != string(once) {
			t.Errorf("%U: %q, then %q", r, once, twice)
		}
	}
}

func TestLongValuesAreCut(t *testing.T) {
	short := strings.Repeat("a", keyLimit)
	if got := string(appendCut(nil, []byte(short))); got != short {
		t.Error("a value of the limit was cut:", got)
	}
	a := appendCut(nil, []byte(strings.Repeat("ü", 40)+"a"))
	b := appendCut(nil, []byte(strings.Repeat("ü", 40)+"b"))
	if string(a) == string(b) || string(a[:60]) != string(b[:60]) || !utf8.Valid(a) {
		t.Errorf("%q %q", a, b)
	}
	odd := appendCut(nil, []byte("a"+strings.Repeat("ü", 40)))
	if !utf8.Valid(odd) {
		t.Errorf("cut inside of a rune: %q", odd)
	}
}

func TestPartsOfKeysStayApart(t *testing.T) {
	seen := map[string]Coding{}
	for _, c := range []Coding{{"a", "b|c"}, {"a|b", "c"}, {`a\`, "|c"}, {"a", `\|c`}, {"a$b", "c"}, {`a\$b`, "c"}, {"", "a|c"}} {
		k := string(appendToken(nil, []byte(c.System), []byte(c.Code)))
		if other, there := seen[k]; there {
			t.Errorf("%v and %v are both %s", c, other, k)
		}
		seen[k] = c
	}
}

func TestSegments(t *testing.T) {
	for u, want := range map[string]string{
		"http://hl7.org/fhir/ValueSet/x": "http://hl7.org http://hl7.org/fhir http://hl7.org/fhir/ValueSet",
		"http://hl7.org/fhir/":           "http://hl7.org",
		"http://hl7.org":                 "",
		"urn:oid:1.2.3":                  "",
		"":                               "",
	} {
		var got []string
		for _, end := range segments([]byte(u)) {
			got = append(got, u[:end])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v", u, got)
		}
	}
}
