package consent

import (
	"slices"
	"strings"
)

// Kin tells callers apart as far as Consents do: what is foreseen for two callers with the
// same key is the same, if they ask the same.
type Kin struct {
	refs    map[string]bool // that Consents name as actors
	systems []string        // of identifiers that Consents name
}

// KinOf looks through all Consents. ok is false if some of them are not known any more.
func KinOf(shapes []*Shape) (k *Kin, ok bool) {
	k = &Kin{refs: map[string]bool{}}
	for _, p := range shapes {
		for _, m := range p.models {
			if m.rules == nil {
				return nil, false
			}
			k.provision(m.rules.root)
		}
	}
	return k, true
}

func (k *Kin) provision(p *provision) {
	if p == nil {
		return
	}
	if p.actors != nil {
		for _, ref := range p.actors.refs.few {
			k.refs[ref] = true
			if system, _, identifier := strings.Cut(ref, "|"); identifier && !slices.Contains(k.systems, system) {
				k.systems = append(k.systems, system)
			}
		}
	}
	for _, child := range p.children {
		k.provision(child)
	}
}

// Key is what Consents can see of who a caller is.
func (k *Kin) Key(s *Subject) string {
	parts := []string{"", "", "", strings.Join(s.Open, " ")}
	for _, ref := range s.Actors {
		if k.refs[ref] {
			parts[0] += " " + ref
		}
		if system, _, identifier := strings.Cut(ref, "|"); identifier && slices.Contains(k.systems, system) && !strings.Contains(parts[2], " "+system+"|") {
			parts[2] += " " + system + "|"
		}
	}
	for _, ref := range s.Possible {
		if k.refs[ref] {
			parts[1] += " " + ref
		}
	}
	if s.person() {
		parts = append(parts, "person")
	}
	if len(s.Actors) == 0 {
		parts = append(parts, "nobody")
	}
	return strings.Join(parts, "\n")
}
