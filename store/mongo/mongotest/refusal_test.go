package mongotest

import (
	"bytes"
	"testing"
)

// What is not modelled is refused in so many words.
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
