// Package office is where a house chooses the rules by which its resources are labelled. Who
// may is the policy's matter; each choice is recorded with the row that keeps it.
//
// It speaks no HTTP, and does not label: see package labels.
package office

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/labels"
)

// Office is where a house chooses the rules by which its resources are labelled.
type Office struct {
	Keeper kept.Keeper
	// Enforce puts what is kept in force, and returns when it binds the next request.
	Enforce func(context.Context) error
	// Progress is how far the index follows.
	Progress func(context.Context) (labels.Progress, error)
}

// Shown is what an office says of its rules.
type Shown struct {
	Sets []Brought    `json:"sets"`
	Own  []labels.Set `json:"own,omitempty"`
	labels.Progress
}

// Brought is a built-in set.
type Brought struct {
	Name    string   `json:"name"`
	Version int      `json:"version"`
	Title   string   `json:"title"`
	Sources []string `json:"sources"`
	Labels  []string `json:"labels"`
	On      bool     `json:"on"`
}

// Show tells which rules are in force.
func (o *Office) Show(ctx context.Context, call *kept.Call, who agent.Agent) (any, error) {
	if err := o.Keeper.Commit(ctx, call, kept.Event{Interaction: "policy-read", Agent: who, Detail: "labels=all"}); err != nil {
		return nil, err
	}
	return o.shown(ctx)
}

func (o *Office) shown(ctx context.Context) (any, error) {
	c, _, err := o.chosen(ctx)
	if err != nil {
		return nil, err
	}
	s := Shown{Own: c.Own}
	for _, b := range labels.BuiltIn() {
		one := Brought{Name: b.Name, Version: b.Version, Title: b.Title, Sources: b.Sources, On: slices.Contains(c.Sets, b.Name)}
		for _, r := range b.Rules {
			one.Labels = append(one.Labels, r.Labels...)
		}
		slices.Sort(one.Labels)
		one.Labels = slices.Compact(one.Labels)
		s.Sets = append(s.Sets, one)
	}
	s.Progress, err = o.Progress(ctx)
	return s, err
}

// chosen is the choice that is kept, and its version.
func (o *Office) chosen(ctx context.Context) (c labels.Choice, version int64, err error) {
	row, err := o.Keeper.Kept(ctx, labels.Space, labels.Key)
	if errors.Is(err, kept.ErrNotFound) {
		return c, 0, nil
	}
	if err == nil {
		c, err = labels.ParseChoice(row.Value)
	}
	return c, row.Version, err
}

// Choose keeps other rules. They bind when it returns; the index follows.
func (o *Office) Choose(ctx context.Context, call *kept.Call, who agent.Agent, text []byte) (any, error) {
	c, err := labels.ParseChoice(text)
	if err != nil {
		return nil, &fhir.Error{Kind: fhir.Unprocessable, Detail: "The rules of labels cannot be used: " + err.Error() + ".", Err: err}
	}
	row, err := o.Keeper.Kept(ctx, labels.Space, labels.Key)
	if err != nil && !errors.Is(err, kept.ErrNotFound) {
		return nil, err
	}
	value, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	if err := o.Keeper.Commit(ctx, call, kept.Event{Interaction: "label-write", Agent: who, Detail: detail(&c, value)}, kept.Row{Space: labels.Space, Key: labels.Key, Value: value, Version: row.Version}); err != nil {
		return nil, err
	}
	if err := o.Enforce(context.WithoutCancel(ctx)); err != nil {
		return nil, &fhir.Error{Kind: fhir.Unavailable, Detail: "The rules of labels are kept, and will bind in a moment: it is tried again.", Err: err}
	}
	return o.shown(ctx)
}

// detail names a choice in records.
func detail(c *labels.Choice, value []byte) string {
	var own []string
	for _, s := range c.Own {
		own = append(own, s.Name)
	}
	sum := sha256.Sum256(value)
	return url.Values{"sets": {strings.Join(c.Sets, ",")}, "own": {strings.Join(own, ",")}, "hash": {hex.EncodeToString(sum[:])}}.Encode()
}
