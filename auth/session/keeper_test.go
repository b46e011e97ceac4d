package session

import (
	"fmt"
	"testing"
	"time"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept/kepttest"
)

// memory is a Keeper with a clock that a test moves.
type memory struct {
	*kepttest.Memory
	now time.Time
}

func newMemory() *memory {
	m := &memory{now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	m.Memory = kepttest.New(m.clock)
	return m
}

func (m *memory) clock() time.Time { return m.now }

// said are the events, in short.
func (m *memory) said() (some []string) {
	for _, e := range m.Events {
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
