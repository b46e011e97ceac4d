package fhir

import "testing"

// Half a surrogate pair is valid JSON, and stands for no character.
func TestHalfPairsAreNoCharacters(t *testing.T) {
	for escaped, want := range map[string]string{
		`\ud83d\ude00`: "\U0001F600", `\ud83d`: "\uFFFD", `a\ud83db`: "a\uFFFDb", `\ude00\ud83d\ude00`: "\uFFFD\U0001F600", `\ud83d\n`: "\uFFFD\n", `\ud83d\u0041`: "\uFFFDA",
	} {
		if got := string(AppendUnescaped(nil, []byte(escaped))); got != want {
			t.Errorf("%s: %q, want %q", escaped, got, want)
		}
	}
}
