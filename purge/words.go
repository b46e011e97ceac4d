package purge

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aceso-health/aceso/fhir"
)

// words are what a patient is known by: her id, names and identifiers, of all versions.
type words struct {
	id     string      // the reference
	bare   string      // the id alone, if nothing else is likely to be called so
	names  [][2]string // family name and a given one, folded
	texts  []string    // names as they are written, folded
	values []string    // of identifiers, folded
	tokens []string    // system|value of identifiers
}

// The shortest of what is looked for by itself.
const (
	leastID    = 8
	leastValue = 4
	leastText  = 6
)

func newWords(ref fhir.Ref) *words {
	w := &words{id: ref.String()}
	if len(ref.ID) >= leastID {
		w.bare = ref.ID
	}
	return w
}

// learn adds what a version of the patient says.
func (w *words) learn(body []byte) {
	var doc struct {
		Name []struct {
			Text, Family string
			Given        []string
		}
		Identifier []struct{ System, Value string }
	}
	if json.Unmarshal(body, &doc) != nil {
		return
	}
	for _, n := range doc.Name {
		for _, given := range n.Given {
			if n.Family != "" && given != "" {
				w.names = add(w.names, [2]string{fold(n.Family), fold(given)})
			}
		}
		if len(n.Text) >= leastText {
			w.texts = add(w.texts, fold(n.Text))
		}
	}
	for _, i := range doc.Identifier {
		w.tokens = add(w.tokens, i.System+"|"+i.Value)
		if len(i.Value) >= leastValue {
			w.values = add(w.values, fold(i.Value))
		}
	}
}

func add[T comparable](to []T, one T) []T {
	if slices.Contains(to, one) {
		return to
	}
	return append(to, one)
}

func fold(s string) string { return strings.ToLower(s) }

// bears says whether an identifier (system|value) is hers.
func (w *words) bears(token string) bool { return slices.Contains(w.tokens, token) }

// in says how a document mentions her, "" if it does not.
func (w *words) in(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	if bytes.Contains(body, []byte(`\u`)) {
		body = plain(body)
	}
	text := fold(string(body))
	switch {
	case word(text, fold(w.id)):
		return "it refers to her"
	case w.bare != "" && word(text, fold(w.bare)):
		return "it has her id"
	case slices.ContainsFunc(w.values, func(v string) bool { return word(text, v) }):
		return "it has an identifier of hers"
	case slices.ContainsFunc(w.texts, func(t string) bool { return word(text, t) }):
		return "it has her name"
	case slices.ContainsFunc(w.names, func(n [2]string) bool { return word(text, n[0]) && word(text, n[1]) }):
		return "it has her family name and a given one"
	}
	return ""
}

// plain writes a document without escapes.
func plain(body []byte) []byte {
	var doc any
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if json.Unmarshal(body, &doc) != nil || e.Encode(doc) != nil {
		return body
	}
	return b.Bytes()
}

// word says whether a text has a word that no letter or digit extends.
func word(text, w string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], w)
		if i < 0 || w == "" {
			return false
		}
		at := from + i
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(w):])
		if !inWord(before) && !inWord(after) {
			return true
		}
		from = at + 1
	}
}

func inWord(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
