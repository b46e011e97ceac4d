package narrow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aceso-health/aceso/policy"
)

// judge notes how the decisions of a run differ.
func (x *explorer) judge(r *run) {
	more, less := !AtMost(r.new, r.old), !AtMost(r.old, r.new)
	if !more && !less {
		return
	}
	scopes, ok := scopesFor(r.box.facts, r.texts[typ])
	if !ok {
		return // no token has such scopes
	}
	e := &Example{Input: r.input, Old: r.old, New: r.new, Matters: r.matters()}
	e.Input.Agent.Scopes = scopes
	if more {
		x.more = smaller(x.more, e)
	}
	if less {
		x.less = smaller(x.less, e)
	}
}

// matters are the parts of the input on which a decision rests.
func (r *run) matters() (all []string) {
	for d, choices := range r.box.choices {
		if !slices.Contains(choices, false) {
			continue
		}
		all = append(all, names[d])
		if dimension(d) == acting {
			all = append(all, names[action])
		}
	}
	if len(r.box.facts) > 0 {
		all = append(all, "agent.scopes")
	}
	return all
}

// smaller is the example that says less: fewer parts that matter, then fewer letters.
func smaller(a, b *Example) *Example {
	if a == nil || b.size() < a.size() {
		return b
	}
	return a
}

func (e *Example) size() int {
	text, err := json.Marshal(e.Input)
	if err != nil {
		return 1 << 30
	}
	return len(e.Matters)<<16 + len(text)
}

// result asks the revisions themselves about the examples, and says what was found.
func (x *explorer) result(ctx context.Context) (Result, error) {
	r := Result{Verdict: Equal, Cases: x.cases, More: x.more, Less: x.less}
	for _, e := range []*Example{x.more, x.less} {
		if e == nil {
			continue
		}
		if err := x.confirm(ctx, e); err != nil {
			return r, err
		}
	}
	switch {
	case x.more != nil && x.less != nil:
		r.Verdict = Both
	case x.more != nil:
		r.Verdict = Wider
	case x.less != nil:
		r.Verdict = Narrower
	}
	return r, nil
}

// confirm lets the revisions decide an example as a server would.
func (x *explorer) confirm(ctx context.Context, e *Example) error {
	for _, one := range []struct {
		m *model
		d *policy.Decision
	}{{x.before, &e.Old}, {x.after, &e.New}} {
		d, err := one.m.candidate.Decide(ctx, e.Input)
		if err != nil && d.Reason == "input-invalid" || !AtMost(d, *one.d) || !AtMost(*one.d, d) {
			return &gap{fmt.Sprintf("a request that was found to be decided differently is not, when it is asked: %+v", e.Input)}
		}
		*one.d = d
	}
	return nil
}
