package server

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/web"
)

// scopeOffline asks for access when the user has left.
const scopeOffline = "offline_access"

// scopeOf is a scope on data; ok is false for others.
func scopeOf(text string) (sc agent.Scope, ok bool) {
	list, err := agent.ParseScopes(text)
	if err != nil || len(list) != 1 {
		return sc, false
	}
	return list[0], true
}

// data are the scopes on data that the app asks for, as the page shows them.
func (p *consent) data() (all []web.DataChoice) {
	for n, text := range p.request.Scopes {
		sc, ok := scopeOf(text)
		if !ok {
			continue
		}
		choice := web.DataChoice{Choice: web.Choice{
			ID: strconv.Itoa(n), Value: text, Words: web.Kind(sc.Type) + restriction(text), Hint: web.Actions(sc.Actions) + ", " + web.Whose(sc.Context),
			Chosen: p.form == nil || slices.Contains(p.form["scope"], text),
		}}
		name := onlyName(n)
		for k, narrower := range narrowings(text, sc) {
			one := web.Choice{ID: strconv.Itoa(n) + "-" + strconv.Itoa(k), Name: name, Value: narrower.scope, Words: narrower.words, Chosen: slices.Contains(p.form[name], narrower.scope)}
			choice.Narrowed = choice.Narrowed || one.Chosen
			choice.Categories = append(choice.Categories, one)
		}
		all = append(all, choice)
	}
	return all
}

func onlyName(n int) string { return "only-" + strconv.Itoa(n) }

// restriction is the search of a granular scope.
func restriction(text string) string {
	if _, query, ok := strings.Cut(text, "?"); ok {
		return ", only where " + query
	}
	return ""
}

// narrower is a scope that allows less than another.
type narrower struct{ scope, words string }

// common are the kinds of data to which a scope on all kinds can be narrowed.
func common() []string {
	return []string{
		"AllergyIntolerance", "CarePlan", "CareTeam", "Condition", "Coverage", "Device", "DiagnosticReport", "DocumentReference", "Encounter", "Goal",
		"Immunization", "MedicationRequest", "Observation", "Patient", "Procedure", "ServiceRequest",
	}
}

const (
	observationCategory = "http://terminology.hl7.org/CodeSystem/observation-category|"
	conditionCategory   = "http://terminology.hl7.org/CodeSystem/condition-category|"
)

// categories of a type, as code systems of R4 name them.
var categories = map[string][]narrower{
	"Observation": {
		{observationCategory + "vital-signs", "Vital signs"}, {observationCategory + "laboratory", "Laboratory results"}, {observationCategory + "social-history", "Social history"},
		{observationCategory + "survey", "Questionnaires"}, {observationCategory + "imaging", "Imaging"}, {observationCategory + "exam", "Examinations"},
	},
	"Condition": {
		{conditionCategory + "problem-list-item", "Problem list"}, {conditionCategory + "encounter-diagnosis", "Diagnoses of visits"},
	},
}

// narrowings are what a scope on a whole type, or on all, can be narrowed to, as far as the
// server can hold an app to it.
func narrowings(text string, sc agent.Scope) (some []narrower) {
	if strings.Contains(text, "?") {
		return nil
	}
	if sc.Type == "*" {
		for _, typ := range common() {
			some = append(some, narrower{sc.Context + "/" + typ + "." + sc.Actions, web.Kind(typ)})
		}
		return some
	}
	for _, category := range categories[sc.Type] {
		scope := sc.Context + "/" + sc.Type + "." + sc.Actions + "?category=" + category.scope
		if _, ok := scopeOf(scope); ok {
			some = append(some, narrower{scope, category.words})
		}
	}
	return some
}

// chosenData are the scopes on data that are ticked, narrowed as they are. What the form
// says is looked for among what the page offers: it cannot widen anything.
func (p *consent) chosenData() (some []string) {
	for _, choice := range p.data() {
		if !choice.Chosen {
			continue
		}
		if !choice.Narrowed {
			some = append(some, choice.Value)
			continue
		}
		for _, c := range choice.Categories {
			if c.Chosen {
				some = append(some, c.Value)
			}
		}
	}
	return some
}

func (p *consent) wantsData() bool { return len(p.data()) > 0 }

// chosenScopes are those beside data, and the chosen ones.
func (p *consent) chosenScopes() (some []string) {
	for _, text := range p.request.Scopes {
		if _, ok := scopeOf(text); ok || text == scopeOffline && !slices.Contains(p.form["scope"], scopeOffline) {
			continue
		}
		some = append(some, text)
	}
	return append(some, p.chosenData()...)
}

// inWords says what a scope on data allows, "" for others.
func inWords(text string) string {
	sc, ok := scopeOf(text)
	if !ok {
		return ""
	}
	return web.Kind(sc.Type) + restriction(text) + ": " + web.Actions(sc.Actions)
}
