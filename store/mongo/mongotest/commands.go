package mongotest

// commandTable is what the server answers.
func commandTable() map[string]command {
	helloFields := []string{"helloOk", "client", "compression", "backpressure", "loadBalanced", "topologyVersion", "maxAwaitTimeMS", "saslSupportedMechs", "speculativeAuthenticate", "hosts"}
	t := map[string]command{
		"hello":    {run: hello, fields: helloFields},
		"isMaster": {run: hello, fields: helloFields},
		"ismaster": {run: hello, fields: helloFields},
		"ping":     {run: func(*request) (document, error) { return okay(), nil }},
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
				"allowPartialResults", "allowDiskUse"}, unknown: parseUnknown, transactions: true, reads: true},
		"getMore":     {run: getMore, fields: []string{"collection", "batchSize"}, unknown: parseUnknown, transactions: true},
		"killCursors": {run: killCursors, fields: []string{"cursors"}, unknown: idlUnknown, transactions: true},
		"count": {run: count, fields: []string{"query", "limit", "skip", "hint"}, refused: []string{"collation"}, unknown: idlUnknown, reads: true,
			forbidden: "Cannot run 'count' in a multi-document transaction. Use an aggregate with $count."},
		"aggregate": {run: aggregate, fields: []string{"pipeline", "cursor", "hint"}, transactions: true, reads: true},
		"createIndexes": {run: createIndexes, fields: []string{"indexes", "commitQuorum"}, ends: true,
			forbidden: "Cannot create new indexes on existing collections in a multi-document transaction."},
		"listIndexes":       {run: listIndexes, fields: []string{"cursor"}},
		"dropIndexes":       {run: dropIndexes, fields: []string{"index"}},
		"create":            {run: create},
		"listCollections":   {run: listCollections, fields: []string{"filter", "nameOnly", "cursor", "authorizedCollections"}},
		"commitTransaction": {run: commitTransaction, transactions: true, adminOnly: true},
		"abortTransaction":  {run: abortTransaction, transactions: true, adminOnly: true},
	}
	return t
}
