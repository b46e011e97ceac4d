package mongotest

import "slices"

// explain tells how a find would be and was executed, in the shape of 4.4.
func explain(r *request) (document, error) {
	inner := r.field("explain")
	if inner.Type != tObject {
		return nil, failedToParse("explain needs a command")
	}
	sub := &request{server: r.server, conn: r.conn, db: r.db}
	sub.setBody(inner.Data)
	c := r.server.commands[sub.name]
	if sub.name != "find" && sub.name != "count" {
		return nil, unmodelled("explain of %s", sub.name)
	}
	if err := sub.checkFields(&c); err != nil {
		return nil, err
	}
	verbosity, _ := r.field("verbosity").StringValueOK()
	if !slices.Contains([]string{"", "queryPlanner", "executionStats", "allPlansExecution"}, verbosity) {
		return nil, failedToParse("verbosity string must be one of {'queryPlanner', 'executionStats', 'allPlansExecution'}")
	}
	ns, err := sub.ns()
	if err != nil {
		return nil, err
	}
	filter := "filter"
	if sub.name == "count" {
		filter = "query"
	}
	q, err := sub.query(filter)
	if err != nil {
		return nil, err
	}
	p, err := q.plan(r.server.state.collections[ns])
	if err != nil {
		return nil, err
	}
	return p.explain(sub, ns, verbosity != "queryPlanner")
}

func (p *plan) explain(sub *request, ns string, run bool) (document, error) {
	returned := 0
	if p.collection != nil && run {
		found, err := p.run()
		if err != nil {
			return nil, err
		}
		returned = len(found)
	}
	winning := p.stages(sub)
	list := []pair{{"queryPlanner", documentValue(build(pair{"plannerVersion", intValue(1)}, pair{"namespace", stringValue(ns)},
		pair{"indexFilterSet", boolValue(false)}, pair{"winningPlan", winning}, pair{"rejectedPlans", arrayValue()}))}}
	if run {
		list = append(list, pair{"executionStats", documentValue(build(pair{"executionSuccess", boolValue(true)},
			pair{"nReturned", intValue(int32(returned))}, pair{"executionTimeMillis", intValue(0)},
			pair{"totalKeysExamined", intValue(int32(p.keys))}, pair{"totalDocsExamined", intValue(int32(p.docs))},
			pair{"executionStages", winning}))})
	}
	return okay(append(list, pair{"serverInfo", documentValue(build(pair{"version", stringValue(version)}))})...), nil
}

// stages is the plan as a tree of stages.
func (p *plan) stages(sub *request) value {
	stage := p.access()
	wrap := func(name string, more ...pair) {
		stage = documentValue(build(append([]pair{{"stage", stringValue(name)}}, append(more, pair{"inputStage", stage})...)...))
	}
	if len(p.query.sort) > 0 && !p.sorted && p.collection != nil {
		wrap("SORT", pair{"sortPattern", sub.field("sort")})
	}
	if p.query.skip > 0 {
		wrap("SKIP", pair{"skipAmount", longValue(p.query.skip)})
	}
	if p.query.limit > 0 {
		wrap("LIMIT", pair{"limitAmount", longValue(p.query.limit)})
	}
	if len(sub.field("projection").Data) > 5 {
		wrap("PROJECTION_DEFAULT", pair{"transformBy", sub.field("projection")})
	}
	if sub.name == "count" {
		wrap("COUNT")
	}
	return stage
}

// filter is what is left to look at in the documents; a branch of an $or shows none.
func (p *plan) filter() pair {
	if p.query.filter == nil {
		return pair{}
	}
	return pair{"filter", documentValue(p.query.filter)}
}

// access is how the plan comes to its documents.
func (p *plan) access() value {
	switch {
	case p.collection == nil:
		return documentValue(build(pair{"stage", stringValue("EOF")}))
	case p.either != nil:
		var inputs []value
		for _, b := range p.either {
			inputs = append(inputs, b.access())
		}
		return documentValue(build(pair{"stage", stringValue("SUBPLAN")}, pair{"inputStage", documentValue(build(
			pair{"stage", stringValue("OR")}, pair{"inputStages", arrayValue(inputs...)}))}))
	case p.index == nil:
		return documentValue(build(pair{"stage", stringValue("COLLSCAN")}, p.filter(), pair{"direction", stringValue("forward")}))
	}
	direction := "forward"
	if p.backward {
		direction = "backward"
	}
	scan := build(pair{"stage", stringValue("IXSCAN")}, pair{"keyPattern", documentValue(p.index.spec)}, pair{"indexName", stringValue(p.index.name)},
		pair{"isMultiKey", boolValue(len(p.index.multikey) > 0)}, pair{"isUnique", boolValue(p.index.unique)},
		pair{"direction", stringValue(direction)}, pair{"keysExamined", intValue(int32(p.keys))})
	return documentValue(build(pair{"stage", stringValue("FETCH")}, p.filter(), pair{"inputStage", documentValue(scan)}))
}
