package narrow

import (
	"cmp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/aceso-health/aceso/agent"
)

// Scopes are a list, of which there are too many. Policies that look at them by the
// function contexts alone, as the built-in ones do, see of the list only this: for a type
// and an action, in which contexts some scope covers it. So the function is replaced by
// one that looks that up, and each such fact is chosen by itself.

// scopesOf is the function that may look at scopes, and what stands for it in a proof.
const (
	scopesOf = `package aceso.access
contexts(type, action) := {scope.context |
	some scope in input.agent.scopes
	scope.type in {type, "*"}
	contains(scope.actions, action)
	fits(scope.context)
}`
	coversOf = `package aceso.access
contexts(type, action) := {context |
	some context in ["patient", "system", "user"]
	fits(context)
	input.agent.covered[type][action][context]
}`
)

// replaceScopes replaces the function in modules, where it is the known one.
func replaceScopes(modules map[string]*ast.Module) error {
	options := ast.ParserOptions{RegoVersion: ast.RegoV1}
	known, err := ast.ParseModuleWithOpts("scopes", scopesOf, options)
	if err != nil {
		return err
	}
	instead, err := ast.ParseModuleWithOpts("covers", coversOf, options)
	if err != nil {
		return err
	}
	for _, m := range modules {
		for i, r := range m.Rules {
			if m.Package.Equal(known.Package) && r.Equal(known.Rules[0]) {
				found := instead.Rules[0].Copy()
				found.Module, m.Rules[i] = m, found
			}
		}
	}
	return nil
}

// coversRef is what the function looks up.
var coversRef = ast.MustParseRef("input.agent.covered")

func covered(ref ast.Ref) bool { return ref.HasPrefix(coversRef) && len(ref) == 6 }

// fact is that some scope covers an action on a type in a context. typ is "" for that of
// the request, "*" for all.
type fact struct{ typ, action, context string }

const letters = "cruds"

// scopesFor are scopes of which just these facts hold, about a type; ok is false if there
// are none: what covers all types covers each, and what covers anything some action.
func scopesFor(facts map[fact]bool, about string) (scopes []agent.Scope, ok bool) {
	settled, ok := settle(facts, cmp.Or(about, "*"))
	if !ok {
		return nil, false
	}
	for f, holds := range settled {
		if !holds {
			continue
		}
		letter := f.action
		if letter == "" {
			letter = anyLetter(f, settled)
		}
		if letter == "" || !alone(fact{f.typ, letter, f.context}, settled) {
			return nil, false
		}
		scopes = append(scopes, agent.Scope{Context: f.context, Type: f.typ, Actions: letter})
	}
	slices.SortFunc(scopes, func(a, b agent.Scope) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(scopes), true
}

// settle names the type of the request; a fact that is then said twice must be one.
func settle(facts map[fact]bool, about string) (map[fact]bool, bool) {
	settled := map[fact]bool{}
	for f, holds := range facts {
		f.typ = cmp.Or(f.typ, about)
		if other, twice := settled[f]; twice && other != holds {
			return nil, false
		}
		settled[f] = holds
	}
	return settled, true
}

// alone says whether a scope makes nothing true that is to be false.
func alone(s fact, facts map[fact]bool) bool {
	for f, holds := range facts {
		covers := f.context == s.context && (f.typ == s.typ || s.typ == "*") && (f.action == s.action || f.action == "")
		if covers && !holds {
			return false
		}
	}
	return true
}

// anyLetter is an action by which a fact can hold that needs none of its own.
func anyLetter(f fact, facts map[fact]bool) string {
	for _, letter := range strings.Split(letters, "") {
		if alone(fact{f.typ, letter, f.context}, facts) {
			return letter
		}
	}
	return ""
}
