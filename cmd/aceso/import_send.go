package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// refused is the server's answer to a parcel that it did not take.
type refused struct {
	status        int
	detail, after string // after is Retry-After
}

func (r *refused) Error() string { return fmt.Sprintf("%d: %s", r.status, r.detail) }

// errDoubt is the error of a parcel that the server may or may not have.
var errDoubt = errors.New("was sent before without an answer and has no identifier to look for; check the server, then import it with another --state file or leave it out")

// send sends one wave with several workers. A failure of one parcel is printed and
// counted; a failure that concerns all ends the import.
func (i *importer) send(ctx context.Context, wave []*parcel) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(i.workers)
	for _, p := range wave {
		group.Go(func() error {
			err := i.deliver(ctx, p)
			var r *refused
			switch {
			case err == nil:
				return nil
			case ctx.Err() != nil:
				return errors.New("interrupted; run the same command again to go on")
			case errors.As(err, &r) && r.status == http.StatusUnauthorized:
				return fmt.Errorf("the server does not accept the token: %s", r.detail)
			case errors.As(err, &r) || errors.Is(err, errDoubt):
				i.show.failed(p, err)
				return nil
			}
			return fmt.Errorf("%s: %w", p.name, err)
		})
	}
	return group.Wait()
}

// deliver makes sure that the server has the parcel exactly once.
func (i *importer) deliver(ctx context.Context, p *parcel) error {
	there, err := i.alreadyThere(ctx, p)
	if err != nil {
		return err
	}
	if there {
		i.show.skipped(p)
		return i.state.mark(p.sum, markDone)
	}
	body, err := p.body()
	if err != nil {
		return err
	}
	if err := i.state.mark(p.sum, markSent); err != nil {
		return err
	}
	answer, err := i.post(ctx, p, body)
	if err != nil {
		return err
	}
	i.show.done(p, batchFailures(answer))
	return i.state.mark(p.sum, markDone)
}

// alreadyThere asks the server about a parcel that was sent or finished before:
// the state file may be older than the server's data, or of other data.
func (i *importer) alreadyThere(ctx context.Context, p *parcel) (bool, error) {
	m := i.state.of(p.sum)
	switch {
	case m.what == "":
		return false, nil
	case p.witness != "" && m.what == markSent:
		return i.settled(ctx, p, m.at)
	case p.witness != "":
		return i.has(ctx, p.witness)
	case m.what == markDone:
		return true, nil
	case p.idempotent:
		return false, nil
	}
	return false, errDoubt
}

// settle is how long a server may work on a bundle whose sender has gone.
const settle = 10 * time.Second

// settled asks until the server has the parcel or can no longer be working on it.
func (i *importer) settled(ctx context.Context, p *parcel, sent time.Time) (bool, error) {
	for {
		over := i.now().Sub(sent) > settle // before asking
		there, err := i.has(ctx, p.witness)
		if there || err != nil || over {
			return there, err
		}
		if err := pause(ctx, settle/20); err != nil {
			return false, err
		}
	}
}

// has says whether a search for a witness finds something.
func (i *importer) has(ctx context.Context, witness string) (bool, error) {
	typ, identifier, _ := strings.Cut(witness, "?identifier=")
	system, value, _ := strings.Cut(identifier, "|")
	query := url.Values{"identifier": {escapeToken(system) + "|" + escapeToken(value)}, "_count": {"1"}}
	answer, err := i.retry(ctx, http.MethodGet, "/"+typ+"?"+query.Encode(), nil)
	if err != nil {
		return false, err
	}
	var found struct{ Entry []json.RawMessage }
	if err := json.Unmarshal(answer, &found); err != nil {
		return false, fmt.Errorf("search for %s: %w", typ, err)
	}
	return len(found.Entry) > 0, nil
}

// escapeToken protects the separators of search values.
func escapeToken(s string) string {
	return strings.NewReplacer(`\`, `\\`, `|`, `\|`, `,`, `\,`, `$`, `\$`).Replace(s)
}

// post sends a parcel. A broken connection leaves open whether the server has it, so
// the server is asked before the parcel is sent again.
func (i *importer) post(ctx context.Context, p *parcel, body []byte) ([]byte, error) {
	for attempt := 0; ; attempt++ {
		answer, err := i.retry(ctx, http.MethodPost, "", body)
		if !broken(err) || attempt == attempts {
			return answer, err
		}
		if err := pause(ctx, retryAfter("", attempt, i.now())); err != nil {
			return nil, err
		}
		there, err := i.alreadyThere(ctx, p)
		if there || err != nil {
			return nil, err
		}
	}
}

// attempts bounds how often a request is repeated.
const attempts = 8

// broken reports whether the connection failed.
func broken(err error) bool {
	var b *url.Error
	return errors.As(err, &b)
}

// retry repeats a request while the server says that it did nothing (too many
// requests, no service at the moment), and a read also when the connection broke. A server
// that asks for patience (429) gets it: that is no failure, however often it asks.
func (i *importer) retry(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	for attempt := 0; ; {
		answer, err := i.once(ctx, method, path, body)
		r := new(refused)
		_ = errors.As(err, &r) // r stays empty for any other error
		patience := r.status == http.StatusTooManyRequests
		again := patience || r.status == http.StatusServiceUnavailable || method == http.MethodGet && broken(err)
		if !again || attempt == attempts {
			return answer, err
		}
		wait := retryAfter(r.after, attempt, i.now())
		if patience {
			i.show.waits(wait)
		} else {
			attempt++
		}
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// longestWait bounds a wait that the server asks for.
const longestWait = time.Hour

// retryAfter reads seconds or a date; without either the wait doubles.
func retryAfter(value string, attempt int, now time.Time) time.Duration {
	wait := 100 * time.Millisecond << attempt
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), longestWait)
}

// outcome is the readable part of an OperationOutcome.
type outcome struct {
	Issue []struct {
		Diagnostics string
		Details     struct{ Text string }
		Expression  []string
	}
}

func outcomeText(answer []byte) string {
	var o outcome
	if json.Unmarshal(answer, &o) != nil || len(o.Issue) == 0 {
		return "the server gave no reason"
	}
	text := cmp.Or(o.Issue[0].Details.Text, o.Issue[0].Diagnostics)
	if len(o.Issue[0].Expression) > 0 {
		text += " (at " + o.Issue[0].Expression[0] + ")"
	}
	if more := len(o.Issue) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// batchFailures lists the entries of a batch that the server refused.
func batchFailures(answer []byte) (failures []string) {
	var b struct {
		Entry []struct {
			Response struct {
				Status  string
				Outcome json.RawMessage
			}
		}
	}
	if json.Unmarshal(answer, &b) != nil {
		return nil
	}
	for n, e := range b.Entry {
		if !strings.HasPrefix(e.Response.Status, "2") {
			failures = append(failures, fmt.Sprintf("entry %d: %s: %s", n, e.Response.Status, outcomeText(e.Response.Outcome)))
		}
	}
	return failures
}
