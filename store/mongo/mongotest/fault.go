package mongotest

import "slices"

// An Action is what a fault does to a command.
type Action int

const (
	// DropBefore breaks the connection; the command has had no effect.
	DropBefore Action = iota + 1
	// DropAfter breaks the connection after the command had its effect.
	DropAfter
	// WriteConflict ends the transaction with 112 and the label
	// TransientTransactionError. It meets commands in transactions only, but
	// not commits and aborts: outside, the real server itself tries again.
	WriteConflict
	// TransientTransactionError ends the transaction with 251 and that label,
	// also at the commit. It meets commands of open transactions only.
	TransientTransactionError
	// UnknownCommit commits and replies that the write concern failed, from
	// which the driver makes UnknownTransactionCommitResult.
	UnknownCommit
	// LostCommit replies the same, but the transaction is gone, as after a
	// failover: another commit fails with NoSuchTransaction.
	LostCommit
	// NotWritablePrimary refuses with 10107, labelled as the real server does,
	// and ends the transaction; the command has had no effect. A committed
	// transaction stays committed.
	NotWritablePrimary
	// Refuse replies with the Code and Name of the fault, and ends the
	// transaction; the command has had no effect. It is for errors without an
	// action of their own, such as 14031 OutOfDiskSpace or 13 Unauthorized.
	Refuse
	// Slow keeps the command waiting until the rule is removed or the server
	// stops; then it runs, whether or not the client still wants it.
	Slow
)

// A Fault says which commands fail, and how.
type Fault struct {
	// Command is the name of those that fail. Empty means all but the driver's
	// handshakes and pings.
	Command string
	Do      Action
	// Code and Name are the error of Refuse.
	Code int32
	Name string
	// Nth is the first occurrence that fails, counted from 1 and from now; 0 is 1.
	Nth int
	// Times is how many fail; 0 is one, -1 all.
	Times int
}

// A Rule is a fault that has been set.
type Rule struct {
	server      *Server
	fault       Fault
	seen, fired int
	removed     chan struct{}
}

// Fail sets a fault. If several apply to a command, the oldest counts.
func (s *Server) Fail(f Fault) *Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &Rule{server: s, fault: f, removed: make(chan struct{})}
	r.fault.Nth = max(f.Nth, 1)
	if f.Times == 0 {
		r.fault.Times = 1
	}
	s.rules = append(s.rules, r)
	return r
}

// Fired is how many commands the rule has made fail.
func (r *Rule) Fired() int {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	return r.fired
}

// Remove ends the rule and releases the commands that it keeps waiting.
func (r *Rule) Remove() {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	if i := slices.Index(r.server.rules, r); i >= 0 {
		r.server.rules = slices.Delete(r.server.rules, i, i+1)
		close(r.removed)
	}
}

// rule is the one that makes a request fail, if any.
func (s *Server) rule(r *request) *Rule {
	for _, rule := range s.rules {
		if rule.meets(r) && rule.fires() {
			rule.fired++
			return rule
		}
	}
	return nil
}

func (r *Rule) fires() bool {
	r.seen++
	return r.seen >= r.fault.Nth && (r.fault.Times < 0 || r.fired < r.fault.Times)
}

// quiet are the commands that the driver sends on its own.
var quiet = []string{"hello", "isMaster", "ismaster", "ping", "endSessions"}

func (r *Rule) meets(q *request) bool {
	f := r.fault
	if f.Command != q.name && (f.Command != "" || slices.Contains(quiet, q.name)) {
		return false
	}
	ends := q.name == "commitTransaction" || q.name == "abortTransaction"
	switch f.Do {
	case WriteConflict:
		return q.transaction && !ends && q.live()
	case TransientTransactionError:
		return q.transaction && q.name != "abortTransaction" && q.live()
	case UnknownCommit, LostCommit:
		return q.name == "commitTransaction" && q.live()
	}
	return true
}

// live says whether the request begins or continues an open transaction.
func (r *request) live() bool {
	se := r.server.sessions[r.lsid]
	return r.starts || se != nil && se.number == r.txnNumber && se.txn != nil && se.txn.status == open
}

// does says whether the request fails in that way.
func (r *request) does(a Action) bool { return r.rule != nil && r.rule.fault.Do == a }

// hold releases mu until the rule is removed or the server stops.
func (r *request) hold() {
	gone := r.server.gone
	r.server.mu.Unlock()
	defer r.server.mu.Lock()
	select {
	case <-r.rule.removed:
	case <-gone:
	}
}

// instead is the error with which a rule replaces a command.
func (r *request) instead() error {
	if r.rule == nil {
		return nil
	}
	switch r.rule.fault.Do {
	case WriteConflict:
		return writeConflict()
	case TransientTransactionError:
		return fail(251, "NoSuchTransaction", "Transaction %d has been aborted.", r.txnNumber)
	case NotWritablePrimary:
		return fail(10107, "NotWritablePrimary", "not master")
	case Refuse:
		return fail(r.rule.fault.Code, r.rule.fault.Name, "%s", r.rule.fault.Name)
	}
	return nil
}

// unknown turns the reply to a commit into one that leaves its outcome unknown.
func (r *request) unknown(reply document) document {
	if !r.does(UnknownCommit) && !r.does(LostCommit) {
		return reply
	}
	return extend(reply, pair{"writeConcernError", documentValue(build(pair{"code", intValue(64)},
		pair{"codeName", stringValue("WriteConcernFailed")}, pair{"errmsg", stringValue("waiting for replication timed out")},
		pair{"errInfo", documentValue(build(pair{"wtimeout", boolValue(true)}))}))})
}
