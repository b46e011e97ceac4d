package mongotest

import "strings"

// A projection keeps or drops fields. The zero projection keeps all.
type projection struct {
	include bool
	id      bool // keep _id
	root    *projected
}

type projected struct {
	children map[string]*projected // nil: the field itself
}

func parseProjection(spec document) (*projection, error) {
	p := &projection{id: true, root: &projected{children: map[string]*projected{}}}
	decided := false
	if len(spec) <= 5 {
		return p, nil
	}
	if err := p.parse("", spec, &decided); err != nil {
		return nil, err
	}
	if !decided && p.id && field(spec, "_id").Type != 0 {
		p.include = true // {_id: 1}
	}
	return p, nil
}

func (p *projection) parse(prefix string, spec document, decided *bool) error {
	for name, v := range fields(spec) {
		full := prefix + name
		if strings.HasPrefix(name, "$") || strings.Contains(full, ".$") {
			return unmodelled("%s in a projection", name)
		}
		if v.Type == tObject && len(v.Data) > 5 {
			if err := p.parse(full+".", v.Data, decided); err != nil {
				return err
			}
			continue
		}
		if !isNumber(v) && v.Type != tBool {
			return unmodelled("a projection to %s", v)
		}
		keep := truth(v)
		if full == "_id" {
			p.id = keep
			continue
		}
		if *decided && keep != p.include {
			if keep {
				return location(31253, "Cannot do inclusion on field %s in exclusion projection", full)
			}
			return location(31254, "Cannot do exclusion on field %s in inclusion projection", full)
		}
		*decided, p.include = true, keep
		if !p.root.add(splitPath(full)) {
			return location(31249, "Path collision at %s", full)
		}
	}
	return nil
}

func (n *projected) add(path []string) bool {
	child, ok := n.children[path[0]]
	if len(path) == 1 {
		if ok {
			return false
		}
		n.children[path[0]] = &projected{}
		return true
	}
	if !ok {
		child = &projected{children: map[string]*projected{}}
		n.children[path[0]] = child
	}
	return child.children != nil && child.add(path[1:])
}

func (p *projection) apply(doc document) document {
	if p.id && !p.include && len(p.root.children) == 0 {
		return doc
	}
	var list []pair
	for name, v := range fields(doc) {
		if name == "_id" {
			if p.id {
				list = append(list, pair{name, v})
			}
			continue
		}
		if v = p.field(p.root, name, v); v.Type != 0 {
			list = append(list, pair{name, v})
		}
	}
	return build(list...)
}

func (p *projection) field(n *projected, name string, v value) value {
	child, ok := n.children[name]
	switch {
	case !ok && p.include, ok && child.children == nil && !p.include:
		return missing
	case !ok, child.children == nil:
		return v
	}
	return p.below(child, v)
}

func (p *projection) below(n *projected, v value) value {
	switch v.Type {
	case tObject:
		var list []pair
		for name, f := range fields(v.Data) {
			if f = p.field(n, name, f); f.Type != 0 {
				list = append(list, pair{name, f})
			}
		}
		return documentValue(build(list...))
	case tArray:
		var list []value
		for _, e := range fields(v.Data) {
			if e = p.below(n, e); e.Type != 0 {
				list = append(list, e)
			}
		}
		return arrayValue(list...)
	}
	if p.include {
		return missing
	}
	return v
}
