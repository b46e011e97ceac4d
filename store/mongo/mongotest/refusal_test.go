package mongotest

import (
	"bytes"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The stand-in refuses by name what it does not model.
func TestRefusals(t *testing.T) {
	client := dial(t, Start(t))
	client.send(t, `{"insert": "c", "documents": [{"_id": 1}], "$db": "d"}`)
	for _, command := range []string{
		`{"find": "c", "collation": {"locale": "de"}, "$db": "d"}`,
		`{"find": "c", "filter": {"a": {"$regex": "^a.*b"}}, "$db": "d"}`,
		`{"find": "c", "filter": {"$where": "1"}, "$db": "d"}`,
		`{"find": "c", "projection": {"a": {"$slice": 1}}, "$db": "d"}`,
		`{"aggregate": "c", "pipeline": [{"$lookup": {}}], "cursor": {}, "$db": "d"}`,
		`{"aggregate": "c", "pipeline": [{"$changeStream": {}}], "cursor": {}, "$db": "d"}`,
		`{"update": "c", "updates": [{"q": {}, "u": {"$rename": {"a": "b"}}}], "$db": "d"}`,
		`{"update": "c", "updates": [{"q": {}, "u": {"$set": {"a.$[]": 1}}}], "$db": "d"}`,
		`{"update": "c", "updates": [{"q": {}, "u": {"$set": {"a": 1}}, "arrayFilters": []}], "$db": "d"}`,
		`{"createIndexes": "c", "indexes": [{"key": {"a": "text"}, "name": "t"}], "$db": "d"}`,
		`{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "t", "sparse": true}], "$db": "d"}`,
		`{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "t"}], "commitQuorum": 2, "$db": "d"}`,
		`{"insert": "c", "documents": [{"_id": 2}], "writeConcern": {"w": 0}, "$db": "d"}`,
		`{"find": "c", "readConcern": {"level": "linearizable"}, "$db": "d"}`,
		`{"find": "c", "readConcern": {"level": "snapshot", "atClusterTime": 1}, "lsid": {"id": 1}, "txnNumber": {"$numberLong": "1"}, "autocommit": false, "startTransaction": true, "$db": "d"}`,
		`{"insert": "c", "documents": [{"_id": 2}], "writeConcern": {"w": 1, "fsync": true}, "$db": "d"}`,
		`{"listIndexes": "c", "cursor": {"batchSize": 1}, "$db": "d"}`,
		`{"distinct": "c", "key": "a", "$db": "d"}`,
		`{"saslContinue": 1, "$db": "admin"}`,
	} {
		if reply := client.send(t, command); !bytes.Contains(reply, []byte("mongotest does not model")) || !bytes.Contains(reply, []byte("NotImplemented")) {
			t.Errorf("%s: %s", command, reply)
		}
	}
}

// Documents, messages and sorts have the limits of the real server.
func TestTooLarge(t *testing.T) {
	client := dial(t, Start(t))
	send := func(command ...bson.E) []byte {
		return client.roundTrip(t, mustMarshal(t, append(bson.D(command), bson.E{Key: "$db", Value: "d"})))
	}
	big := make([]byte, 13<<20)
	for i := range 8 {
		send(bson.E{Key: "insert", Value: "c"}, bson.E{Key: "documents", Value: bson.A{bson.D{{Key: "_id", Value: i}, {Key: "x", Value: big}}}})
	}
	find, sort := bson.E{Key: "find", Value: "c"}, bson.E{Key: "sort", Value: bson.D{{Key: "y", Value: 1}}}
	for code, reply := range map[string][]byte{
		`{"$numberInt":"292"}`:   send(find, sort),
		`{"$numberInt":"10334"}`: send(bson.E{Key: "insert", Value: "c"}, bson.E{Key: "documents", Value: bson.A{bson.D{{Key: "x", Value: big}}, bson.D{{Key: "x", Value: big}}}}),
		`{"$numberInt":"17419"}`: send(bson.E{Key: "update", Value: "c"}, bson.E{Key: "updates", Value: bson.A{bson.D{{Key: "q", Value: bson.D{{Key: "_id", Value: 1}}},
			{Key: "u", Value: bson.D{{Key: "$set", Value: bson.D{{Key: "y", Value: big}}}}}}}}),
		`"_id":{"$numberInt":"0"}`: send(find, sort, bson.E{Key: "limit", Value: 1}, bson.E{Key: "projection", Value: bson.D{{Key: "_id", Value: 1}}}),
	} {
		if !bytes.Contains(reply, []byte(code)) {
			t.Errorf("want %s: %.300s", code, reply)
		}
	}
}
