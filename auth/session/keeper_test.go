package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/auth/oauth"
)

// memory is a Keeper in memory.
type memory struct {
	mu     sync.Mutex
	rows   map[string]oauth.Row
	events []oauth.Event
	fails  error
	now    time.Time
}

func newMemory() *memory {
	return &memory{rows: map[string]oauth.Row{}, now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
}

func (m *memory) clock() time.Time { return m.now }

func (m *memory) Kept(_ context.Context, space, key string) (oauth.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, ok := m.rows[space+"/"+key]
	if !ok || !row.Expires.IsZero() && !m.now.Before(row.Expires) {
		return oauth.Row{}, oauth.ErrNotFound
	}
	return row, nil
}

func (m *memory) EachKept(_ context.Context, space, after string, limit int) (some []oauth.Row, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.rows)) {
		if key, ok := strings.CutPrefix(id, space+"/"); ok && key > after && len(some) < limit {
			some = append(some, m.rows[id])
		}
	}
	return some, nil
}

func (m *memory) Commit(_ context.Context, _ *oauth.Call, e oauth.Event, keep ...oauth.Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil {
		return m.fails
	}
	for _, k := range keep {
		if m.rows[k.Space+"/"+k.Key].Version != k.Version {
			return errors.New("changed")
		}
	}
	for _, k := range keep {
		if k.Value == nil {
			delete(m.rows, k.Space+"/"+k.Key)
			continue
		}
		k.Version++
		m.rows[k.Space+"/"+k.Key] = k
	}
	m.events = append(m.events, e)
	return nil
}

// said are the events, in short.
func (m *memory) said() (some []string) {
	for _, e := range m.events {
		outcome := "permit"
		if e.Refused != "" {
			outcome = "deny"
		}
		some = append(some, fmt.Sprintf("%s %s %s %s", e.Interaction, outcome, e.Refused, e.Detail))
	}
	return some
}

func doctor() oauth.User {
	return oauth.User{Login: "doc", Subject: "Practitioner/1", Role: "practitioner", Purposes: []string{"TREAT"}}
}

func usersOf(t *testing.T, m *memory) *Users {
	t.Helper()
	u := NewUsers(m, m.clock)
	if err := u.Set(t.Context(), nil, doctor(), "right password"); err != nil {
		t.Fatal(err)
	}
	return u
}
