package session

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

func begun(t *testing.T, m *memory) (*Sessions, *Session) {
	t.Helper()
	s := &Sessions{Keeper: m, Now: m.clock}
	mine, err := s.Start(t.Context(), nil, "", Session{User: doctor()})
	if err != nil {
		t.Fatal(err)
	}
	return s, mine
}

func TestSessionsAreKeptByHash(t *testing.T) {
	m := newMemory()
	_, mine := begun(t, m)
	id, _, _ := strings.Cut(mine.Cookie, ".")
	for key, row := range m.Rows {
		if strings.Contains(key+string(row.Value), id) {
			t.Errorf("the id is kept: %s %s", key, row.Value)
		}
	}
}

func TestSessionsEnd(t *testing.T) {
	m := newMemory()
	s, mine := begun(t, m)
	m.now = m.now.Add(Idle - time.Second)
	used, err := s.Of(t.Context(), mine.Cookie)
	if err != nil || used.Cookie == "" || used.User.Login != "doc" {
		t.Fatalf("in use: %+v, %v", used, err)
	}
	m.now = m.now.Add(2 * time.Second)
	if _, err := s.Of(t.Context(), mine.Cookie); !errors.Is(err, ErrEnded) {
		t.Errorf("a cookie that was not used for %v: %v", Idle, err)
	}
	cookie := used.Cookie
	for m.now.Before(mine.Ends.Add(-Idle / 2)) {
		m.now = m.now.Add(Idle / 2)
		again, err := s.Of(t.Context(), cookie)
		if err != nil {
			t.Fatalf("in use at %v: %v", m.now, err)
		}
		cookie = again.Cookie
	}
	m.now = mine.Ends
	if _, err := s.Of(t.Context(), cookie); !errors.Is(err, ErrEnded) {
		t.Errorf("after %v: %v", Life, err)
	}
}

func TestCookiesCannotBeMade(t *testing.T) {
	m := newMemory()
	s, mine := begun(t, m)
	part := strings.Split(mine.Cookie, ".")
	m.now = m.now.Add(2 * Idle)
	for _, forged := range []string{"", part[0], part[0] + ".zzzzz." + part[2], part[0] + "." + strconv.FormatInt(m.now.Unix(), 36) + "." + part[2], mine.Cookie + ".x", part[0] + "..", strings.Repeat("a", 43) + "." + part[1] + "." + part[2]} {
		if _, err := s.Of(t.Context(), forged); !errors.Is(err, ErrEnded) {
			t.Errorf("%q: %v", forged, err)
		}
	}
}

func TestSigningInGivesAnotherID(t *testing.T) {
	m := newMemory()
	s, mine := begun(t, m)
	again, err := s.Start(t.Context(), nil, mine.Cookie, Session{User: doctor()})
	if err != nil {
		t.Fatal(err)
	}
	if again.Key == mine.Key {
		t.Error("the id is the same")
	}
	if _, err := s.Of(t.Context(), mine.Cookie); !errors.Is(err, ErrEnded) {
		t.Errorf("the session before: %v", err)
	}
	if _, err := s.Of(t.Context(), again.Cookie); err != nil {
		t.Errorf("the new one: %v", err)
	}
	if err := s.End(t.Context(), nil, again); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Of(t.Context(), again.Cookie); !errors.Is(err, ErrEnded) {
		t.Errorf("signed out: %v", err)
	}
}

func TestNoSessionWithoutRecord(t *testing.T) {
	m := newMemory()
	m.Fails = errors.New("the log is full")
	s := &Sessions{Keeper: m, Now: m.clock}
	if mine, err := s.Start(t.Context(), nil, "", Session{User: doctor()}); err == nil || mine != nil || len(m.Rows) > 0 {
		t.Errorf("%+v, %v, %d rows", mine, err, len(m.Rows))
	}
}
