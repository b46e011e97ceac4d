package policy

import (
	"context"
	"encoding/json"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
)

// canary is another program that decides for the agents of some organisations.
type canary struct {
	*program
	organizations []string
}

// Canary lets other policies decide for the agents of some organisations; nil ends that.
// If they cannot be put in force, what was so before stays.
func (e *Engine) Canary(ctx context.Context, fsys fs.FS, organizations []string) error {
	if fsys == nil {
		e.canary.Store(nil)
		return nil
	}
	p, err := admitted(ctx, fsys)
	if err == nil {
		e.canary.Store(&canary{p, slices.Clone(organizations)})
	}
	return err
}

func admitted(ctx context.Context, fsys fs.FS) (*program, error) {
	s, err := readSource(fsys)
	if err != nil {
		return nil, err
	}
	return admit(ctx, s)
}

// decides is the program for an agent.
func (e *Engine) decides(a *Agent) *program {
	if c := e.canary.Load(); c != nil && slices.Contains(c.organizations, a.Organization) {
		return c.program
	}
	return e.current.Load()
}

const (
	// shadowTurns is how many questions a shadow decides at once: it never makes anybody wait.
	shadowTurns = 2
	// mostDifferences are kept of those that a shadow decides otherwise.
	mostDifferences = 100
)

// shadow is a program that is asked what the policies in force are asked, and never answers.
type shadow struct {
	*program
	turns chan struct{}

	asked, differs, missed atomic.Int64

	mu    sync.Mutex
	known map[string]bool
	list  []Difference
}

// Difference is a question that a shadow decides otherwise.
type Difference struct {
	Input  Input    `json:"input"`
	Now    Decision `json:"now"`
	Shadow Decision `json:"shadow"`
	Failed string   `json:"failed,omitempty"` // why the shadow cannot decide it
}

// Shadowing is what a shadow has seen on this node.
type Shadowing struct {
	Revision string       `json:"revision"`
	Asked    int64        `json:"asked"`
	Differs  int64        `json:"differs"`
	Missed   int64        `json:"missed"` // not asked, because it was busy
	List     []Difference `json:"differences"`
}

// Shadow lets other policies be asked, too; nil ends that.
func (e *Engine) Shadow(ctx context.Context, fsys fs.FS) error {
	if fsys == nil {
		e.shadow.Store(nil)
		return nil
	}
	p, err := admitted(ctx, fsys)
	if err == nil {
		e.shadow.Store(&shadow{program: p, turns: make(chan struct{}, shadowTurns), known: map[string]bool{}})
	}
	return err
}

// Shadowing says what the shadow has seen, nil if there is none.
func (e *Engine) Shadowing() *Shadowing {
	s := e.shadow.Load()
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Shadowing{Revision: s.revision, Asked: s.asked.Load(), Differs: s.differs.Load(), Missed: s.missed.Load(), List: slices.Clone(s.list)}
}

// compare asks the shadow what was decided, without anybody waiting for it.
func (e *Engine) compare(in *Input, d Decision) {
	s := e.shadow.Load()
	if s == nil {
		return
	}
	select {
	case s.turns <- struct{}{}:
	default:
		s.missed.Add(1)
		return
	}
	asked := *in
	go func() {
		defer func() { <-s.turns }()
		s.ask(&asked, d, e.options)
	}()
}

func (s *shadow) ask(in *Input, now Decision, o Options) {
	var space [512]byte
	key := in.appendKey(space[:0])
	d, remembered := s.memory.get(key)
	var err error
	if !remembered {
		if d, err = s.decide(context.Background(), in, o.Deadline); err == nil {
			s.memory.put(key, d, nil)
		}
	}
	s.asked.Add(1)
	d.Revision = s.revision
	if err == nil && same(d, now) {
		return
	}
	s.differs.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[string(key)] || len(s.list) >= mostDifferences {
		return
	}
	s.known[string(key)] = true
	one := Difference{Input: *in, Now: now, Shadow: d}
	if err != nil {
		one.Failed = short(err)
	}
	s.list = append(s.list, one)
}

// same says whether two decisions are one but for the revision.
func same(a, b Decision) bool {
	a.Revision, b.Revision = "", ""
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}
