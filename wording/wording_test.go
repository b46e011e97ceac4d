package wording_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/wording"
)

func file(t *testing.T, name string) (words map[string]string) {
	t.Helper()
	text, err := os.ReadFile(name + ".json")
	if err == nil {
		err = json.Unmarshal(text, &words)
	}
	if err != nil {
		t.Fatal(err)
	}
	return words
}

var place = regexp.MustCompile(`\{[a-z]+\}`)

// Every language has every sentence, with the same names in it.
func TestLanguagesSayTheSame(t *testing.T) {
	names, err := wording.Languages()
	if err != nil || !slices.Contains(names, "en") || !slices.Contains(names, "de") {
		t.Fatal(names, err)
	}
	english := file(t, "en")
	for _, name := range names {
		words := file(t, name)
		if len(words) != len(english) {
			t.Errorf("%s has %d sentences, en %d", name, len(words), len(english))
		}
		for key, text := range english {
			a, b := place.FindAllString(text, -1), place.FindAllString(words[key], -1)
			slices.Sort(a)
			slices.Sort(b)
			if words[key] == "" || !slices.Equal(a, b) {
				t.Errorf("%s: %s: %q, en %q", name, key, words[key], text)
			}
		}
	}
}

// Every reason that a policy can give has words.
func TestReasonsHaveWords(t *testing.T) {
	l, err := wording.In("")
	if err != nil {
		t.Fatal(err)
	}
	for code := range policy.Reasons() {
		if !l.Knows("reason." + code) {
			t.Errorf("no words for %s", code)
		}
	}
}

func TestLanguageIsTheFirstThatThereIs(t *testing.T) {
	for accepted, want := range map[string]string{"": "en", "de": "de", "de-AT,en;q=0.5": "de", "fr, de;q=0.9, en": "de", "fr": "en", "EN-us": "en", "../de": "en"} {
		if l, err := wording.In(accepted); err != nil || l.Name != want {
			t.Errorf("%q: %s, %v", accepted, l.Name, err)
		}
	}
}

// Values are put in once: a name inside a value stays.
func TestValuesArePutInOnce(t *testing.T) {
	l, _ := wording.In("en")
	if got := l.Say("policy.place", "rule", "{file}", "file", "a.rego", "line", "3"); got != "The rule {file} says so, in a.rego, line 3." {
		t.Error(got)
	}
	if got := l.Say("none.such"); got != "none.such" {
		t.Error(got)
	}
}
