package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

type valueSet struct {
	URL     string
	Compose struct{ Include, Exclude []include }
}

type include struct {
	System   string
	Concept  []concept
	Filter   []struct{}
	ValueSet []string
}

type codeSystem struct {
	URL, Content string
	Concept      []concept
}

type concept struct {
	Code    string
	Concept []concept
}

// codes are the value sets, and the numbers of those already written.
type codes struct {
	sets    map[string]valueSet
	systems map[string]codeSystem
	written map[string]string
}

func readCodes(dir string) (*codes, error) {
	c := &codes{map[string]valueSet{}, map[string]codeSystem{}, map[string]string{}}
	for _, file := range []string{"valuesets.json", "v3-codesystems.json", "v2-tables.json"} {
		sets, err := bundle[valueSet](dir, file, "ValueSet")
		if err != nil {
			return nil, err
		}
		for _, s := range sets {
			c.sets[s.URL] = s
		}
		systems, err := bundle[codeSystem](dir, file, "CodeSystem")
		if err != nil {
			return nil, err
		}
		for _, s := range systems {
			c.systems[s.URL] = s
		}
	}
	return c, nil
}

// write writes the codes of a value set, once, and returns its number, or "" if the
// set cannot be enumerated (languages, media types, units, currencies).
func (c *codes) write(t *table, url string) string {
	url, _, _ = strings.Cut(url, "|")
	if n, ok := c.written[url]; ok {
		return n
	}
	n := ""
	if bySystem, ok := c.enumerate(url); ok {
		n = strconv.Itoa(len(c.written))
		t.line("V", n, lastSegment(url))
		for _, system := range slices.Sorted(maps.Keys(bySystem)) {
			t.line("S", system, strings.Join(bySystem[system], " "))
		}
	}
	c.written[url] = n
	return n
}

// enumerate lists the codes of a value set by system, sorted.
func (c *codes) enumerate(url string) (map[string][]string, bool) {
	set, ok := c.sets[url]
	if !ok || len(set.Compose.Exclude) > 0 || len(set.Compose.Include) == 0 {
		return nil, false
	}
	all := map[string][]string{}
	for _, in := range set.Compose.Include {
		some, ok := c.included(in)
		if !ok {
			return nil, false
		}
		for system, list := range some {
			list = append(all[system], list...)
			slices.Sort(list)
			all[system] = slices.Compact(list)
		}
	}
	return all, true
}

func (c *codes) included(in include) (map[string][]string, bool) {
	switch {
	case len(in.Filter) > 0:
		return nil, false
	case len(in.ValueSet) == 1 && in.System == "":
		return c.enumerate(in.ValueSet[0])
	case len(in.ValueSet) > 0:
		return nil, false
	case len(in.Concept) > 0:
		return map[string][]string{in.System: flatten(in.Concept)}, true
	}
	s := c.systems[in.System]
	return map[string][]string{in.System: flatten(s.Concept)}, s.Content == "complete" && len(s.Concept) > 0
}

func flatten(list []concept) []string {
	var all []string
	for _, c := range list {
		all = append(append(all, c.Code), flatten(c.Concept)...)
	}
	return all
}
