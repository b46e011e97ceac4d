package narrow

import (
	"maps"
	"reflect"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// share spares the evaluation of what both revisions have in common. Where the decision is
// the value of a rule that a change does not touch, nor anything that the rule rests on,
// that value is one for both: something else can stand for it.
func share(before, after *parsed) {
	if !reflect.DeepEqual(before.document, after.document) || !before.alone() || !after.alone() {
		return
	}
	old, next := before.names(), after.names()
	changed := map[string]bool{}
	for name := range old {
		changed[name] = !slices.Equal(texts(old[name]), texts(next[name]))
	}
	for name := range next {
		changed[name] = changed[name] || old[name] == nil
	}
	for grown := true; grown; {
		grown = false
		for name, rules := range old {
			if !changed[name] && name != decision && restsOn(rules, changed) {
				changed[name], grown = true, true
			}
		}
	}
	if changed[decision] {
		return
	}
	for _, r := range slices.Concat(old[decision], next[decision]) {
		if name, ok := r.Head.Value.Value.(ast.Var); ok && old[string(name)] != nil && !changed[string(name)] {
			r.Head.Value = standing.Copy()
		}
	}
}

const decision = "decision"

// standing stands for a value that both revisions have in common.
var standing = ast.MustParseTerm(`{"allow": true, "reason": "local-permit", "consent": "none"}`)

// parsed is a revision before it is compiled.
type parsed struct {
	modules  map[string]*ast.Module
	document map[string]any
}

// alone says whether all rules are in the package of the decision.
func (p *parsed) alone() bool {
	for _, m := range p.modules {
		if m.Package.Path.String() != "data.aceso.access" || len(m.Imports) > 0 {
			return false
		}
	}
	return true
}

// names are all rules, by name.
func (p *parsed) names() map[string][]*ast.Rule {
	all := map[string][]*ast.Rule{}
	for _, file := range slices.Sorted(maps.Keys(p.modules)) {
		for _, r := range p.modules[file].Rules {
			name := r.Head.Ref()[0].Value.String()
			all[name] = append(all[name], r)
		}
	}
	return all
}

func texts(rules []*ast.Rule) (all []string) {
	for _, r := range rules {
		all = append(all, r.String())
	}
	slices.Sort(all)
	return all
}

// restsOn says whether rules name something that is changed, by its name or by a path.
func restsOn(rules []*ast.Rule, changed map[string]bool) (rests bool) {
	for _, r := range rules {
		ast.NewGenericVisitor(func(x any) bool {
			switch x := x.(type) {
			case ast.Var:
				rests = rests || changed[string(x)]
			case ast.String:
				rests = rests || changed[string(x)]
			}
			return rests
		}).Walk(r)
	}
	return rests
}
