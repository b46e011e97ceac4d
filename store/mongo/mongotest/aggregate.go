package mongotest

// aggregate counts documents, as the driver's CountDocuments asks for it: [$match,] then
// $group with a constant _id and one $sum of 1, or $count. It models no other pipeline.
func aggregate(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	if r.field("cursor").Type != tObject {
		return nil, failedToParse("The 'cursor' option is required, except for aggregate with the explain argument")
	}
	col, err := r.collection(ns)
	if err != nil {
		return nil, err
	}
	stages := r.elements("pipeline")
	filter := missing
	if len(stages) > 0 {
		if filter = field(stages[0].Data, "$match"); filter.Type != 0 {
			stages = stages[1:]
		}
	}
	if len(stages) != 1 {
		return nil, unmodelled("the pipeline %s", r.field("pipeline"))
	}
	id, name, err := counted(stages[0])
	if err != nil {
		return nil, err
	}
	q, err := newQuery(filter, r.field("hint"))
	if err != nil {
		return nil, err
	}
	var docs []value
	err = r.unlocked(func() error {
		hits, err := q.find(col)
		if n := len(hits); n > 0 {
			docs = []value{documentValue(build(pair{"_id", id}, pair{name, intValue(int32(n))}))}
		}
		return err
	})
	return okay(pair{"cursor", documentValue(build(pair{"firstBatch", arrayValue(docs...)}, pair{"id", longValue(0)}, pair{"ns", stringValue(ns)}))}), err
}

// counted reads a stage that counts: the _id of its one document, and the field of the
// number.
func counted(stage value) (id value, name string, err error) {
	list := pairs(stage.Data)
	if len(list) == 1 && list[0].name == "$count" && list[0].v.Type == tString {
		return missing, list[0].v.StringValue(), nil
	}
	group := pairs(field(stage.Data, "$group").Data)
	if len(list) == 1 && len(group) == 2 && group[0].name == "_id" && constant(group[0].v) && encode(group[1].v) == encode(countOne) {
		return group[0].v, group[1].name, nil
	}
	return missing, "", unmodelled("the stage %s", stage)
}

// constant says whether an expression stands for itself.
func constant(e value) bool { return isNumber(e) || e.Type == tNull }

var countOne = documentValue(build(pair{"$sum", intValue(1)}))
