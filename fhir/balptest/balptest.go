// Package balptest holds AuditEvents against the rules of IHE BALP and against the code
// systems that they use. It is for tests, is never linked into the binary, and does not
// judge what every AuditEvent of R4 must be: package fhir does.
package balptest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed balp.json
var factsJSON []byte

// facts are what BALP says; balp.json names the source.
type facts struct {
	URL      string
	Profiles map[string]profile
	Codes    map[string][]string
}

type profile struct {
	Base, Type, Action, Outcome string
	Subtype                     []string // one of them, once
	Agents, Entities            *slicing
}

type slicing struct {
	Min    int
	Slices []slice
}

// slice is the elements whose type has one of the codes.
type slice struct {
	Name           string
	Types          []string
	Min, Max       int
	Needs, Without []string // paths
	Roles          []string // of an entity that has a role
	Target         string   // resource type of what
	Requestor      bool     // must be true
}

// element is a JSON object.
type element = map[string]any

// Check returns the profile that an AuditEvent claims, such as "PatientRead" or "", and
// what is wrong with the event.
func Check(event []byte) (claim string, faults []string) {
	var f facts
	if err := json.Unmarshal(factsJSON, &f); err != nil {
		return "", []string{err.Error()}
	}
	var e element
	if err := json.Unmarshal(event, &e); err != nil {
		return "", []string{err.Error()}
	}
	faults = append(f.codes(e), failure(e)...)
	for _, url := range texts(at(e, "meta.profile")) {
		name, ok := strings.CutPrefix(url, f.URL)
		if _, known := f.Profiles[name]; !ok || !known {
			return url, append(faults, "no such profile: "+url)
		}
		claim = name
		faults = append(faults, f.check(e, name)...)
	}
	return claim, faults
}

// check holds an event against a profile and what that is derived from.
func (f *facts) check(e element, name string) (faults []string) {
	p := f.Profiles[name]
	if p.Base != "" {
		faults = f.check(e, p.Base)
	}
	say := func(format string, args ...any) { faults = append(faults, name+": "+fmt.Sprintf(format, args...)) }
	if got := codes(e["type"]); p.Type != "" && !slices.Contains(got, p.Type) {
		say("type %v", got)
	}
	if n := count(list(e["subtype"]), p.Subtype); p.Subtype != nil && n != 1 {
		say("%d subtypes of %v", n, p.Subtype)
	}
	for element, want := range map[string]string{"action": p.Action, "outcome": p.Outcome} {
		if want != "" && e[element] != want {
			say("%s %v, want %s", element, e[element], want)
		}
	}
	for path, s := range map[string]*slicing{"agent": p.Agents, "entity": p.Entities} {
		if s != nil {
			faults = append(faults, s.check(name+"."+path, list(e[path]))...)
		}
	}
	return faults
}

func count(codings []any, want []string) (n int) {
	for _, c := range codings {
		if slices.ContainsFunc(codes(c), func(code string) bool { return slices.Contains(want, code) }) {
			n++
		}
	}
	return n
}

func (s *slicing) check(path string, elements []any) (faults []string) {
	if len(elements) < s.Min {
		faults = append(faults, fmt.Sprintf("%s: %d, want %d", path, len(elements), s.Min))
	}
	for _, slice := range s.Slices {
		n := 0
		for _, el := range elements {
			e, _ := el.(element)
			if count([]any{e["type"]}, slice.Types) == 0 {
				continue
			}
			n++
			faults = append(faults, slice.check(path+":"+slice.Name, e)...)
		}
		if n < slice.Min || n > slice.Max {
			faults = append(faults, fmt.Sprintf("%s:%s: %d, want %d to %d", path, slice.Name, n, slice.Min, slice.Max))
		}
	}
	return faults
}

func (s *slice) check(path string, e element) (faults []string) {
	for _, need := range s.Needs {
		if at(e, need) == nil {
			faults = append(faults, path+" has no "+need)
		}
	}
	for _, forbidden := range s.Without {
		if at(e, forbidden) != nil {
			faults = append(faults, path+" has "+forbidden)
		}
	}
	if role := e["role"]; s.Roles != nil && role != nil && count([]any{role}, s.Roles) == 0 {
		faults = append(faults, fmt.Sprintf("%s has role %v", path, role))
	}
	if ref, _ := at(e, "what.reference").(string); s.Target != "" && !strings.HasPrefix(ref, s.Target+"/") {
		faults = append(faults, path+" is "+ref)
	}
	if s.Requestor && e["requestor"] != true {
		faults = append(faults, path+" is no requestor")
	}
	return faults
}

// failure holds every event to what BALP says of those that are no success: they claim no
// profile, and have an OperationOutcome.
func failure(e element) (faults []string) {
	outcomes := 0
	for _, el := range list(e["entity"]) {
		if slices.Contains(codes(el.(element)["type"]), "http://hl7.org/fhir/resource-types#OperationOutcome") {
			outcomes++
		}
	}
	switch failed := e["outcome"] != "0"; {
	case failed && at(e, "meta.profile") != nil:
		faults = append(faults, "a failure claims a profile of successes")
	case failed != (outcomes == 1), failed != (len(list(e["contained"])) == 1):
		faults = append(faults, fmt.Sprintf("outcome %v with %d OperationOutcomes", e["outcome"], outcomes))
	}
	return faults
}

// codes are the codes outside the code systems that they claim to be of.
func (f *facts) codes(v any) (faults []string) {
	switch v := v.(type) {
	case element:
		system, _ := v["system"].(string)
		code, _ := v["code"].(string)
		if known := f.Codes[system]; known != nil && !slices.Contains(known, code) {
			faults = append(faults, "no code of "+system+": "+code)
		}
		for _, inner := range v {
			faults = append(faults, f.codes(inner)...)
		}
	case []any:
		for _, inner := range v {
			faults = append(faults, f.codes(inner)...)
		}
	}
	return faults
}

// codes are the codes of a Coding or CodeableConcept, as system#code.
func codes(v any) (all []string) {
	e, _ := v.(element)
	for _, c := range append(list(e["coding"]), v) {
		coding, _ := c.(element)
		system, _ := coding["system"].(string)
		if code, ok := coding["code"].(string); ok {
			all = append(all, system+"#"+code)
		}
	}
	return all
}

// at is the value at a path, nil if there is none.
func at(e element, path string) any {
	first, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		return e[first]
	}
	inner, _ := e[first].(element)
	return at(inner, rest)
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func texts(v any) (all []string) {
	for _, t := range list(v) {
		s, _ := t.(string)
		all = append(all, s)
	}
	return all
}
