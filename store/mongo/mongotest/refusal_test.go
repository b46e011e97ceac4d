package mongotest

import (
	"bytes"
	"fmt"
	"strings"
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

// What is too large for the real server is too large here.
func TestTooLarge(t *testing.T) {
	s := Start(t)
	client := dial(t, s)
	big := strings.Repeat("x", 13<<20)
	for i := range 8 {
		client.send(t, fmt.Sprintf(`{"insert": "c", "documents": [{"_id": %d, "x": %q}], "$db": "d"}`, i, big))
	}
	for command, code := range map[string]string{
		`{"find": "c", "sort": {"x": 1}, "$db": "d"}`:                                                                 `{"$numberInt":"292"}`,
		`{"insert": "c", "documents": [{"_id": 9, "x": "` + big + `"}, {"_id": 10, "x": "` + big + `"}], "$db": "d"}`: `{"$numberInt":"10334"}`,
		`{"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"y": "` + big + `"}}}], "$db": "d"}`:            `{"$numberInt":"17419"}`,
	} {
		if reply := client.send(t, command); !bytes.Contains(reply, []byte(code)) {
			t.Errorf("%.60s: %.300s", command, reply)
		}
	}
	if reply := client.send(t, `{"find": "c", "sort": {"x": 1}, "limit": 1, "projection": {"_id": 1}, "$db": "d"}`); !bytes.Contains(reply, []byte(`"_id":{"$numberInt":"0"}`)) {
		t.Errorf("the first of a sort: %.300s", reply)
	}
}
