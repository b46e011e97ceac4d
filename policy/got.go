package policy

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// mostCompared bounds how many tests that failed are run again to see what they got.
const mostCompared = 10

// compare runs the first of the tests that failed once more, and notes what they got.
func (r *Report) compare(ctx context.Context, s *source) error {
	var failed []string
	for _, t := range r.Tests {
		if !t.Passed && !t.Skipped && t.Err == nil && len(failed) < mostCompared {
			failed = append(failed, regexp.QuoteMeta(t.Name))
		}
	}
	if len(failed) == 0 {
		return nil
	}
	again, err := runSuite(ctx, s, func(run *tester.Runner) *tester.Runner {
		return run.EnableTracing(true).Filter("^(" + strings.Join(failed, "|") + ")$")
	})
	if err != nil {
		return err
	}
	for _, t := range again.Tests {
		if i := slices.IndexFunc(r.Tests, func(one TestResult) bool { return one.Name == t.Name && one.Place == t.Place }); i >= 0 {
			r.Tests[i].Got = t.Got
		}
	}
	return nil
}

// got is the line of a traced test that did not hold, and the values of what it compares.
func got(t *tester.Result) string {
	for _, e := range slices.Backward(t.Trace) {
		if e.Op != topdown.FailOp || e.Location == nil || e.Location.File != t.Location.File || e.QueryID == 0 || e.Location.Row < t.Location.Row {
			continue
		}
		var b strings.Builder
		if topdown.PrettyEvent(&b, e, topdown.PrettyEventOpts{PrettyVars: true}) != nil {
			return ""
		}
		return b.String()[:min(b.Len(), mostWords)]
	}
	return ""
}
