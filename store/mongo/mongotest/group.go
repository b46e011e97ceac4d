package mongotest

// A group is what $group gathers for one _id.
type group struct {
	id     value
	values []value
}

// group is the stage $group with $sum, $min, $max, $first and $last. Groups come
// in the order in which they are met first; the real server has no order.
func (a *aggregation) group(spec value) error {
	if spec.Type != tObject || field(spec.Data, "_id").Type == 0 {
		return location(15955, "a group specification must include an _id")
	}
	docs, err := a.result()
	if err != nil {
		return err
	}
	groups := map[string]*group{}
	var order []*group
	for _, d := range docs {
		id, err := evaluate(field(spec.Data, "_id"), d)
		if err != nil {
			return err
		}
		if id.Type == 0 {
			id = null
		}
		g := groups[encode(id)]
		if g == nil {
			g = &group{id: id}
			groups[encode(id)] = g
			order = append(order, g)
		}
		if err := g.add(spec.Data, d); err != nil {
			return err
		}
	}
	a.docs = nil
	for _, g := range order {
		a.docs = append(a.docs, g.document(spec.Data))
	}
	return nil
}

// add takes one document into the accumulators of the group.
func (g *group) add(spec, doc document) error {
	i := 0
	first := g.values == nil
	for name, accumulator := range fields(spec) {
		if name == "_id" {
			continue
		}
		list := pairs(accumulator.Data)
		if accumulator.Type != tObject || len(list) != 1 {
			return location(40238, "The field '%s' must specify one accumulator", name)
		}
		v, err := evaluate(list[0].v, doc)
		if err != nil {
			return err
		}
		if first {
			g.values = append(g.values, missing)
		}
		if g.values[i], err = accumulate(list[0].name, g.values[i], v, first); err != nil {
			return err
		}
		i++
	}
	if g.values == nil {
		g.values = []value{}
	}
	return nil
}

func accumulate(op string, old, v value, first bool) (value, error) {
	none := v.Type == 0 || v.Type == tNull || v.Type == tUndefined
	switch op {
	case "$sum":
		if first {
			old = intValue(0)
		}
		if !isNumber(v) {
			return old, nil
		}
		return add([]value{old, v})
	case "$first":
		if first {
			return v, nil
		}
		return old, nil
	case "$last":
		return v, nil
	case "$min":
		if !none && (old.Type == 0 || compare(v, old) < 0) {
			return v, nil
		}
		return old, nil
	case "$max":
		if !none && (old.Type == 0 || compare(v, old) > 0) {
			return v, nil
		}
		return old, nil
	}
	return missing, unmodelled("the accumulator %s", op)
}

func (g *group) document(spec document) document {
	list := []pair{{"_id", g.id}}
	i := 0
	for name := range fields(spec) {
		if name == "_id" {
			continue
		}
		v := g.values[i]
		if i++; v.Type == 0 {
			v = null
		}
		list = append(list, pair{name, v})
	}
	return build(list...)
}
