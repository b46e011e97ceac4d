package validate

// item is one value of an element: its node, and for a primitive that of its extensions;
// -1 for what it has not.
type item struct{ at, ext int32 }

// node is one that tells the place.
func (i item) node() int32 {
	if i.at >= 0 {
		return i.at
	}
	return i.ext
}

// items are the values of an element of a value.
func (c *check) items(parent item, name string) []item {
	var all []item
	var extensions []int32
	for _, from := range []int32{parent.at, parent.ext} {
		if from < 0 {
			continue
		}
		for at := range children(c.t, from) {
			n := &c.t.Nodes[at]
			switch {
			case c.d.Elements[n.Elem].Name != name:
			case n.PrimitiveExt:
				extensions = append(extensions, at)
			default:
				all = append(all, item{at, -1})
			}
		}
	}
	return c.paired(all, extensions)
}

// paired gives primitives their extensions. Those of a repeating element belong together
// if they have the same place in their arrays.
func (c *check) paired(all []item, extensions []int32) []item {
	if len(extensions) == 0 {
		return all
	}
	slots := make(map[int]int, len(all))
	for k := range all {
		slots[c.slot(all[k].at)] = k
	}
	for _, ext := range extensions {
		if k, ok := slots[c.slot(ext)]; ok {
			all[k].ext = ext
			continue
		}
		all = append(all, item{-1, ext})
	}
	return all
}

// slot is the place in an array. To find it costs as much as there are values before it.
func (c *check) slot(at int32) int {
	n := &c.t.Nodes[at]
	if !c.d.Elements[n.Elem].Array {
		return 0
	}
	c.checks += int(at - n.Parent)
	if !c.spend() {
		return 0
	}
	return c.t.Slot(at)
}
