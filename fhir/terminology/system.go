package terminology

import (
	"slices"
	"strings"
)

// system is a CodeSystem as a graph.
type system struct {
	*CodeSystem
	nodes  []node           // in the order of the resource
	codes  map[string]int32 // code -> place in nodes
	folded map[string]int32 // the same in lower case, if case does not matter
	edges  map[[2]int32]bool
}

type node struct {
	*Concept
	parents, children  []int32
	abstract, inactive bool
}

func newSystem(cs *CodeSystem) *system {
	s := &system{CodeSystem: cs, codes: map[string]int32{}, edges: map[[2]int32]bool{}}
	s.add(cs.Concept, -1)
	for i := range s.nodes {
		s.properties(int32(i))
	}
	s.edges = nil
	if cs.CaseSensitive != nil && !*cs.CaseSensitive {
		s.folded = map[string]int32{}
		for i := range s.nodes {
			s.folded[strings.ToLower(s.nodes[i].Code)] = int32(i)
		}
	}
	return s
}

// add adds concepts below a parent, -1 for none.
func (s *system) add(list []Concept, parent int32) {
	for i := range list {
		at, known := s.codes[list[i].Code]
		if !known {
			at = int32(len(s.nodes))
			s.codes[list[i].Code] = at
			s.nodes = append(s.nodes, node{Concept: &list[i]})
		}
		if parent >= 0 {
			s.link(parent, at)
		}
		s.add(list[i].Concept, at)
	}
}

func (s *system) link(parent, child int32) {
	edge := [2]int32{parent, child}
	if parent == child || s.edges[edge] {
		return
	}
	s.edges[edge] = true
	s.nodes[child].parents = append(s.nodes[child].parents, parent)
	s.nodes[parent].children = append(s.nodes[parent].children, child)
}

// properties applies those that say something about the place or the use of a concept.
func (s *system) properties(i int32) {
	for k := range s.nodes[i].Property {
		p := &s.nodes[i].Property[k]
		other, known := s.codes[p.text()]
		switch p.Code {
		case "parent", "subsumedBy":
			if known {
				s.link(other, i)
			}
		case "child":
			if known {
				s.link(i, other)
			}
		case "notSelectable", "abstract":
			s.nodes[i].abstract = p.text() == "true"
		case "inactive":
			s.nodes[i].inactive = s.nodes[i].inactive || p.text() == "true"
		case "status":
			s.nodes[i].inactive = s.nodes[i].inactive || slices.Contains([]string{"retired", "deprecated", "inactive"}, p.text())
		}
	}
}

// find gives the place of a code.
func (s *system) find(code string) (int32, bool) {
	i, ok := s.codes[code]
	if !ok && s.folded != nil {
		i, ok = s.folded[strings.ToLower(code)]
	}
	return i, ok
}

// complete says whether a code that is not there does not exist.
func (s *system) complete() bool { return s.Content == "complete" || s.Content == "" }

// related marks a node and all that edges lead to from it.
func (s *system) related(from int32, edges func(*node) []int32) []bool {
	marked := make([]bool, len(s.nodes))
	todo := []int32{from}
	marked[from] = true
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, next := range edges(&s.nodes[i]) {
			if !marked[next] {
				marked[next] = true
				todo = append(todo, next)
			}
		}
	}
	return marked
}

func below(n *node) []int32 { return n.children }
func above(n *node) []int32 { return n.parents }

// entry is a node as it stands in expansions.
func (s *system) entry(i int32) Entry {
	n := &s.nodes[i]
	return Entry{
		Coding:   Coding{System: s.URL, Version: s.Version, Code: n.Code, Display: n.Display},
		Abstract: n.abstract, Inactive: n.inactive, Designation: n.Designation,
	}
}
