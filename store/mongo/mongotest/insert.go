package mongotest

import (
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

func insert(r *request) (document, error) {
	ns, err := r.ns()
	if err != nil {
		return nil, err
	}
	b, err := r.statements(r.elements("documents"), func(v value) (statement, error) {
		doc, err := r.newDocument(v.Data)
		if err != nil {
			return statement{}, err
		}
		err = r.write(ns, func(view *view) error { return view.write(change{ns: ns, after: doc}) })
		if err != nil {
			return statement{}, err
		}
		return statement{n: 1}, nil
	})
	if err != nil {
		return nil, err
	}
	return b.reply(false), nil
}

// newDocument checks a document to be inserted and puts _id first.
func (r *request) newDocument(doc document) (document, error) {
	if len(doc) > maxDocument {
		return nil, badValue("object to insert too large. size in bytes: %d, max size: %d", len(doc), maxDocument)
	}
	for name := range fields(doc) {
		if name != "" && name[0] == '$' {
			return nil, badValue("Document can't have $ prefixed field names: %s", name)
		}
	}
	return r.identify(doc)
}

// identify puts _id first, and makes one if there is none.
func (r *request) identify(doc document) (document, error) {
	id := field(doc, "_id")
	switch id.Type {
	case 0:
		oid := bson.NewObjectIDFromTimestamp(r.server.Now())
		id = value{Type: tObjectID, Data: bsoncore.AppendObjectID(nil, oid)}
	case tArray:
		return nil, badValue("can't use an array for _id")
	case tRegex:
		return nil, badValue("can't use a regex for _id")
	case tUndefined:
		return nil, badValue("can't use a undefined for _id")
	}
	list := []pair{{"_id", id}}
	for name, v := range fields(doc) {
		if name != "_id" {
			list = append(list, pair{name, v})
		}
	}
	return build(list...), nil
}
