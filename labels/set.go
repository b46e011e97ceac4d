package labels

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Set is a set of codes, and the labels of the resources that have one of them.
type Set struct {
	Name    string   `json:"name"`
	Version int      `json:"version,omitempty"`
	Title   string   `json:"title,omitempty"`
	Sources []string `json:"sources,omitempty"` // where the facts are from
	Rules   []Rule   `json:"rules"`
}

// Rule gives labels to what has one of some codes, or is of one of some types.
type Rule struct {
	Labels []string `json:"labels"` // sensitivities of v3-ActCode, or others as system|code
	Types  []string `json:"types,omitempty"`
	Codes  []Codes  `json:"codes,omitempty"`
}

// Codes are some of a few code systems that have the same codes.
type Codes struct {
	Systems []string `json:"systems"`
	// Are are single codes.
	Are []string `json:"are,omitempty"`
	// Within are codes and all that begin with them (F20), or ranges of these (F20-F99). Dots
	// do not count.
	Within []string `json:"within,omitempty"`
}

// Choice is which rules a house wants.
type Choice struct {
	Sets []string `json:"sets,omitempty"` // names of built-in ones
	Own  []Set    `json:"own,omitempty"`
}

// The row in which a choice is kept.
const (
	Space = "label"
	Key   = "rules"
)

// The bounds of a choice: beyond its bytes, see kept.
const (
	MostSets  = 50
	MostCodes = 10_000 // codes and ranges of all sets of the house's own
)

//go:embed sets.json
var builtIn []byte

// BuiltIn are the sets that the server brings.
func BuiltIn() []Set {
	var all []Set
	if err := json.Unmarshal(builtIn, &all); err != nil { // a test reads them
		return nil
	}
	return all
}

// ParseChoice reads a choice, and refuses what would label nothing, or not as meant.
func ParseChoice(text []byte) (c Choice, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("read the sets of labels: %w", err)
	}
	_, err = c.rules()
	return c, err
}

// rules are all sets of a choice.
func (c *Choice) rules() (all []Set, err error) {
	brought, codes := BuiltIn(), 0
	seen := map[string]bool{}
	for _, name := range c.Sets {
		i := slices.IndexFunc(brought, func(s Set) bool { return s.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no built-in set %q", name)
		}
		all = append(all, brought[i])
	}
	for _, own := range c.Own {
		if slices.ContainsFunc(brought, func(s Set) bool { return s.Name == own.Name }) {
			return nil, fmt.Errorf("the name %q is that of a built-in set", own.Name)
		}
		n, err := own.check()
		if err != nil {
			return nil, fmt.Errorf("set %q: %w", own.Name, err)
		}
		codes += n
		all = append(all, own)
	}
	for _, s := range all {
		if seen[s.Name] {
			return nil, fmt.Errorf("the set %q is named twice", s.Name)
		}
		seen[s.Name] = true
	}
	switch {
	case len(all) > MostSets:
		return nil, fmt.Errorf("more than %d sets", MostSets)
	case codes > MostCodes:
		return nil, fmt.Errorf("more than %d codes and ranges in sets of the house's own", MostCodes)
	}
	return all, nil
}

// check refuses a set that is not understood, and counts its codes.
func (s *Set) check() (codes int, err error) {
	if s.Name == "" || len(s.Name) > 64 || len(s.Rules) == 0 {
		return 0, errors.New("a set needs a name of up to 64 bytes, and rules")
	}
	for i := range s.Rules {
		n, err := s.Rules[i].check()
		if err != nil {
			return 0, fmt.Errorf("rules[%d]: %w", i, err)
		}
		codes += n
	}
	return codes, nil
}

func (r *Rule) check() (codes int, err error) {
	if len(r.Labels) == 0 {
		return 0, errors.New("no labels")
	}
	for _, word := range r.Labels {
		if _, err := Sensitivity(word); err != nil {
			return 0, err
		}
	}
	for _, of := range r.Codes {
		if len(of.Systems) == 0 || slices.Contains(of.Systems, "") || len(of.Are)+len(of.Within) == 0 || slices.Contains(of.Are, "") {
			return 0, errors.New("codes need systems, and codes or ranges")
		}
		for _, text := range of.Within {
			if from, to := span(text); from == "" || to == "" || len(from) != len(to) && from != to || from > to {
				return 0, fmt.Errorf("%q is neither the beginning of codes nor a range like F20-F99", text)
			}
		}
		codes += (len(of.Are) + len(of.Within)) * len(of.Systems)
	}
	if codes == 0 && len(r.Types) == 0 {
		return 0, errors.New("neither codes nor types")
	}
	return codes, nil
}

// span is a range: codes that begin with from, to, or what is between them.
func span(text string) (from, to string) {
	from, to, is := strings.Cut(undotted(text), "-")
	if !is {
		return from, from
	}
	return from, to
}

// undotted writes a code as some write it: without dots.
func undotted(code string) string { return strings.ToUpper(strings.ReplaceAll(code, ".", "")) }
