package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// sayEvery is the time between two lines about the progress where there is no terminal.
const sayEvery = 5 * time.Second

// progress counts. It shows a bar with the rate on a terminal, and a line from time to time
// elsewhere.
type progress struct {
	mu                               sync.Mutex
	stdout, stderr                   io.Writer
	now                              func() time.Time
	start, said                      time.Time
	total, seen                      int // resources
	bar                              *progressbar.ProgressBar
	shown                            bool // on a terminal
	parcels, resources, old, refused int
}

func newProgress(parcels []*parcel, stdout, stderr io.Writer, now func() time.Time) *progress {
	p := &progress{stdout: stdout, stderr: stderr, now: now, start: now()}
	p.said = p.start
	for _, one := range parcels {
		p.total += one.resources
	}
	f, ok := stderr.(*os.File)
	p.shown = ok && term.IsTerminal(int(f.Fd()))
	p.bar = progressbar.NewOptions(p.total, progressbar.OptionSetWriter(stderr), progressbar.OptionShowIts(),
		progressbar.OptionSetVisibility(p.shown),
		progressbar.OptionSetItsString("resources"), progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond))
	return p
}

// done counts a parcel; failures are entries of a batch that were refused.
func (p *progress) done(one *parcel, failures []string) {
	p.advance(one, failures, func() {
		p.parcels++
		p.resources += one.resources - len(failures)
	})
}

func (p *progress) skipped(one *parcel) { p.advance(one, nil, func() { p.old++ }) }

func (p *progress) failed(one *parcel, err error) {
	p.advance(one, []string{err.Error()}, func() {})
}

func (p *progress) advance(one *parcel, failures []string, count func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	count()
	p.refused += len(failures)
	for _, f := range failures {
		_ = p.bar.Clear() // a bar that cannot be drawn is no reason to stop
		fmt.Fprintf(p.stderr, "%s: %s\n", one.name, f)
	}
	p.seen += one.resources
	_ = p.bar.Add(one.resources)
	p.say("")
}

// say prints a line without a terminal, if the last one is some time ago.
func (p *progress) say(more string) {
	if p.shown || p.now().Sub(p.said) < sayEvery {
		return
	}
	p.said = p.now()
	fmt.Fprintf(p.stderr, "%d of %d resources after %.0f s%s\n", p.seen, p.total, p.said.Sub(p.start).Seconds(), more)
}

// waits tells that the server asks for a wait.
func (p *progress) waits(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say(fmt.Sprintf("; the server asks to wait %.0f s", d.Seconds()))
}

// finish prints the summary.
func (p *progress) finish() {
	_ = p.bar.Exit()
	if p.shown {
		fmt.Fprintln(p.stderr)
	}
	took := p.now().Sub(p.start)
	rate := 0.0
	if took > 0 {
		rate = float64(p.resources) / took.Seconds()
	}
	fmt.Fprintf(p.stdout, "imported %d resources in %d bundles, %.1f s, %.0f resources/s; %d bundles were there before; %d refused\n",
		p.resources, p.parcels, took.Seconds(), rate, p.old, p.refused)
}
