package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func elements(paths ...string) []elementDefinition {
	var all []elementDefinition
	for _, p := range paths {
		path, typ, _ := strings.Cut(p, ":")
		e := elementDefinition{Path: path, Max: "1"}
		if typ != "" {
			e.Type = []elementType{{Code: typ}}
		}
		all = append(all, e)
	}
	return all
}

func TestRestoreKeepsOnlyWhatWasPublished(t *testing.T) {
	long := "Pill." + strings.Repeat("x", 60)
	original := byPath{}
	for _, e := range elements("Pill.colour:string", "Pill.maker.name:string", "Pill.lost:code") {
		original[e.Path] = e
	}
	got := original.restore("Pill", elements("Pill", "Pill.id:string", "Pill.colour:markdown", "Pill.taste:string", long+":string",
		"Pill.maker:BackboneElement", "Pill.maker.id:string", "Pill.maker.name:string", "Pill.maker.fame:string",
		"Pill.dream:BackboneElement", "Pill.dream.id:string", "Pill.dream.depth:string"))
	var paths []string
	for _, e := range got {
		paths = append(paths, e.Path)
		if e.Path == "Pill.colour" && e.Type[0].Code != "string" {
			t.Errorf("colour is a %s", e.Type[0].Code)
		}
	}
	want := []string{"Pill", "Pill.id", "Pill.colour", long, "Pill.maker", "Pill.maker.id", "Pill.maker.name", "Pill.lost"}
	if !slices.Equal(paths, want) {
		t.Errorf("got  %v\nwant %v", paths, want)
	}
}

func TestEnumerate(t *testing.T) {
	c := &codes{
		systems: map[string]codeSystem{
			"s": {Content: "complete", Concept: []concept{{Code: "b", Concept: []concept{{Code: "a"}}}}},
			"u": {Content: "not-present"},
		},
		sets: map[string]valueSet{},
	}
	set := func(url string, in ...include) {
		v := valueSet{URL: url}
		v.Compose.Include = in
		c.sets[url] = v
	}
	set("whole", include{System: "s"})
	set("listed", include{System: "u", Concept: []concept{{Code: "x"}}})
	set("both", include{ValueSet: []string{"whole"}}, include{System: "s", Concept: []concept{{Code: "c"}}})
	set("open", include{System: "u"})
	set("filtered", include{System: "s", Filter: []struct{}{{}}})
	for url, want := range map[string]string{"whole": "a b", "listed": "x", "both": "a b c", "open": "", "filtered": "", "absent": ""} {
		got, ok := c.enumerate(url)
		all := ""
		for _, list := range got {
			all += strings.Join(list, " ")
		}
		if ok != (want != "") || ok && all != want {
			t.Errorf("%s: %q %v, want %q", url, all, ok, want)
		}
	}
}

func TestFlagsAndNames(t *testing.T) {
	e := elementDefinition{Path: "A.b.c", Min: 1, Max: "*", IsSummary: true, IsModifier: true}
	if flags(e) != "1*sm" || e.name() != "c" || e.parent() != "A.b" {
		t.Errorf("%s %s %s", flags(e), e.name(), e.parent())
	}
	if n := (elementType{Code: "http://hl7.org/fhirpath/System.String"}).name(); n != "string" {
		t.Errorf("type %s", n)
	}
}

func TestRunWithoutInput(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	if err := run(t.TempDir(), out, false); err == nil {
		t.Error("no error without input")
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a table was written without input")
	}
}
