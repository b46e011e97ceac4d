package server

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// The bounds of requests that are answered later.
const (
	mostJobs     = 64               // under way or kept, of all callers
	shareJobs    = 4                // of one caller
	longestJob   = 10 * time.Minute // after which one that is under way is ended
	keptJob      = 10 * time.Minute // that a result is kept
	askJobs      = time.Second      // between two questions about one
	mostJobTries = 8                // that one whose result may not leave any more is done again
)

// jobs are the requests that this process answers later. They do not survive it.
type jobs struct {
	mu  sync.Mutex
	all map[string]*job
}

// job is one of them, with its result once that is there.
type job struct {
	id     string
	caller agent.Agent
	hold   hold
	again  func(ctx context.Context, call *access.Call) (*answer, error) // does the request, several times if need be
	writes bool                                                          // it cannot be done again

	mu       sync.Mutex // of what follows
	cancel   context.CancelFunc
	tries    int
	begun    time.Time
	ended    time.Time // zero: under way
	asked    time.Time // when its caller last asked
	answer   *answer
	err      error
	basis    *access.Basis
	receipts []string
}

// add keeps a new job, if there is room.
func (j *jobs) add(one *job) error {
	one.id = strings.ToLower(rand.Text())
	j.mu.Lock()
	defer j.mu.Unlock()
	own := 0
	for _, other := range j.all {
		if clientOf(&other.caller) == clientOf(&one.caller) { // for whatever purpose and patient
			own++
		}
	}
	switch {
	case own >= shareJobs:
		return &fhir.Error{Kind: fhir.Throttled, Detail: "This caller has 4 asynchronous requests, under way or answered. Fetch their answers and delete them before you send more."}
	case len(j.all) >= mostJobs:
		return &fhir.Error{Kind: fhir.Unavailable, Detail: "The server has 64 asynchronous requests, as many as it keeps. Try again later."}
	}
	if j.all == nil {
		j.all = map[string]*job{}
	}
	j.all[one.id] = one
	return nil
}

// of is the job with an id, for who began it: for others there is none.
func (j *jobs) of(id string, caller *agent.Agent, now time.Time) (*job, error) {
	j.mu.Lock()
	one := j.all[id]
	j.mu.Unlock()
	if one == nil || !access.SameCaller(&one.caller, caller) || one.old(now) {
		return nil, &fhir.Error{Kind: fhir.NotFound, Detail: "This caller has no such asynchronous request: it was deleted, its answer was kept for 10 minutes, or the server was started since."}
	}
	return one, nil
}

func (o *job) old(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.ended.IsZero() && now.Sub(o.ended) >= keptJob
}

// drop ends and forgets a job.
func (j *jobs) drop(one *job) {
	j.mu.Lock()
	known := j.all[one.id] == one
	delete(j.all, one.id)
	j.mu.Unlock()
	if !known {
		return
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	one.cancel()
	one.answer = nil
	if !one.ended.IsZero() {
		one.hold.end()
	}
}

// has says whether a job is still wanted.
func (j *jobs) has(one *job) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.all[one.id] == one
}

// run does the work of a job in the background, as who asks for it now: a later token may have
// other scopes. The caller holds its lock, or has just made it.
func (s *server) run(one *job, call access.Call) {
	one.tries, one.begun, one.ended = one.tries+1, s.Now(), time.Time{}
	one.answer, one.err, one.basis = nil, nil, new(access.Basis)
	call.Basis, call.Longest, call.Hold, call.Receipts = one.basis, longestJob, one.hold.upTo, nil
	stopped, cancel := context.WithCancel(context.Background())
	one.cancel = cancel
	s.background(func(ctx context.Context) {
		defer cancel()
		within, end := context.WithTimeout(ctx, longestJob)
		defer end()
		defer context.AfterFunc(stopped, end)()
		s.finish(one, within, &call)
	})
}

// background does work that outlives its request.
func (s *server) background(work func(context.Context)) {
	if s.Background == nil {
		go work(context.Background())
		return
	}
	s.Background(work)
}

// finish does the work and keeps its result, if that is still wanted.
func (s *server) finish(one *job, ctx context.Context, call *access.Call) {
	a, err := func() (a *answer, err error) {
		defer fhir.Caught(&err)
		return one.again(ctx, call)
	}()
	one.mu.Lock()
	defer one.mu.Unlock()
	if err == nil {
		err = one.hold.count(int64(len(a.body)))
	}
	one.answer, one.err, one.receipts, one.ended = a, err, call.Receipts, s.Now()
	if one.writes {
		one.again = nil // with its body
	}
	s.Logger.Info("asynchronous request", "request", call.Request, "duration", one.ended.Sub(one.begun), "tries", one.tries, "failed", err != nil)
	if !s.jobs.has(one) {
		one.answer = nil
		one.hold.end()
		return
	}
	time.AfterFunc(keptJob, func() { s.expire(one) })
}

// expire drops a job whose result has been kept long enough; one that was done again has a
// later one.
func (s *server) expire(one *job) {
	if one.old(s.Now()) {
		s.jobs.drop(one)
	}
}
