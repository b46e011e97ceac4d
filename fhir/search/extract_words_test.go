package search

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

func note(id, narrative, rest string) string {
	return `{"resourceType":"Observation","id":"` + id + `","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` + narrative + `</div>"},"status":"final","code":{"text":"Pulse"}` + rest + `}`
}

func TestWordsOfNarrativeAndContentAreFound(t *testing.T) {
	all := held(t,
		note("a", `<p>Sch\u00f6ne <b>Gr&#252;&#xDF;e</b><!-- secret --> a&amp;b</p>`, `,"note":[{"text":"came by bicycle"}]`),
		note("b", `bicycle`, `,"contained":[{"resourceType":"Patient","id":"p","name":[{"family":"Meier"}]}],"subject":{"reference":"#p"}`),
		`{"resourceType":"Observation","id":"c","status":"final","code":{"coding":[{"code":"final","display":"Heart rate"}]},"subject":{"reference":"Patient/bicycle"}}`)
	for query, want := range map[string]string{
		"_text=schone": "a", "_text=Gr%C3%BC%C3%9Fe": "a", "_text=sch%20gr": "a", "_text=secret": "", "_text=xmlns": "", "_text=p": "", "_text=bicycle": "b", "_text=amp": "", "_text=b,bicycle": "a b",
		"_content=bicycle": "a b", "_content=bicycle%20came": "a", "_content=meier": "b", "_content=pulse": "a b", "_content=rate": "c", "_content=heart%20pulse": "", "_content=final": "", "_content=schone%20by": "a",
		"_filter=code%20pr%20true&_content=rate": "c", "_content=generated": "",
	} {
		if got := found(t, "Observation", query, all); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for query, at := range map[string]string{"_text:exact=x": "_text:exact", "_content=": "_content", "_text=%20": "_text", "_content:missing=true": "_content:missing", "_text=" + strings.Repeat("x,", 501) + "x": "_text"} {
		_, err := ParseQuery("Observation", paramsOf(t, query), testOptions)
		if e, ok := err.(*fhir.Error); !ok || e.Kind != fhir.Invalid || e.Expression != at {
			t.Errorf("%.30s: %v", query, err)
		}
	}
	if _, err := ParseQuery("Binary", paramsOf(t, "_text=x"), testOptions); err == nil {
		t.Error("a Binary has no narrative")
	}
}

// Words never let a resource be refused: those beyond the limit have no keys.
func TestNoResourceIsRefusedForItsWords(t *testing.T) {
	var narrative, text strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&narrative, "n%d ", i)
		fmt.Fprintf(&text, "w%d ", i)
	}
	x := held(t, note("a", narrative.String(), `,"note":[{"text":"`+text.String()+`"}]`))[0].Index
	words := map[string]int{}
	for _, k := range x.Keys {
		head, _, _ := strings.Cut(k, "~")
		words[head]++
	}
	if words[textParam] != mostWords || words[contentParam] != mostWords {
		t.Error(words)
	}
	doc := note("a", narrative.String()[:1200], `,"meta":{"profile":["http://h`+strings.Repeat("/a", 4400)+`"]}`)
	if x = held(t, doc)[0].Index; x.Len() > limitsOf(len(doc)).keys || x.Len() < 4400 {
		t.Errorf("%d keys", x.Len())
	}
}
