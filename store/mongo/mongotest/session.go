package mongotest

import (
	"slices"
	"time"
)

// A session remembers the last transaction or retryable write of a client.
type session struct {
	number    int64 // -1: none yet
	txn       *transaction
	done      map[int]statement // of a retryable write
	reply     document          // of a retryable findAndModify
	retryable bool
}

// A statement is one acknowledged part of a retryable write.
type statement struct {
	n, modified int32
	upserted    value
}

type status int

const (
	open status = iota
	committed
	aborted
)

type transaction struct {
	view   *view // nil at the end
	status status
	began  time.Time
	claims []string
	uses   map[string]bool // collections that it has looked at
}

// checkIn finds the session and the transaction of a request.
func (s *Server) checkIn(r *request, c *command) error {
	if r.txnNumber < 0 {
		if r.transaction || r.starts {
			return invalidOptions("'autocommit' field requires a transaction number to also be specified")
		}
		return nil
	}
	if s.standalone {
		return fail(20, "IllegalOperation", "Transaction numbers are only allowed on a replica set member or mongos")
	}
	if r.lsid == "" {
		return invalidOptions("Transaction number requires a session ID to also be specified")
	}
	if err := r.checkTransactional(c); err != nil {
		return err
	}
	se := s.sessions[r.lsid]
	if se == nil {
		se = &session{number: -1}
		s.sessions[r.lsid] = se
	}
	r.session = se
	if r.txnNumber < se.number {
		return fail(225, "TransactionTooOld", "Cannot start transaction %d on session because a newer transaction with txnNumber %d has already started on this session.", r.txnNumber, se.number)
	}
	if !r.transaction {
		return s.checkInRetryable(r, se)
	}
	return s.checkInTransaction(r, se)
}

func (r *request) checkTransactional(c *command) error {
	if !r.transaction {
		if !c.retryable {
			return fail(50768, "NotARetryableWriteCommand", "txnNumber may only be provided for multi-document transactions and retryable write commands. autocommit:false was not provided, and %s is not a retryable write command.", r.name)
		}
		return nil
	}
	ends := r.name == "commitTransaction" || r.name == "abortTransaction"
	switch {
	case !c.transactions && !c.ends:
		return c.refusal(r)
	case r.has("writeConcern") && !ends:
		return invalidOptions("writeConcern is not allowed within a multi-statement transaction")
	case r.has("readConcern") && !r.starts:
		return invalidOptions("Only the first command in a transaction may specify a readConcern")
	case r.starts && ends:
		return fail(263, "OperationNotSupportedInTransaction", "Cannot run '%s' as the first command of a transaction", r.name)
	}
	return nil
}

// allowed refuses a command that may not run in its transaction, which ends the
// transaction.
func (c *command) allowed(r *request) error {
	if r.transaction && !c.transactions {
		return c.refusal(r)
	}
	return nil
}

func (c *command) refusal(r *request) error {
	if c.forbidden != "" {
		return fail(263, "OperationNotSupportedInTransaction", "%s", c.forbidden)
	}
	return fail(263, "OperationNotSupportedInTransaction", "Cannot run '%s' in a multi-document transaction.", r.name)
}

func (s *Server) checkInRetryable(r *request, se *session) error {
	if r.txnNumber == se.number && se.retryable {
		return nil
	}
	if r.txnNumber == se.number {
		return fail(72, "InvalidOptions", "a transaction has the number %d", r.txnNumber)
	}
	s.abandon(se)
	*se = session{number: r.txnNumber, retryable: true, done: map[int]statement{}}
	return nil
}

func (s *Server) checkInTransaction(r *request, se *session) error {
	if r.starts {
		if r.txnNumber == se.number {
			return fail(117, "ConflictingOperationInProgress", "Only servers in a sharded cluster can start a new transaction at the active transaction number")
		}
		s.abandon(se)
		*se = session{number: r.txnNumber, txn: s.begin()}
		r.txn = se.txn
		return nil
	}
	if se.txn == nil || r.txnNumber != se.number {
		return fail(251, "NoSuchTransaction", "Given transaction number %d does not match any in-progress transactions. The active transaction number is %d", r.txnNumber, se.number)
	}
	s.expire(se.txn)
	switch {
	case se.txn.status == aborted:
		return fail(251, "NoSuchTransaction", "Transaction %d has been aborted.", r.txnNumber)
	case se.txn.status == committed && r.name != "commitTransaction":
		return fail(256, "TransactionCommitted", "Transaction %d has been committed.", r.txnNumber)
	}
	if se.txn.status == open {
		r.txn = se.txn
	}
	return nil
}

// begin opens a transaction on what is committed now.
func (s *Server) begin() *transaction {
	t := &transaction{began: s.Now(), view: s.newView(), uses: map[string]bool{}}
	t.view.claim = func(keys []string) error { return s.claim(t, keys) }
	s.active[t] = true
	return t
}

func (s *Server) newView() *view {
	return &view{base: s.state, owner: new(owner), collections: map[string]*collection{}, next: s.number}
}

// claim reserves keys for a transaction, or fails at once if somebody else has
// changed them since it began.
func (s *Server) claim(t *transaction, keys []string) error {
	for _, k := range keys {
		if other := s.claims[k]; other != nil && other != t && !s.expire(other) {
			return writeConflict()
		}
		if s.touched[k] > t.view.base.seq {
			return writeConflict()
		}
	}
	for _, k := range keys {
		if s.claims[k] == nil {
			s.claims[k] = t
			t.claims = append(t.claims, k)
		}
	}
	return nil
}

// expire aborts a transaction that is too old.
func (s *Server) expire(t *transaction) bool {
	if t.status == open && s.Now().Sub(t.began) > s.TransactionLifetime {
		s.abort(t)
	}
	return t.status != open
}

func (s *Server) abandon(se *session) {
	if se.txn != nil && se.txn.status == open {
		s.abort(se.txn)
	}
}

func (s *Server) abort(t *transaction) { s.end(t, aborted) }

func (s *Server) end(t *transaction, to status) {
	if t.status != open {
		return
	}
	t.status = to
	for _, k := range t.claims {
		delete(s.claims, k)
	}
	delete(s.active, t)
	if len(s.active) == 0 {
		clear(s.touched)
	}
	t.view, t.claims = nil, nil
	s.ended.Broadcast()
}

// install makes the changes of a view visible to all.
func (s *Server) install(v *view) {
	s.state = v.commit(s.state)
	if len(s.active) > 0 {
		for _, k := range v.keys {
			s.touched[k] = s.state.seq
		}
	}
}

func commitTransaction(r *request) (document, error) {
	if r.txn != nil {
		if r.does(LostCommit) {
			r.server.abort(r.txn)
			return okay(), nil
		}
		r.server.install(r.txn.view)
		r.server.end(r.txn, committed)
	} else if r.session == nil {
		return nil, invalidOptions("commitTransaction must be run within a transaction")
	}
	return okay(), nil
}

func abortTransaction(r *request) (document, error) {
	if r.txn == nil {
		return nil, invalidOptions("abortTransaction must be run within a transaction")
	}
	r.server.abort(r.txn)
	return okay(), nil
}

// failed turns an error into a reply with the labels of the real server.
func (r *request) failed(err error) *failure {
	f, ok := err.(*failure)
	if !ok {
		f = fail(8, "UnknownError", "%v", err)
	}
	ends := r.name == "commitTransaction" || r.name == "abortTransaction"
	switch {
	case r.transaction && (f.code == 112 || f.code == 251 || f.code == 246):
		return f.label(transientTransactionError)
	case r.transaction && !ends && slices.Contains(retriable, f.code):
		return f.label(transientTransactionError)
	case (ends || r.txnNumber >= 0 && !r.transaction) && slices.Contains(retriable, f.code):
		return f.label(retryableWriteError)
	}
	return f
}

// retriable are the codes that the specification of retryable writes names.
var retriable = []int32{6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436}

// wait releases mu until a transaction ends or the request's time is up.
func (r *request) wait(t *transaction) error {
	s, life := r.server, r.server.life
	wake := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended.Broadcast()
	}
	lifetime := time.AfterFunc(max(s.TransactionLifetime-s.Now().Sub(t.began), 0)+time.Millisecond, wake)
	defer lifetime.Stop()
	if !r.deadline.IsZero() {
		limit := time.AfterFunc(time.Until(r.deadline)+time.Millisecond, wake)
		defer limit.Stop()
	}
	for !s.expire(t) {
		s.ended.Wait()
		switch {
		case s.life != life:
			return fail(91, "ShutdownInProgress", "the server is stopping")
		case !r.deadline.IsZero() && time.Now().After(r.deadline):
			return fail(50, "MaxTimeMSExpired", "operation exceeded time limit")
		}
	}
	return nil
}
