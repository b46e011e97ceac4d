// Package logtest keeps logs and part keys in memory, for tests of whatever needs
// them. Its rows can be damaged at will.
//
// It is not durable and no server uses it.
package logtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Log is a ledgerbridge.Log in memory.
type Log struct {
	Name string
	Now  func() time.Time

	mu    sync.Mutex
	rows  []ledgerbridge.Row
	tiles map[place][]byte
}

type place struct {
	level int
	index int64
}

// New returns an empty log of that source.
func New(source string) *Log {
	return &Log{Name: source, Now: time.Now, tiles: map[place][]byte{}}
}

// Append seals p at the next position.
func (l *Log) Append(p *ledgerbridge.Pending) (ledgerbridge.Row, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	row, err := p.Seal(l.Name, int64(len(l.rows)), l.Now())
	if err != nil {
		return row, err
	}
	l.rows = append(l.rows, row)
	return clone(row), nil
}

// Damage lets a test change rows as an intruder would; what it returns is kept.
func (l *Log) Damage(edit func([]ledgerbridge.Row) []ledgerbridge.Row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows = edit(l.rows)
}

// DamageTile does the same for one tile; nil removes it.
func (l *Log) DamageTile(level int, index int64, edit func([]byte) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tiles[place{level, index}] = edit(slices.Clone(l.tiles[place{level, index}]))
}

// Source implements ledgerbridge.Log.
func (l *Log) Source() string { return l.Name }

// Size implements ledgerbridge.Log.
func (l *Log) Size(context.Context) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rows) == 0 {
		return 0, nil
	}
	return l.rows[len(l.rows)-1].Seq + 1, nil
}

// Rows implements ledgerbridge.Log.
func (l *Log) Rows(ctx context.Context, from, to int64, visit func(ledgerbridge.Row) error) error {
	l.mu.Lock()
	rows := slices.Clone(l.rows)
	l.mu.Unlock()
	for _, r := range rows {
		if r.Seq < from || r.Seq >= to {
			continue
		}
		if err := visit(clone(r)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func clone(r ledgerbridge.Row) ledgerbridge.Row {
	r.Entry = slices.Clone(r.Entry)
	r.Parts = slices.Clone(r.Parts)
	for i := range r.Parts {
		r.Parts[i].Sealed = slices.Clone(r.Parts[i].Sealed)
	}
	return r
}

// Find implements ledgerbridge.Log.
func (l *Log) Find(_ context.Context, f ledgerbridge.Filter, limit int) ([]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []int64
	for i := range l.rows {
		if r := &l.rows[i]; matches(r, f) {
			found = append(found, r.Seq)
		}
	}
	if !f.Oldest {
		slices.Reverse(found)
	}
	return found[:min(limit, len(found))], nil
}

func matches(r *ledgerbridge.Row, f ledgerbridge.Filter) bool {
	part := func(holds func(*ledgerbridge.PartRow) bool) bool {
		for i := range r.Parts {
			if holds(&r.Parts[i]) {
				return true
			}
		}
		return false
	}
	return (f.Agent == "" || f.Agent == r.Agent) &&
		(f.Action == "" || f.Action == r.Action) &&
		f.OutcomeFrom <= r.Outcome && (f.OutcomeTo == 0 || r.Outcome < f.OutcomeTo) &&
		(f.From.IsZero() || !r.Time.Before(f.From)) &&
		(f.To.IsZero() || r.Time.Before(f.To)) &&
		f.Since <= r.Seq && (f.Before == 0 || r.Seq < f.Before) &&
		(f.Patient == "" || part(func(p *ledgerbridge.PartRow) bool { return p.Patient == f.Patient })) &&
		(f.Target == "" || part(func(p *ledgerbridge.PartRow) bool { return slices.Contains(strings.Fields(p.Target), f.Target) }))
}

// ReadTile implements ledgerbridge.Log.
func (l *Log) ReadTile(_ context.Context, level int, index int64) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.tiles[place{level, index}]), nil
}

// WriteTiles implements ledgerbridge.Log.
func (l *Log) WriteTiles(_ context.Context, tiles []ledgerbridge.Tile) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range tiles {
		l.tiles[place{t.Level, t.Index}] = slices.Clone(t.Data)
	}
	return nil
}

// Erase implements ledgerbridge.Log.
func (l *Log) Erase(_ context.Context, e ledgerbridge.Erasure) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var n int64
	for i := range l.rows {
		parts := l.rows[i].Parts
		at, own := e.Of(parts)
		for _, j := range at {
			parts[j] = e.Empty(parts[j])
		}
		n += own
	}
	return n, nil
}

// Keys is a ledgerbridge.PartKeys in memory.
type Keys struct {
	mu   sync.Mutex
	of   map[string]string // patient -> id of the current key
	keys map[string][]byte
	made int
}

// Has implements ledgerbridge.PartKeys.
func (k *Keys) Has(_ context.Context, patient string) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.of[patient] != "", nil
}

// Keys implements ledgerbridge.PartKeys.
func (k *Keys) Keys(_ context.Context, patients []string) (all []ledgerbridge.Secret, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, patient := range patients {
		all = append(all, k.key(patient))
	}
	return all, nil
}

func (k *Keys) key(patient string) ledgerbridge.Secret {
	if id, ok := k.of[patient]; ok {
		return ledgerbridge.Secret{ID: id, Key: k.keys[id]}
	}
	if k.of == nil {
		k.of, k.keys = map[string]string{}, map[string][]byte{}
	}
	k.made++
	id, key := fmt.Sprintf("part-%d", k.made), make([]byte, 32)
	rand.Read(key)
	k.of[patient], k.keys[id] = id, key
	return ledgerbridge.Secret{ID: id, Key: key}
}

// Open implements ledgerbridge.PartKeys.
func (k *Keys) Open(_ context.Context, id string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key, ok := k.keys[id]; ok {
		return key, nil
	}
	return nil, fs.ErrNotExist
}

// Destroy implements ledgerbridge.PartKeys.
func (k *Keys) Destroy(_ context.Context, patient string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.keys, k.of[patient])
	delete(k.of, patient)
	return nil
}
