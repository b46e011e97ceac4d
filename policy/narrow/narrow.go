// Package narrow proves what a change of policies can do: whether the new revision permits
// less than the old one, more, both or the same, whatever somebody asks.
//
// Policies see a request as a few texts. Rules that only compare them (with each other,
// with what the policies say, the time with times) cannot tell apart two requests whose
// texts compare alike. So finitely many requests stand for all: each text is one of those
// that a revision compares it with, or any other; the time is cut at the times compared.
// Both revisions are evaluated over all combinations. What an evaluation did not look at
// does not matter to it, so one evaluation speaks for many combinations.
//
// It does not look at resources or Consents: of two decisions it compares allow, how
// Consents bind, constraints and obligations. What it cannot take apart, such as functions
// that look into a text, it does not guess: such a change is not proved.
package narrow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/aceso-health/aceso/policy"
)

// Verdict is what a change does.
type Verdict string

// Verdicts.
const (
	Equal    Verdict = "equal"    // the same is permitted, for whatever reason
	Narrower Verdict = "narrower" // nothing more is permitted, and something less
	Wider    Verdict = "wider"    // something more is permitted, and nothing less
	Both     Verdict = "both"     // some requests get more, others less
	Unproved Verdict = "unproved" // it cannot be proved, see Result.Why
)

// Result is what is proved of a change.
type Result struct {
	Verdict Verdict
	Why     string // of Unproved: what stands in the way, and where
	Cases   int    // how many evaluations of both revisions it took

	More, Less *Example // the smallest request that gets more, or less
}

// Example is a request that two revisions decide differently.
type Example struct {
	Input    policy.Input
	Old, New policy.Decision
	Matters  []string // what of the input matters; all else is any
}

// Time is how long a proof may take. One about the built-in policies takes some seconds of a
// processor.
const Time = 20 * time.Second

// Narrows says whether a change is proved to permit nothing more. Without a proof it
// says why.
func Narrows(ctx context.Context, before, after fs.FS) (bool, error) {
	r, err := Compare(ctx, before, after)
	switch {
	case err != nil:
		return false, err
	case r.Verdict == Unproved:
		return false, fmt.Errorf("cannot be proved: %s", r.Why)
	}
	return r.Verdict == Narrower || r.Verdict == Equal, nil
}

// Compare compares two policy folders. An error says that one of them is no policy.
func Compare(ctx context.Context, before, after fs.FS) (Result, error) {
	a, err := policy.Look(ctx, before)
	if err != nil {
		return Result{}, fmt.Errorf("old revision: %w", err)
	}
	b, err := policy.Look(ctx, after)
	if err != nil {
		return Result{}, fmt.Errorf("new revision: %w", err)
	}
	if a.Revision() == b.Revision() {
		return Result{Verdict: Equal}, nil
	}
	return proved(ctx, a, b, Time, mostCases)
}

// proved compares within a time, and a number of cases.
func proved(ctx context.Context, a, b *policy.Candidate, most time.Duration, cases int) (Result, error) {
	ctx, stop := context.WithTimeout(ctx, most)
	defer stop()
	r, err := compare(ctx, a, b, cases)
	var gap *gap
	if errors.As(err, &gap) {
		return Result{Verdict: Unproved, Why: gap.Error(), Cases: r.Cases}, nil
	}
	return r, err
}

func compare(ctx context.Context, a, b *policy.Candidate, most int) (Result, error) {
	old, err := parse(a)
	if err != nil {
		return Result{}, err
	}
	next, err := parse(b)
	if err != nil {
		return Result{}, err
	}
	share(old, next)
	before, err := newModel(ctx, a, old)
	if err != nil {
		return Result{}, in("the old revision", err)
	}
	after, err := newModel(ctx, b, next)
	if err != nil {
		return Result{}, in("the new revision", err)
	}
	x := &explorer{before: before, after: after, domain: domainOf(before.flow, after.flow), most: most}
	if err := x.explore(ctx); err != nil {
		return Result{Cases: x.cases}, err
	}
	return x.result(ctx)
}

// gap is what stands in the way of a proof.
type gap struct{ why string }

// Error says it.
func (g *gap) Error() string { return g.why }

// in says in which revision it is.
func in(which string, err error) error {
	var g *gap
	if errors.As(err, &g) {
		return &gap{which + ", " + g.why}
	}
	return err
}
