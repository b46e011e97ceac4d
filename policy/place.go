package policy

import (
	"context"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Place is where in the policies a question is decided: the rule whose value the decision is.
type Place struct {
	Rule     string // its name
	File     string
	Line     int
	Revision string // of the policies
}

// PlaceOf says where the policies in force decide a question. It evaluates them with a
// trace, which Decide does not, and counts nowhere.
func (e *Engine) PlaceOf(ctx context.Context, in Input) (Place, error) {
	return e.decides(&in.Agent).placeOf(ctx, &in, 10*e.options.Deadline)
}

// PlaceOf says where a candidate decides a question.
func (c *Candidate) PlaceOf(ctx context.Context, in Input) (Place, error) {
	return c.program.placeOf(ctx, &in, time.Second)
}

func (p *program) placeOf(ctx context.Context, in *Input, deadline time.Duration) (place Place, err error) {
	if err := validate(in); err != nil {
		return place, err
	}
	place.Revision = p.revision
	cancel := topdown.NewCancel()
	timer := time.AfterFunc(deadline, cancel.Cancel)
	defer timer.Stop()
	tracer := &lastRule{}
	_, err = p.traced(context.WithoutCancel(ctx), in.value(), cancel, tracer)
	if r := tracer.decided; r != nil && err == nil {
		place.Rule, place.File, place.Line = string(r.Head.Name), r.Location.File, r.Location.Row
	}
	return place, err
}

// lastRule notes the last rule that came to a value before the decision did. It implements
// topdown.QueryTracer.
type lastRule struct{ last, decided *ast.Rule }

// Enabled implements topdown.QueryTracer.
func (*lastRule) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (*lastRule) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements topdown.QueryTracer.
func (t *lastRule) TraceEvent(e topdown.Event) {
	rule, ok := e.Node.(*ast.Rule)
	if e.Op != topdown.ExitOp || !ok || len(rule.Head.Args) > 0 || rule.Location == nil {
		return
	}
	if rule.Head.Name == "decision" {
		if t.decided = t.last; t.decided == nil {
			t.decided = rule
		}
		return
	}
	t.last = rule
}
