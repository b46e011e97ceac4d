package access

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// identity is who calls, and the epoch up to which nothing that it rests on was written. It
// is remembered (Gate.callers) until one of the roles, organisations and teams that it
// rests on is written, or a membership begins or ends; it is checked against the epoch of
// every row that is judged.
type identity struct {
	*consent.Caller
	epoch int64
}

// callerKey appends by what a caller is remembered: all that its identity is resolved from.
func callerKey(b []byte, a *agent.Agent) []byte {
	b = append(b, a.Organization...)
	for _, actor := range a.Actors {
		b = append(append(b, 0), actor...)
	}
	return b
}

// identify finds out who calls, before anything is judged. It searches, so it must not
// be called while a row is judged.
func (r *review) identify(ctx context.Context) error {
	if r.caller != nil {
		return nil
	}
	g, a := r.gate, &r.call.Agent
	var room [256]byte
	key := callerKey(room[:0], a)
	k, _ := recall(&g.callers, key)
	if k == nil || !k.Until.IsZero() && !r.now.Before(k.Until) {
		found := &people{store: g.Store, base: g.Base, epoch: math.MaxInt64}
		var find consent.Searcher = found
		if past, over := g.Store.(*then); over {
			find = past
		}
		c, err := consent.Identify(ctx, find, g.Base, a.Actors, "Organization/"+a.Organization, r.now)
		if err != nil {
			return unavailable("caller cannot be identified", err)
		}
		k = &identity{Caller: c, epoch: found.epoch}
		g.callers.put(string(key), k)
	}
	r.caller = k
	r.subject.Actors, r.subject.Possible, r.subject.Open = k.Actors, k.Possible, k.Open
	return nil
}

// stillIs holds that the caller is who it was found to be, as of epoch. If one of the
// roles, organisations or teams was written since, it answers store.ErrChanged: the
// request is judged again.
func (r *review) stillIs(ctx context.Context, epoch int64) error {
	if r.caller == nil || epoch <= r.caller.epoch {
		return nil
	}
	return r.isAsOf(ctx, epoch)
}

// isAsOf is stillIs where something may have been written since; 0 is any epoch.
func (r *review) isAsOf(ctx context.Context, epoch int64) error {
	k := r.caller
	key := string(callerKey(nil, &r.call.Agent))
	written, at, err := r.gate.Store.ConsentChanges(ctx, k.epoch)
	if err != nil {
		return unavailable("caller cannot be identified", err)
	}
	if at < epoch || slices.ContainsFunc(written, func(w string) bool { return slices.Contains(k.Keys, w) }) {
		r.gate.callers.drop(key)
		return store.ErrChanged
	}
	r.caller = &identity{Caller: k.Caller, epoch: at}
	r.gate.callers.put(key, r.caller)
	return nil
}

// rests are the keys of what the caller's identity rests on.
func (k *identity) rests() []string {
	if k == nil {
		return nil
	}
	return k.Keys
}

// people finds who is what in the store. It implements consent.Searcher: judging needs
// it, nobody sees it.
type people struct {
	store store.Store
	base  string
	epoch int64 // the lowest of the snapshots
}

// Find implements consent.Searcher.
func (p *people) Find(ctx context.Context, typ, param string, values []string, limit int) ([]consent.Found, error) {
	query, err := search.ParseQuery(typ, []fhir.Param{{Name: param, Value: strings.Join(values, ",")}}, search.QueryOptions{Base: p.base})
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", typ, err)
	}
	everything := func(store.Row) (bool, error) { return true, nil }
	page, err := p.store.Search(ctx, store.Search{Query: query, Visible: everything, Limit: limit})
	if err != nil {
		return nil, err
	}
	p.epoch = min(p.epoch, page.Epoch)
	found := make([]consent.Found, len(page.Matches))
	for i, v := range page.Matches {
		found[i] = consent.Found{Ref: v.Ref, Version: v.Version, Body: v.Body}
	}
	return found, nil
}
