// Package kepttest has a Keeper in memory, for tests of the authorization server and of
// how people sign in.
//
// It asks no policy unless a test brings one, and seals and signs nothing. It is never
// linked into the binary.
package kepttest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aceso-health/aceso/kept"
)

// Memory is an kept.Keeper. A test that asks from several goroutines locks it to look at
// its fields.
type Memory struct {
	sync.Mutex
	Now    func() time.Time
	Rows   map[string]kept.Row // by space/key
	Events []kept.Event        // that were recorded
	Fails  error               // of every commit: nothing is recorded then
	Policy func(kept.Event) error
}

// New makes an empty one.
func New(now func() time.Time) *Memory { return &Memory{Now: now, Rows: map[string]kept.Row{}} }

func (m *Memory) gone(r kept.Row) bool { return !r.Expires.IsZero() && !m.Now().Before(r.Expires) }

// Kept returns a row that has not expired, or ErrNotFound.
func (m *Memory) Kept(_ context.Context, space, key string) (kept.Row, error) {
	m.Lock()
	defer m.Unlock()
	r, ok := m.Rows[space+"/"+key]
	if !ok || m.gone(r) {
		return kept.Row{}, kept.ErrNotFound
	}
	return r, nil
}

// EachKept returns rows of a space in the order of their keys.
func (m *Memory) EachKept(_ context.Context, space, after string, limit int) (some []kept.Row, err error) {
	m.Lock()
	defer m.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.Rows)) {
		if key, ok := strings.CutPrefix(id, space+"/"); ok && key > after && len(some) < limit && !m.gone(m.Rows[id]) {
			some = append(some, m.Rows[id])
		}
	}
	return some, nil
}

// Commit records an event, and writes rows if they are in the versions expected and the
// policy permits it.
func (m *Memory) Commit(_ context.Context, call *kept.Call, e kept.Event, rows ...kept.Row) error {
	m.Lock()
	defer m.Unlock()
	if m.Fails != nil {
		return m.Fails
	}
	for _, r := range rows {
		now := m.Rows[r.Space+"/"+r.Key]
		if m.gone(now) {
			now.Version = 0
		}
		if now.Version != r.Version {
			return kept.ErrChanged
		}
	}
	m.Events = append(m.Events, e)
	if call != nil {
		call.Receipts = append(call.Receipts, "receipt")
	}
	if m.Policy != nil && e.Refused == "" {
		if err := m.Policy(e); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if r.Value == nil {
			delete(m.Rows, r.Space+"/"+r.Key)
			continue
		}
		r.Version++
		m.Rows[r.Space+"/"+r.Key] = r
	}
	return nil
}
