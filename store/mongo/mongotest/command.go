package mongotest

import (
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A request is one command of a client.
type request struct {
	server    *Server
	legacy    bool // OP_QUERY
	name, db  string
	body      document
	sequences map[string][]value

	lsid         string
	txnNumber    int64 // -1: none
	transaction  bool  // autocommit: false
	starts       bool
	session      *session
	rule         *Rule        // that makes it fail
	txn          *transaction // the open one that the command runs in
	writeConcern *writeConcern
	deadline     time.Time // by maxTimeMS; zero: none
}

// A command runs with mu held, but releases it to wait.
type command struct {
	run    func(*request) (document, error)
	fields []string // in addition to the name and the generic ones
	// refused are the options of the real server that are not modelled.
	refused []string
	// unknown is what the server says about any other; nil refuses all.
	unknown      func(r *request, field string) *failure
	transactions bool   // may run in one
	forbidden    string // what the server says otherwise, if it has words of its own
	ends         bool   // the transaction that it may not run in; others only fail
	adminOnly    bool
	reads        bool // knows read concerns, and but for aggregate no write concern
	retryable    bool
}

var generic = []string{"$db", "lsid", "$clusterTime", "txnNumber", "autocommit", "startTransaction", "readConcern", "writeConcern",
	"maxTimeMS", "$readPreference", "comment"}

func (r *request) setBody(body document) {
	r.body, r.txnNumber = body, -1
	for name := range fields(body) {
		r.name = name
		break
	}
	if id := field(body, "lsid"); id.Type == tObject {
		r.lsid = encode(id)
	}
	if n := field(body, "txnNumber"); n.Type == tLong {
		r.txnNumber = n.Int64()
	}
	autocommit := field(body, "autocommit")
	r.transaction = autocommit.Type == tBool && !autocommit.Boolean()
	r.starts = truth(field(body, "startTransaction"))
	if ms := field(body, "maxTimeMS"); isNumber(ms) && whole(ms) > 0 {
		r.deadline = time.Now().Add(time.Duration(whole(ms)) * time.Millisecond)
	}
}

func (r *request) field(name string) value { return field(r.body, name) }

// elements are the members of a list in the body or in a document sequence.
func (r *request) elements(name string) []value {
	if list, ok := r.sequences[name]; ok {
		return list
	}
	if v := r.field(name); v.Type == tArray {
		return values(v.Data)
	}
	return nil
}

func (r *request) has(name string) bool { return r.field(name).Type != 0 }

// ns is the collection that the command is about.
func (r *request) ns() (string, error) {
	v := r.field(r.name)
	if v.Type != tString {
		return "", badValue("collection name has invalid type %s", v.Type)
	}
	if v.StringValue() == "" || r.db == "" {
		return "", fail(73, "InvalidNamespace", "Invalid namespace specified '%s.%s'", r.db, v.StringValue())
	}
	return r.db + "." + v.StringValue(), nil
}

// run answers a request. It says drop when the connection is to break instead.
func (s *Server) run(r *request) (reply document, drop bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	life := s.life
	if !slices.Contains(quiet, r.name) {
		s.counts[r.name]++
	}
	s.gossip(r)
	r.rule = s.rule(r)
	if r.does(Slow) {
		r.hold()
	}
	if r.does(DropBefore) || s.life != life {
		return nil, true
	}
	reply = s.answer(r)
	return s.finish(reply), s.life != life || r.does(DropAfter)
}

func (s *Server) answer(r *request) document {
	reply, err := s.execute(r)
	if err == nil {
		return reply
	}
	return r.failed(err).reply()
}

// execute runs a command; an error ends the transaction that it runs in.
func (s *Server) execute(r *request) (document, error) {
	c, ok := s.commands[r.name]
	if !ok {
		if slices.Contains(refusedCommands, r.name) {
			return nil, unmodelled("the command %s", r.name)
		}
		return nil, fail(59, "CommandNotFound", "no such command: '%s'", r.name)
	}
	if r.legacy && r.name != "isMaster" && r.name != "ismaster" && r.name != "hello" {
		return nil, unmodelled("OP_QUERY with a command other than hello")
	}
	if len(r.body) > maxDocument+16*1024 {
		return nil, fail(10334, "BSONObjectTooLarge", "BSONObj size: %d is invalid. Size must be between 0 and %d", len(r.body), maxDocument+16*1024)
	}
	if err := r.checkFields(&c); err != nil {
		return nil, err
	}
	if c.adminOnly && r.db != "admin" {
		return nil, fail(13, "Unauthorized", "%s may only be run against the admin database.", r.name)
	}
	if err := r.concerns(&c); err != nil {
		return nil, err
	}
	if err := s.checkIn(r, &c); err != nil {
		return nil, err
	}
	var reply document
	err := c.allowed(r)
	if err == nil {
		err = r.instead()
	}
	if err == nil {
		reply, err = c.run(r)
	}
	if err != nil && r.txn != nil {
		s.abort(r.txn)
	}
	if err == nil {
		reply = r.unknown(r.writeConcern.unsatisfied(reply))
	}
	return reply, err
}

func (r *request) checkFields(c *command) error {
	for name := range r.sequences {
		if !slices.Contains(c.fields, name) {
			return unmodelled("the document sequence %s of %s", name, r.name)
		}
	}
	for name := range fields(r.body) {
		if name == r.name || slices.Contains(generic, name) || slices.Contains(c.fields, name) {
			continue
		}
		if c.unknown == nil || slices.Contains(c.refused, name) {
			return unmodelled("%s of %s", name, r.name)
		}
		return c.unknown(r, name)
	}
	return nil
}

// finish adds the fields of every reply of a replica set member.
func (s *Server) finish(reply document) document {
	if s.standalone || reply == nil {
		return reply
	}
	t := s.tick()
	at := value{Type: tTimestamp, Data: bsoncore.AppendTimestamp(nil, t.T, t.I)}
	signature := build(pair{"hash", value{Type: tBinary, Data: bsoncore.AppendBinary(nil, 0, make([]byte, 20))}}, pair{"keyId", longValue(0)})
	return extend(reply, pair{"$clusterTime", documentValue(build(pair{"clusterTime", at},
		pair{"signature", documentValue(signature)}))}, pair{"operationTime", at})
}

// gossip adopts a later cluster time of the client.
func (s *Server) gossip(r *request) {
	t, i, ok := value(field(field(r.body, "$clusterTime").Data, "clusterTime")).TimestampOK()
	if ok && (t > s.clock.T || t == s.clock.T && i > s.clock.I) {
		s.clock.T, s.clock.I = t, i
	}
}

func okay(list ...pair) document { return build(append(list, pair{"ok", doubleValue(1)})...) }

func idlUnknown(r *request, name string) *failure {
	return location(40415, "BSON field '%s.%s' is an unknown field.", r.name, name)
}

func parseUnknown(r *request, name string) *failure {
	return failedToParse("Failed to parse: %s. Unrecognized field '%s'.", r.body, name)
}

// A writeConcern that the set of one member can fulfil has w of at most 1.
type writeConcern struct{ spec document }

func (r *request) concerns(c *command) error {
	if v := r.field("writeConcern"); v.Type == tObject {
		if c.reads && r.name != "aggregate" {
			return invalidOptions("Command %s does not support writeConcern", r.name)
		}
		if err := r.readWriteConcern(v); err != nil {
			return err
		}
	}
	if v := r.field("readConcern"); v.Type == tObject {
		return r.checkReadConcern(c, v)
	}
	return nil
}

func (r *request) readWriteConcern(v value) error {
	w := field(v.Data, "w")
	switch {
	case w.Type == 0, w.Type == tString && w.StringValue() == "majority":
	case isNumber(w) && whole(w) == 1:
	case isNumber(w) && whole(w) > 1:
		r.writeConcern = &writeConcern{v.Data}
	default:
		return unmodelled("write concern %s", v)
	}
	return onlyFields(v, "the write concern", "w", "j", "wtimeout")
}

func (r *request) checkReadConcern(c *command, v value) error {
	level, _ := field(v.Data, "level").StringValueOK()
	switch level {
	case "", "local":
	case "majority":
		if !c.reads && !r.transaction {
			return invalidOptions("Command %s does not support read concern %s", r.name, v)
		}
	case "snapshot":
		if !r.transaction {
			return invalidOptions("read concern level snapshot is only valid in a transaction")
		}
	default:
		return unmodelled("read concern %s", v)
	}
	return onlyFields(v, "the read concern", "level", "afterClusterTime", "provenance")
}

// onlyFields refuses a document with other fields.
func onlyFields(v value, of string, known ...string) error {
	for name := range fields(v.Data) {
		if !slices.Contains(known, name) {
			return unmodelled("%s of %s", name, of)
		}
	}
	return nil
}

func (w *writeConcern) unsatisfied(reply document) document {
	if w == nil || reply == nil {
		return reply
	}
	spec := append(pairs(w.spec), pair{"provenance", stringValue("clientSupplied")})
	return extend(reply, pair{"writeConcernError", documentValue(build(
		pair{"code", intValue(100)}, pair{"codeName", stringValue("UnsatisfiableWriteConcern")},
		pair{"errmsg", stringValue("Not enough data-bearing nodes")},
		pair{"errInfo", documentValue(build(pair{"writeConcern", documentValue(build(spec...))}))}))})
}

// refusedCommands are commands of the real server that are not modelled.
var refusedCommands = []string{"distinct", "mapReduce", "explain", "drop", "dropDatabase", "buildInfo", "saslContinue", "authenticate", "logout", "getParameter", "setParameter",
	"serverStatus", "dbStats", "collStats", "collMod", "renameCollection", "convertToCapped", "compact", "validate", "dbHash",
	"listDatabases", "currentOp", "killOp", "killSessions", "killAllSessions", "refreshSessions", "startSession", "replSetGetStatus",
	"replSetStepDown", "fsync", "getLog", "hostInfo", "connectionStatus", "geoSearch", "getCmdLineOpts", "whatsmyuri", "reIndex",
	"planCacheClear", "planCacheListFilters", "createUser", "updateUser", "dropUser", "usersInfo", "shardCollection", "enableSharding",
	"prepareTransaction", "coordinateCommitTransaction", "getLastError", "profile", "top", "features", "listCommands", "shutdown"}

func itoa(n int) string { return strconv.Itoa(n) }
