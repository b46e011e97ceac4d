package mongotest

import (
	"math/rand/v2"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/wiremessage"
)

// Commands with values of wrong types get some answer.
func TestWrongTypes(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	s := Start(t)
	s.TransactionLifetime = time.Millisecond // nobody ends them
	client := dial(t, s)
	client.send(t, `{"insert": "c", "documents": [{"_id": 1, "k": [1, 2], "d": [{"p": 1}]}], "$db": "d"}`)
	commands := []string{
		`{"insert": "c", "documents": [{"a": {"b": [1]}}], "ordered": false, "writeConcern": {"w": 1}, "$db": "d"}`,
		`{"update": "c", "updates": [{"q": {"k": {"$in": [1]}}, "u": {"$set": {"a.b": 1}, "$push": {"k": {"$each": [1]}}}, "upsert": true, "hint": "_id_"}], "$db": "d"}`,
		`{"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$inc": {"a": 1}, "$pull": {"k": {"$gt": 1}}}, "multi": true}], "$db": "d"}`,
		`{"delete": "c", "deletes": [{"q": {"x": {"$elemMatch": {"$gte": 1}}}, "limit": 1}], "$db": "d"}`,
		`{"find": "c", "filter": {"d": {"$elemMatch": {"p": {"$lt": 5}}}, "$or": [{"k": 1}, {"k": {"$all": [1]}}]}, "sort": {"k": 1}, "projection": {"d": {"p": 1}}, "skip": 0, "limit": 5, "batchSize": 1, "hint": {"_id": 1}, "$db": "d"}`,
		`{"findAndModify": "c", "query": {"_id": 1}, "update": [{"$set": {"a": {"$add": ["$b", 1]}}}], "sort": {"k": 1}, "fields": {"k": 1}, "new": true, "$db": "d"}`,
		`{"aggregate": "c", "pipeline": [{"$match": {"k": 1}}, {"$unwind": "$k"}, {"$group": {"_id": "$k", "n": {"$sum": 1}}}, {"$sort": {"n": 1}}, {"$limit": 3}], "cursor": {"batchSize": 1}, "$db": "d"}`,
		`{"createIndexes": "c", "indexes": [{"key": {"k": 1, "o": -1}, "name": "k", "unique": false}], "$db": "d"}`,
		`{"getMore": {"$numberLong": "1"}, "collection": "c", "batchSize": 1, "$db": "d"}`,
		`{"killCursors": "c", "cursors": [{"$numberLong": "1"}], "$db": "d"}`,
		`{"count": "c", "query": {"k": {"$size": 1, "$type": 1}}, "limit": 1, "$db": "d"}`,
		`{"explain": {"find": "c", "filter": {"k": {"$not": {"$mod": [1, 0]}}}}, "verbosity": "executionStats", "$db": "d"}`,
		`{"find": "c", "filter": {}, "lsid": {"id": 1}, "txnNumber": {"$numberLong": "1"}, "autocommit": false, "startTransaction": true, "readConcern": {"level": "snapshot"}, "$db": "d"}`,
		`{"listCollections": 1, "filter": {"name": "c"}, "nameOnly": true, "cursor": {}, "$db": "d"}`,
		`{"hello": 1, "client": {"application": {"name": "a"}}, "helloOk": true, "$db": "admin"}`,
	}
	for range 3000 {
		var doc bson.D
		check(t, bson.UnmarshalExtJSON([]byte(commands[random.IntN(len(commands))]), false, &doc))
		mangle(random, doc[:len(doc)-1])
		body := mustMarshal(t, doc)
		if _, err := client.conn.Write(writeMessage(0, wiremessage.OpMsg, body)); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if _, _, _, err := readMessage(client.conn); err != nil {
			t.Fatalf("seed %d: no reply to %s: %v", seed, document(body), err)
		}
	}
}

// mangle replaces one value somewhere in a document.
func mangle(random *rand.Rand, doc bson.D) {
	e := &doc[random.IntN(len(doc))]
	switch v := e.Value.(type) {
	case bson.D:
		if len(v) > 0 && random.IntN(3) > 0 {
			mangle(random, v)
			return
		}
	case bson.A:
		if len(v) > 0 && random.IntN(3) > 0 {
			if d, ok := v[0].(bson.D); ok && len(d) > 0 {
				mangle(random, d)
				return
			}
			v[random.IntN(len(v))] = anything(random)
			return
		}
	}
	e.Value = anything(random)
}

func anything(random *rand.Rand) any {
	list := []any{nil, int32(-1), int32(7), int64(1) << 40, -2.5, "", "$", "$k", "text of some length", true, bson.D{}, bson.A{}, bson.A{1, bson.D{{Key: "$gt", Value: 1}}},
		bson.D{{Key: "$in", Value: bson.A{1}}}, bson.D{{Key: "a", Value: bson.A{bson.D{}}}}, []byte{1, 2, 3}, bson.ObjectID{}, bson.DateTime(5), bson.MinKey{},
		bson.Regex{Pattern: "a"}, bson.Timestamp{}, bson.Undefined{}, bson.Symbol("s"), bson.JavaScript("x"), bson.CodeWithScope{Code: "x", Scope: bson.D{}}, bson.NewDecimal128(1<<62, 5)}
	return list[random.IntN(len(list))]
}
