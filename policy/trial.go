package policy

import (
	"context"
	"fmt"
	"io/fs"
)

// Trial is what a check of policies found, and their tests if they were run.
type Trial struct {
	Revision string   `json:"revision"`
	Problem  string   `json:"problem,omitempty"` // why they cannot be put in force
	Tested   bool     `json:"tested"`            // the tests were run
	Passed   int      `json:"passed"`
	Failed   int      `json:"failed"`
	Failures []string `json:"failures,omitempty"` // the first of those that failed
	Got      []string `json:"got,omitempty"`      // of each of these, what it compares and with what values; "" if not known
	Coverage float64  `json:"coverage"`
	Missed   []string `json:"missed,omitempty"` // places that no test evaluates, the first of them
}

// mostTold bounds what a trial names one by one, mostWords each of them.
const (
	mostTold  = 50
	mostWords = 4 << 10
)

// Try checks packed policies, and runs their tests if it is to. What is wrong with them is
// no error but a Trial that says so.
func Try(ctx context.Context, archive []byte, tests bool) Trial {
	fsys, err := Unpack(archive)
	if err != nil {
		return Trial{Problem: short(err)}
	}
	t, err := try(ctx, fsys, tests)
	if err != nil {
		t.Problem = short(err)
	}
	return t
}

func try(ctx context.Context, fsys fs.FS, tests bool) (t Trial, err error) {
	s, err := readSource(fsys)
	if err != nil {
		return t, err
	}
	t.Revision = s.revision()
	if _, err := compile(ctx, s); err != nil {
		return t, err
	}
	if !tests {
		return t, nil
	}
	report, err := Test(ctx, fsys)
	if err != nil {
		return t, err
	}
	t.Tested, t.Coverage, t.Missed = true, report.Coverage, report.Missed[:min(len(report.Missed), mostTold)]
	for _, one := range report.Tests {
		t.count(one)
	}
	return t, report.failure()
}

func (t *Trial) count(one TestResult) {
	switch {
	case one.Passed:
		t.Passed++
	case !one.Skipped:
		if t.Failed++; len(t.Failures) < mostTold {
			t.Failures = append(t.Failures, fmt.Sprintf("%s (%s)", one.Name, one.Place))
			t.Got = append(t.Got, one.Got)
		}
	}
}

func short(err error) string {
	text := err.Error()
	return text[:min(len(text), mostWords)]
}
