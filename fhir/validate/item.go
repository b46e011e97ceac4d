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
	var all, extensions []item
	for _, from := range []int32{parent.at, parent.ext} {
		if from < 0 {
			continue
		}
		for at := range children(c.t, from) {
			n := &c.t.Nodes[at]
			switch {
			case c.d.Elements[n.Elem].Name != name:
			case n.PrimitiveExt:
				extensions = append(extensions, item{-1, at})
			default:
				all = append(all, item{at, -1})
			}
		}
	}
	if len(extensions) == 0 {
		return all
	}
	return c.paired(all, extensions)
}

// paired gives primitives their extensions. Those of a repeating element belong together
// if they have the same place in their arrays.
func (c *check) paired(all, extensions []item) []item {
	slots := make(map[int]int, len(all))
	for k, slot := range c.slots(all) {
		slots[slot] = k
	}
	for k, slot := range c.slots(extensions) {
		if v, ok := slots[slot]; ok {
			all[v].ext = extensions[k].ext
			continue
		}
		all = append(all, extensions[k])
	}
	return all
}

// slots are the places of values in their array, counted with its nulls.
func (c *check) slots(values []item) []int {
	slots := make([]int, len(values))
	for k, v := range values {
		at := v.node()
		if !c.d.Elements[c.t.Nodes[at].Elem].Array {
			continue
		}
		places, first := c.t.Ahead(at)
		if slots[k] = places; !first && k > 0 {
			slots[k] += slots[k-1]
		}
	}
	return slots
}
