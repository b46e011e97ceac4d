package mongotest

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

const version = "4.4.6"

// commandTable is what the server answers.
func commandTable() map[string]command {
	helloFields := []string{"helloOk", "client", "compression", "backpressure", "loadBalanced", "topologyVersion", "maxAwaitTimeMS", "saslSupportedMechs", "speculativeAuthenticate", "hosts"}
	t := map[string]command{
		"hello":    {run: hello, fields: helloFields},
		"isMaster": {run: hello, fields: helloFields},
		"ismaster": {run: hello, fields: helloFields},
		"ping":     {run: func(*request) (document, error) { return okay(), nil }, unknown: nil},
		"buildInfo": {run: func(*request) (document, error) {
			return okay(pair{"version", stringValue(version)}, pair{"versionArray", arrayValue(intValue(4), intValue(4), intValue(6), intValue(0))},
				pair{"maxBsonObjectSize", intValue(maxDocument)}), nil
		}},
		"saslStart": {run: func(*request) (document, error) { // there are no users
			return nil, fail(18, "AuthenticationFailed", "Authentication failed.")
		}, fields: []string{"mechanism", "payload", "autoAuthorize", "options", "db"}},
		"endSessions": {run: func(*request) (document, error) { return okay(), nil }},
		"insert": {run: insert, fields: []string{"documents", "ordered", "bypassDocumentValidation"}, unknown: idlUnknown, transactions: true,
			retryable: true},
		"update": {run: update, fields: []string{"updates", "ordered", "bypassDocumentValidation"}, unknown: idlUnknown, transactions: true,
			retryable: true},
		"delete": {run: deleteCommand, fields: []string{"deletes", "ordered"}, unknown: idlUnknown, transactions: true, retryable: true},
		"findAndModify": {run: findAndModify, fields: []string{"query", "sort", "remove", "update", "new", "fields", "upsert",
			"bypassDocumentValidation", "hint"}, transactions: true, retryable: true},
		"find": {run: find, fields: []string{"filter", "projection", "sort", "skip", "limit", "batchSize", "hint", "singleBatch"},
			refused: []string{"collation", "min", "max", "returnKey", "showRecordId", "tailable", "awaitData", "oplogReplay", "noCursorTimeout",
				"allowPartialResults", "allowDiskUse"}, unknown: parseUnknown, transactions: true},
		"getMore":     {run: getMore, fields: []string{"collection", "batchSize"}, unknown: parseUnknown, transactions: true},
		"killCursors": {run: killCursors, fields: []string{"cursors"}, unknown: idlUnknown, transactions: true},
		"count": {run: count, fields: []string{"query", "limit", "skip", "hint"}, refused: []string{"collation"}, unknown: idlUnknown,
			forbidden: "Cannot run 'count' in a multi-document transaction. Use an aggregate with $count."},
		"explain":   {run: explain, fields: []string{"verbosity"}},
		"aggregate": {run: aggregate, fields: []string{"pipeline", "cursor", "hint"}, transactions: true},
		"createIndexes": {run: createIndexes, fields: []string{"indexes"}, ends: true,
			forbidden: "Cannot create new indexes on existing collections in a multi-document transaction."},
		"listIndexes":       {run: listIndexes, fields: []string{"cursor"}},
		"dropIndexes":       {run: dropIndexes, fields: []string{"index"}},
		"create":            {run: create},
		"drop":              {run: drop},
		"dropDatabase":      {run: dropDatabase},
		"listCollections":   {run: listCollections, fields: []string{"filter", "nameOnly", "cursor", "authorizedCollections"}},
		"commitTransaction": {run: commitTransaction, transactions: true, adminOnly: true},
		"abortTransaction":  {run: abortTransaction, transactions: true, adminOnly: true},
	}
	t["findandmodify"], t["buildinfo"], t["deleteIndexes"] = t["findAndModify"], t["buildInfo"], t["dropIndexes"]
	return t
}

func hello(r *request) (document, error) {
	s := r.server
	if app, ok := r.body.Lookup("client", "application", "name").StringValueOK(); ok {
		s.conns[r.conn] = app
	}
	var list []pair
	writable := pair{"isWritablePrimary", boolValue(true)}
	if r.name != "hello" {
		writable.name = "ismaster"
	}
	if truth(r.field("helloOk")) {
		list = append(list, pair{"helloOk", boolValue(true)})
	}
	if s.standalone {
		list = append(list, writable)
	} else {
		a := stringValue(s.address)
		list = append(list, pair{"hosts", arrayValue(a)}, pair{"setName", stringValue("rs0")}, pair{"setVersion", intValue(1)}, writable,
			pair{"secondary", boolValue(false)}, pair{"primary", a}, pair{"me", a})
	}
	now := value{Type: tDate, Data: bsoncore.AppendDateTime(nil, time.Now().UnixMilli())}
	return okay(append(list, pair{"maxBsonObjectSize", intValue(maxDocument)}, pair{"maxMessageSizeBytes", intValue(maxMessage)},
		pair{"maxWriteBatchSize", intValue(maxBatch)}, pair{"localTime", now}, pair{"logicalSessionTimeoutMinutes", intValue(30)},
		pair{"minWireVersion", intValue(0)}, pair{"maxWireVersion", intValue(9)}, pair{"readOnly", boolValue(false)})...), nil
}
