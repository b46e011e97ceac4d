// Package wording has the sentences that explain decisions, in several languages: one file
// for each, and more languages as more files.
//
// It does not decide anything, and does not know where its words are shown.
package wording

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed *.json
var files embed.FS

// usual is the language of whoever asks for none that there is.
const usual = "en"

// read reads all files, once.
var read = sync.OnceValues(func() (map[string]map[string]string, error) {
	entries, err := files.ReadDir(".")
	all := map[string]map[string]string{}
	for i := 0; i < len(entries) && err == nil; i++ {
		var text []byte
		if text, err = files.ReadFile(entries[i].Name()); err != nil {
			break
		}
		words := map[string]string{}
		if err = json.Unmarshal(text, &words); err != nil {
			err = fmt.Errorf("read %s: %w", entries[i].Name(), err)
		}
		all[strings.TrimSuffix(entries[i].Name(), ".json")] = words
	}
	return all, err
})

// Language is one of them.
type Language struct {
	Name  string // en
	words map[string]string
}

// In is the first language of the header Accept-Language that there is, English without.
// Weights are not read: browsers name languages in their order.
func In(accepted string) (Language, error) {
	all, err := read()
	if err != nil {
		return Language{}, err
	}
	for one := range strings.SplitSeq(accepted, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(one), ";")
		name, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if words, ok := all[name]; ok {
			return Language{name, words}, nil
		}
	}
	return Language{usual, all[usual]}, nil
}

// Languages are the names of all.
func Languages() ([]string, error) {
	all, err := read()
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, err
}

// Time is a time in words, to the second and in UTC, as people write it in the language.
func (l Language) Time(at time.Time) string { return at.UTC().Format(l.Say("time")) }

// Knows says whether there is such a sentence.
func (l Language) Knows(key string) bool { return l.words[key] != "" }

// Say is a sentence with values in the place of names: pairs are names and values in turns.
// One that there is not is its key.
func (l Language) Say(key string, pairs ...string) string {
	text, ok := l.words[key]
	if !ok {
		return key
	}
	var replace []string
	for i := 0; i+1 < len(pairs); i += 2 {
		replace = append(replace, "{"+pairs[i]+"}", pairs[i+1])
	}
	return strings.NewReplacer(replace...).Replace(text)
}
