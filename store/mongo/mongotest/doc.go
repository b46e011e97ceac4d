// Package mongotest is a stand-in for MongoDB on machines without mongod: a
// one-node replica set that speaks the wire protocol on 127.0.0.1 and keeps its
// data in memory. It is test code only and never linked into the binary. The
// real server is the authority: where the two differ, this package is wrong.
//
//	s := mongotest.Start(t)                   // ends with the test
//	client, err := mongo.Connect(options.Client().ApplyURI(s.URI()))
//	before := s.Counts(); ...; s.Counts().Since(before) // commands, by name
//	rule := s.Fail(mongotest.Fault{Command: "commitTransaction", Nth: 2, Do: mongotest.DropAfter})
//	...; rule.Fired(); rule.Remove()
//	s.Stop(); s.Restart()                     // a primary dies and comes back: data and acknowledged writes stay
//	backup := s.Backup(); ...; s.Restore(backup)
//
// It answers as MongoDB 4.4 does. It models what the store uses and refuses the
// rest with NotImplemented (238) and a message that begins with "mongotest does
// not model". It does not do: explain, aggregation but for counts, users, TLS,
// compression, several members, change streams, collations, partial, sparse,
// TTL, text, hashed and wildcard indexes, updates by position, array filter or
// pipeline, and writes without acknowledgement. Its answers differ in this:
//
//   - it has no query planner: indexes keep keys unique and give the order of a
//     hint, and only the first field of one narrows a search down
//   - a cursor outside a transaction shows the moment of its find; the real
//     server may show writes that happen while it is read
//   - nothing is lost that was acknowledged, whatever the write concern
//   - there is no streaming of hello: the driver polls
//
// Two habits of the driver that tests meet: with a deadline in the context it
// retries until then, not once; and after a broken connection or
// NotWritablePrimary it looks for the primary again after 500 ms.
//
// On machines with mongod a Set runs real servers instead.
package mongotest
