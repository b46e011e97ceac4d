package search

import (
	"slices"
	"strings"
)

// inner is a resource inside the one that is read, to which a reference parameter of it
// leads.
type inner struct {
	param *planParam
	at    int32
}

// contained notes the contained resource with an id, if it is of a type, "" for any.
func (x *extractor) contained(p *planParam, only string, id []byte) {
	for _, i := range x.Marked {
		n := &x.Nodes[i]
		if n.Parent == x.root && n.Elem >= 0 && x.d.Elements[n.Elem].Name == "contained" && string(x.child(i, roleID)) == string(id) {
			x.look(p, only, i)
			return
		}
	}
}

// look notes a resource inside, once. What is inside that is not looked into.
func (x *extractor) look(p *planParam, only string, at int32) {
	typ := x.d.Types[x.Nodes[at].Type].Name
	if only != "" && typ != only {
		return
	}
	if x.root == 0 && slices.Contains(p.targets, typ) && !slices.Contains(x.inner, inner{p, at}) {
		x.inner = append(x.inner, inner{p, at})
	}
}

// follow adds the keys of what was noted. Each is read by an extractor of its own, for it is
// of another type.
func (x *extractor) follow(to *Index) error {
	for _, in := range x.inner {
		one := extractors.Get().(*extractor)
		one.reset(x.Tape, x.base)
		one.limit, one.root = x.limit, in.at
		one.resource(one.root, false)
		index, err := one.all()
		one.release()
		if err != nil {
			return err
		}
		to.add(in.param.name+"."+x.d.Types[x.Nodes[in.at].Type].Name, index)
	}
	return nil
}

// add adds the keys of a resource inside: those of medication.Medication begin with that and
// a dot. Its id and labels mean nothing outside, and nothing sorts by it.
func (x *Index) add(param string, one *Index) {
	prefix := param + "."
	x.Keys = append(x.Keys, insideKey(param))
	for _, k := range one.Keys {
		if !strings.HasPrefix(k, "_id"+string(opToken)) && !strings.HasPrefix(k, "¤") {
			x.Keys = append(x.Keys, prefix+k)
		}
	}
	for _, d := range one.Dates {
		x.Dates = append(x.Dates, DateRange{prefix + d.Param, d.Lo, d.Hi})
	}
	for _, n := range one.Numbers {
		x.Numbers = append(x.Numbers, NumberRange{prefix + n.Param, n.Lo, n.Hi})
	}
	slices.Sort(x.Keys)
	x.Keys = slices.Compact(x.Keys)
}

// insideKey is the key of what has a resource inside.
func insideKey(param string) string { return param + string(opReference) }
