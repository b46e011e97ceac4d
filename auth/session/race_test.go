package session

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept"
)

// meanwhile is a Keeper in which something happens just before a commit, once.
type meanwhile struct {
	*memory
	before string // of which interaction
	do     func()
}

func (k *meanwhile) Commit(ctx context.Context, call *kept.Call, e kept.Event, rows ...kept.Row) error {
	if do := k.do; do != nil && e.Interaction == k.before {
		k.do = nil
		do()
	}
	return k.memory.Commit(ctx, call, e, rows...)
}

// stands says how many sessions there are.
func (m *memory) stands() (n int) {
	for id := range m.Rows {
		if strings.HasPrefix(id, oauth.SpaceSession+"/") {
			n++
		}
	}
	return n
}

// Of a sign-in and a change of the password at the same moment no session of the old password
// is left, whichever comes first.
func TestNoSessionSurvivesItsPassword(t *testing.T) {
	for name, change := range map[string]func(*Users) error{
		"another password": func(u *Users) error { return u.SetPassword(t.Context(), nil, "doc", "another password") },
		"set anew":         func(u *Users) error { return u.Set(t.Context(), nil, doctor(), "another password") },
		"removed":          func(u *Users) error { return u.Remove(t.Context(), nil, "doc") },
	} {
		m := newMemory()
		u := usersOf(t, m)
		fresh, err := u.Check(t.Context(), "doc", "right password", "host")
		if err != nil {
			t.Fatal(err)
		}
		during := &meanwhile{m, "sign-in", func() {
			if err := change(u); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}}
		s := &Sessions{Keeper: during, Now: m.clock}
		if _, err := s.Start(t.Context(), nil, "", fresh); !errors.Is(err, ErrWrong) || m.stands() != 0 {
			t.Errorf("%s during a sign-in: %v, %d sessions", name, err, m.stands())
		}

		m = newMemory()
		u, s = usersOf(t, m), &Sessions{Keeper: m, Now: m.clock}
		if fresh, err = u.Check(t.Context(), "doc", "right password", "host"); err != nil {
			t.Fatal(err)
		}
		u.Keeper = &meanwhile{m, "user-write", func() {
			if _, err := s.Start(t.Context(), nil, "", fresh); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}}
		if err := change(u); err != nil || m.stands() != 0 {
			t.Errorf("a sign-in while the user is %s: %v, %d sessions", name, err, m.stands())
		}
	}
}

// Somebody who signs in twice at once is in twice.
func TestTwoSignInsAtOnceSucceed(t *testing.T) {
	m := newMemory()
	u, plain := usersOf(t, m), &Sessions{Keeper: m, Now: m.clock}
	fresh, err := u.Check(t.Context(), "doc", "right password", "host")
	if err != nil {
		t.Fatal(err)
	}
	s := &Sessions{Now: m.clock, Keeper: &meanwhile{m, "sign-in", func() {
		if _, err := plain.Start(t.Context(), nil, "", fresh); err != nil {
			t.Error(err)
		}
	}}}
	if _, err := s.Start(t.Context(), nil, "", fresh); err != nil || m.stands() != 2 {
		t.Errorf("%v, %d sessions", err, m.stands())
	}
}

// Wrong passwords count at every node, and for a name until the right one: a node that has
// seen none makes the next one wait.
func TestGuessingIsSlowedDownAtAllNodes(t *testing.T) {
	m := newMemory()
	one := usersOf(t, m)
	s := &Sessions{Keeper: m, Now: m.clock}
	other := func() *Users { return NewUsers(m, m.clock) }
	for range freeOfUser {
		tried, err := other().Check(t.Context(), "doc", "wrong", "host")
		if !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
		if err := s.Refused(t.Context(), nil, "doc", "wrong-password", tried); err != nil {
			t.Fatal(err)
		}
	}
	var wait *WaitError
	if _, err := one.Check(t.Context(), "doc", "right password", "elsewhere"); !errors.As(err, &wait) {
		t.Errorf("a node that has seen none: %v", err)
	}
	m.now = m.now.Add(longestWait)
	fresh, err := other().Check(t.Context(), "doc", "right password", "elsewhere")
	if err == nil {
		_, err = s.Start(t.Context(), nil, "", fresh)
	}
	if err != nil {
		t.Fatalf("after the wait: %v", err)
	}
	if tried, err := other().Check(t.Context(), "doc", "wrong", "elsewhere"); !errors.Is(err, ErrWrong) {
		t.Errorf("the right password did not end it: %v", err)
	} else if err := s.Refused(t.Context(), nil, "doc", "wrong-password", tried); err != nil {
		t.Fatal(err)
	}
	if _, err := other().Check(t.Context(), "doc", "right password", "elsewhere"); err != nil {
		t.Errorf("the right password did not end it: %v", err)
	}
	for n := range freeOfAddress {
		if err := s.Refused(t.Context(), nil, "x", "wrong-password", Session{wrong: counters(string(rune('a'+n)), "guesser")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := other().Check(t.Context(), "nobody", "wrong", "guesser"); !errors.As(err, &wait) {
		t.Errorf("an address that guesses: %v", err)
	}
}
