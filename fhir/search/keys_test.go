package search

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aceso-health/aceso/fhir"
)

func TestTimesSort(t *testing.T) {
	list := []int64{dateMin, -1e15, -1, 0, 1, 1e15, dateMax}
	var keys []string
	for _, v := range list {
		keys = append(keys, string(AppendTime(nil, v)))
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
	seen := map[string]fhir.Coding{}
	for _, c := range []struct{ System, Code string }{{"a", "b|c"}, {"a|b", "c"}, {`a\`, "|c"}, {"a", `\|c`}, {"a$b", "c"}, {`a\$b`, "c"}, {"", "a|c"}} {
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
		for end := nextSegment([]byte(u), 0); end > 0; end = nextSegment([]byte(u), end) {
			got = append(got, u[:end])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v", u, got)
		}
	}
}
