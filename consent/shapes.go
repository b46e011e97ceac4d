package consent

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// shapes keeps the roll of a registry, and what it said last.
type shapes struct {
	last atomic.Pointer[view]
	turn chan struct{} // who brings the roll up to date
	roll *roll         // nil: to be filled
	name func() string

	codes map[string]bool // names of the criteria of codes that make shapes
}

// mostCodes bounds the criteria of codes that make shapes: beyond them, what resources
// answer to further ones is left to each row.
const mostCodes = 256

// named says whether a criterion of codes makes shapes.
func (s *shapes) named(c *content) bool {
	if !s.codes[c.name] && len(s.codes) < mostCodes {
		s.codes[c.name] = true
	}
	return s.codes[c.name]
}

func newShapes() *shapes {
	prefix, n := rand.Text()[:8], 0
	return &shapes{turn: make(chan struct{}, 1), codes: map[string]bool{}, name: func() string { n++; return fmt.Sprintf("%s/%d", prefix, n) }}
}

// Shapes are all patients who have Consents that say something at a time, at least as new
// as an epoch, by what is foreseen of them. known is false if it cannot be told, because
// periods of Consents have begun or ended since. The first call reads all Consents there are.
func (r *Registry) Shapes(ctx context.Context, epoch int64, now time.Time) (all []*Shape, known bool, err error) {
	at := now.UnixMilli()
	v := r.shapes.last.Load()
	if v.outdated(epoch, at) {
		// Who fills goes on if the caller hangs up: others wait for it.
		if v, err = r.catchUpShapes(ctx, context.WithoutCancel(ctx), epoch, at); err != nil {
			return nil, false, err
		}
	}
	if at < v.from {
		return nil, false, nil
	}
	return v.shapes, true, nil
}

// Prepare takes in all Consents there are, unless that is done, so that nobody who asks for
// shapes has to wait for it. It ends with ctx.
func (r *Registry) Prepare(ctx context.Context, now time.Time) error {
	if r.shapes.last.Load() != nil {
		return nil
	}
	_, err := r.catchUpShapes(ctx, ctx, 0, now.UnixMilli())
	return err
}

func (v *view) outdated(epoch, now int64) bool {
	return v == nil || v.epoch < epoch || now >= v.until
}

func (r *Registry) catchUpShapes(ctx, filling context.Context, epoch, now int64) (*view, error) {
	s := r.shapes
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	v := s.last.Load()
	if !v.outdated(epoch, now) {
		return v, nil
	}
	at, err := r.follow(ctx, filling, v, epoch, now)
	if err == nil && at < epoch {
		err = fmt.Errorf("find consents: read at epoch %d, before %d", at, epoch)
	}
	if err != nil {
		s.roll = nil // it may have taken in a part of the changes
		return nil, err
	}
	v = s.roll.show(at)
	s.last.Store(v)
	return v, nil
}

// follow brings the roll up to date, and says as of which epoch it is then. It reads
// patients again one by one if they are few, and all Consents otherwise.
func (r *Registry) follow(ctx, filling context.Context, v *view, epoch, now int64) (at int64, err error) {
	s := r.shapes
	if s.roll == nil {
		return r.fill(filling, now)
	}
	var stale []string
	if at = v.epoch; at < epoch {
		var keys []string
		if keys, at, err = r.finder.ConsentChanges(ctx, at); err != nil {
			return 0, fmt.Errorf("find changed consents: %w", err)
		}
		for _, key := range keys {
			if strings.HasPrefix(key, "Patient/") {
				stale = append(stale, key)
			}
		}
	}
	if stale = append(stale, s.roll.due(now)...); len(stale) > mostStale {
		return r.fill(filling, now)
	}
	for _, patient := range stale {
		rules, err := r.Rules(ctx, patient, at)
		if err != nil {
			return 0, err
		}
		is := newStanding(s.named)
		for _, one := range rules {
			is.add(one, now, nil)
		}
		s.roll.put(patient, is)
	}
	return at, nil
}

// fill makes a roll of all Consents.
func (r *Registry) fill(ctx context.Context, now int64) (at int64, err error) {
	f := filling{now: now, named: r.shapes.named, of: map[string]standing{}, models: map[[sha256.Size]byte]*model{}}
	u := reuse{known: map[[sha256.Size]byte]*Rules{}}
	at = -1
	err = r.finder.EachConsent(ctx, func(list []Found, epoch int64) error {
		if at < 0 {
			at = epoch
		}
		for _, one := range list {
			f.add(u.compile(r, one), one.Patients)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("find consents: %w", err)
	}
	l := newRoll(r.shapes.name)
	for patient, is := range f.of {
		l.put(patient, is)
	}
	r.shapes.roll = l
	return at, nil
}

// filling gathers how the Consents of each patient stand.
type filling struct {
	now    int64
	named  func(*content) bool
	of     map[string]standing
	models map[[sha256.Size]byte]*model
}

func (f *filling) add(rules *Rules, patients []string) {
	for _, patient := range patients {
		is, known := f.of[patient]
		if !known {
			patient, is = strings.Clone(patient), newStanding(f.named)
		}
		is.add(rules, f.now, f.common)
		f.of[patient] = is
	}
}

// common gives one model in place of all with its key. All beyond the bound are one.
func (f *filling) common(m *model) *model {
	known := f.models[m.key]
	if known == nil {
		if known = m; len(f.models) >= mostModels {
			return &model{}
		}
		f.models[m.key] = m
	}
	return known
}
