package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Options of an Engine; zero values mean the defaults.
type Options struct {
	Deadline time.Duration // of one decision; 100 ms
	Settle   time.Duration // quiet time after a change before Watch reloads; 200 ms
	Poll     time.Duration // how often Watch polls; 5 s

	// Reloaded receives the result of each reload by Watch: the revision now in
	// force, or why the old one stays. It may be nil.
	Reloaded func(revision string, err error)
}

func (o Options) withDefaults() Options {
	o.Deadline = cmp.Or(max(o.Deadline, 0), 100*time.Millisecond)
	o.Settle = cmp.Or(max(o.Settle, 0), 200*time.Millisecond)
	o.Poll = cmp.Or(max(o.Poll, 0), 5*time.Second)
	return o
}

// Engine asks the policies in force. It is safe for concurrent use.
type Engine struct {
	options Options
	reload  sync.Mutex // one reload at a time
	state   string     // of the folder in force
	current atomic.Pointer[program]
	problem atomic.Pointer[error]
	failed  atomic.Pointer[Input] // the last that could not be decided
	canary  atomic.Pointer[canary]
	shadow  atomic.Pointer[shadow]
	recent  recent
}

// New compiles the policies of a folder and runs their tests; nil means the built-in
// ones (Base), whose tests ran before they were built in. If they do not compile or a
// test fails it returns no Engine: a node without policies must not start.
func New(ctx context.Context, fsys fs.FS, o Options) (*Engine, error) {
	e := &Engine{options: o.withDefaults()}
	if fsys != nil {
		if err := e.Reload(ctx, fsys); err != nil {
			return nil, err
		}
		return e, nil
	}
	s, err := readSource(Base())
	if err != nil {
		return nil, err
	}
	p, err := compile(ctx, s)
	if err != nil {
		return nil, err
	}
	e.current.Store(p)
	return e, nil
}

// Revision names the policies in force: 64 hexadecimal digits.
func (e *Engine) Revision() string { return e.current.Load().revision }

// Problem says why the last reload failed, nil if it did not.
func (e *Engine) Problem() error {
	if p := e.problem.Load(); p != nil {
		return *p
	}
	return nil
}

// Reload puts the policies of a folder in force for every later decision. If it
// fails, the old ones stay and Problem says why.
func (e *Engine) Reload(ctx context.Context, fsys fs.FS) error {
	e.reload.Lock()
	defer e.reload.Unlock()
	s, err := readSource(fsys)
	if err != nil {
		return e.refuse(err)
	}
	return e.activate(ctx, s)
}

// activate compiles, tests and swaps. The caller holds e.reload.
func (e *Engine) activate(ctx context.Context, s *source) error {
	if state := s.state(); e.state != state {
		p, err := admit(ctx, s)
		if err != nil {
			return e.refuse(err)
		}
		if old := e.current.Load(); old == nil || old.revision != p.revision {
			e.current.Store(p)
		}
		e.state = state
	}
	e.problem.Store(nil)
	return nil
}

func (e *Engine) refuse(err error) error {
	e.problem.Store(&err)
	return err
}

// Evaluated says how often the policies in force were evaluated since they were
// activated, and how often that failed; what is remembered does not count. Each failure
// refused a request.
func (e *Engine) Evaluated() (times, failed int64) {
	p := e.current.Load()
	return p.evaluated.Load(), p.failed.Load()
}

// Decide asks the policies in force. With an error it always denies, with the
// reason input-invalid or policy-error; the error is for the log. Callers share the
// slices of a Decision and must not change them.
func (e *Engine) Decide(ctx context.Context, in Input) (Decision, error) {
	p := e.decides(&in.Agent)
	if err := validate(&in); err != nil {
		return Decision{Reason: "input-invalid", Revision: p.revision}, err
	}
	d, err := e.decide(ctx, p, in)
	if e.shadow.Load() != nil {
		e.compare(&in, d)
	}
	return d, err
}

// decide asks one program, or remembers.
func (e *Engine) decide(ctx context.Context, p *program, in Input) (Decision, error) {
	var space [512]byte
	key := in.appendKey(space[:0])
	if d, ok := p.memory.get(key); ok {
		return d, nil
	}
	d, err := p.decide(ctx, &in, e.options.Deadline)
	p.count(err)
	d.Revision = p.revision
	if err != nil {
		failed := in // a copy only now: decisions are many
		e.failed.Store(&failed)
		return Decision{Reason: "policy-error", Revision: p.revision}, fmt.Errorf("decide: %w", err)
	}
	p.memory.put(key, d, e.recent.note(key, &in, d))
	return d, nil
}

// Failing says why the policies in force cannot decide the question that last could not be
// decided, nil if they can.
func (e *Engine) Failing(ctx context.Context) error {
	in := e.failed.Load()
	if in == nil {
		return nil
	}
	_, err := e.current.Load().decide(ctx, in, e.options.Deadline)
	if err == nil {
		e.failed.CompareAndSwap(in, nil)
	}
	return err
}

// decide evaluates with a deadline and recovers panics. It does not stop when the
// client hangs up: the request is recorded all the same.
func (p *program) decide(ctx context.Context, in *Input, deadline time.Duration) (d Decision, err error) {
	defer func() {
		if r := recover(); r != nil {
			d, err = Decision{}, fmt.Errorf("panic in a policy: %v", r)
		}
	}()
	results, err := p.evaluateWithin(context.WithoutCancel(ctx), in, deadline)
	if err != nil {
		return Decision{}, err
	}
	return answer(results, in.Type)
}

func (p *program) evaluateWithin(ctx context.Context, in *Input, deadline time.Duration) (rego.ResultSet, error) {
	cancel := topdown.NewCancel()
	timer := time.AfterFunc(deadline, cancel.Cancel)
	defer timer.Stop()
	results, err := p.evaluate(ctx, in.value(), cancel)
	if cancel.Cancelled() {
		return nil, ErrDeadline
	}
	return results, err
}

// ErrDeadline says that a decision took longer than Options.Deadline: the policy is
// too slow or the machine too busy. It denies like every error, but a retry may
// succeed.
var ErrDeadline = errors.New("the decision took too long")
