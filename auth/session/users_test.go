package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept"
)

func TestPasswordsAreKeptAsSlowHashes(t *testing.T) {
	m := newMemory()
	usersOf(t, m)
	row := m.Rows["user/doc"]
	if !strings.Contains(string(row.Value), "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(string(row.Value), "right") {
		t.Errorf("kept: %s", row.Value)
	}
	if a, b := HashPassword("the same one"), HashPassword("the same one"); a == b {
		t.Error("two hashes of a password are the same")
	}
	for _, bad := range []string{"", "right password", "$argon2id$v=19$m=999999999,t=2,p=1$c2FsdHNhbHQ$aGFzaA", "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA", strings.Replace(HashPassword("x"), "t=2", "t=2000", 1)} {
		if _, err := readHash(bad); err == nil {
			t.Errorf("%q is read as a hash", bad)
		}
	}
}

func TestOnlyTheRightPasswordSignsIn(t *testing.T) {
	m := newMemory()
	u := usersOf(t, m)
	for name, want := range map[[2]string]error{
		{"doc", "right password"}: nil, {" DOC ", "right password"}: nil,
		{"doc", "wrong password"}: ErrWrong, {"doc", ""}: ErrWrong, {"nobody", "right password"}: ErrWrong, {"../doc", "right password"}: ErrWrong,
		{strings.Repeat("a", 5000), "x"}: ErrWrong, {"doc", strings.Repeat("a", 5000)}: ErrWrong,
	} {
		user, err := u.Check(t.Context(), name[0], name[1], fmt.Sprint(name))
		if !errors.Is(err, want) || want == nil && user.User.Subject != "Practitioner/1" {
			t.Errorf("%.20q: %v, %v", name, user, err)
		}
		m.now = m.now.Add(2 * forget)
	}
}

// The hash of an unknown user is as costly as that of a known one: the same parameters.
func TestUnknownUsersCostTheSame(t *testing.T) {
	known, err := readHash(HashPassword("right password"))
	if err != nil {
		t.Fatal(err)
	}
	none := nobody()
	if none.time != known.time || none.memory != known.memory || none.threads != known.threads || len(none.salt) != len(known.salt) {
		t.Errorf("nobody costs %+v, somebody %+v", none, known)
	}
	work := newHashers()
	began := time.Now()
	if right, err := work.compare(t.Context(), "", "x"); right || err != nil {
		t.Errorf("nobody's password: %v, %v", right, err)
	}
	if took := time.Since(began); took < time.Millisecond {
		t.Errorf("nothing was hashed: %v", took)
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	m := newMemory()
	u := usersOf(t, m)
	for _, name := range []string{"doc", "nobody"} {
		for n := range freeOfUser {
			if _, err := u.Check(t.Context(), name, "wrong", fmt.Sprint("host", n)); !errors.Is(err, ErrWrong) {
				t.Fatalf("%s, attempt %d: %v", name, n, err)
			}
		}
		var wait *WaitError
		if _, err := u.Check(t.Context(), name, "right password", "elsewhere"); !errors.As(err, &wait) || wait.Wait > time.Second {
			t.Errorf("%s: after %d wrong passwords: %v", name, freeOfUser, err)
		}
	}
	m.now = m.now.Add(time.Second)
	if _, err := u.Check(t.Context(), "doc", "right password", "elsewhere"); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	if _, err := u.Check(t.Context(), "doc", "wrong", "elsewhere"); !errors.Is(err, ErrWrong) {
		t.Errorf("a right password does not end the slowness: %v", err)
	}
}

func TestAddressesThatGuessAreSlowedDown(t *testing.T) {
	b := NewBackoff(newMemory().clock)
	for n := range freeOfAddress {
		if wait, _ := b.take(fmt.Sprint("user", n), "host"); wait > 0 {
			t.Fatalf("attempt %d waits %v", n, wait)
		}
	}
	if wait, _ := b.take("another", "host"); wait == 0 {
		t.Error("an address may guess at as many names as it likes")
	}
	if wait, _ := b.take("another", "other host"); wait != 0 {
		t.Errorf("others wait, too: %v", wait)
	}
}

func TestManyAttemptsAtATimeAreNotOne(t *testing.T) {
	b := NewBackoff(newMemory().clock)
	for range freeOfUser { // none has ended yet
		b.take("doc", "host")
	}
	if wait, _ := b.take("doc", "host"); wait == 0 {
		t.Error("attempts count only when they have ended")
	}
}

func TestMemoryOfGuessesIsBounded(t *testing.T) {
	m := newMemory()
	b := NewBackoff(m.clock)
	for n := range mostWatched/2 + 500 {
		m.now = m.now.Add(time.Millisecond)
		b.take(fmt.Sprint("user", n), fmt.Sprint("host", n))
	}
	if len(b.entries) > mostWatched {
		t.Errorf("%d are remembered", len(b.entries))
	}
	if b.entries["u\x00user0"] != nil || b.entries["u\x00user5000"] == nil {
		t.Error("not the oldest are forgotten")
	}
}

func TestUsersAreChecked(t *testing.T) {
	for what, change := range map[string]func(*oauth.User){
		"login": func(u *oauth.User) { u.Login = "Doc or" }, "role": func(u *oauth.User) { u.Role = "system" }, "no role": func(u *oauth.User) { u.Role = "" },
		"subject": func(u *oauth.User) { u.Subject = "" }, "purposes": func(u *oauth.User) { u.Purposes = nil }, "purpose": func(u *oauth.User) { u.Purposes = []string{"FUN"} },
		"patient": func(u *oauth.User) { u.Role, u.Patient = "patient", "Patient/2" },
	} {
		user := doctor()
		change(&user)
		if CheckUser(&user) == nil {
			t.Errorf("%s: %+v is accepted", what, user)
		}
	}
	m := newMemory()
	if err := NewUsers(m, m.clock).Set(t.Context(), nil, doctor(), "short"); err == nil || len(m.Rows) > 0 {
		t.Error("a short password is accepted")
	}
}

func TestEndedUsersAreOut(t *testing.T) {
	m := newMemory()
	u, s := usersOf(t, m), &Sessions{Keeper: m, Now: m.clock}
	other := doctor()
	other.Login = "other"
	mine, err := s.Start(t.Context(), nil, "", Session{User: doctor()})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := s.Start(t.Context(), nil, "", Session{User: other})
	if err != nil {
		t.Fatal(err)
	}
	if err := u.SetPassword(t.Context(), nil, "doc", "another password"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Of(t.Context(), mine.Cookie); !errors.Is(err, ErrEnded) {
		t.Errorf("the session of the old password: %v", err)
	}
	if _, err := s.Of(t.Context(), theirs.Cookie); err != nil {
		t.Errorf("the session of another: %v", err)
	}
	if _, err := u.Check(t.Context(), "doc", "right password", "a"); !errors.Is(err, ErrWrong) {
		t.Errorf("the old password: %v", err)
	}
	if err := u.Remove(t.Context(), nil, "doc"); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Check(t.Context(), "doc", "another password", "b"); !errors.Is(err, ErrWrong) {
		t.Errorf("a removed user: %v", err)
	}
	if err := u.Remove(t.Context(), nil, "doc"); err == nil {
		t.Error("one who is not there is removed")
	}
	if want := []string{"user-write permit  change=set&login=doc", "sign-in permit  login=doc", "sign-in permit  login=other", "user-write permit  change=password&login=doc", "user-write permit  change=remove&login=doc"}; !slices.Equal(m.said(), want) {
		t.Errorf("recorded: %q", m.said())
	}
}

// What apps were given in a user's name ends with the user, and with the old password; what
// users of a provider gave does not.
func TestGrantsEndWithTheUser(t *testing.T) {
	m := newMemory()
	u := usersOf(t, m)
	grant := func(key string, user oauth.User) {
		value, err := json.Marshal(oauth.Grant{Client: "app", User: user, Offline: true})
		if err != nil {
			t.Fatal(err)
		}
		m.Rows["grant/"+key] = kept.Row{Space: "grant", Key: key, Value: value, Version: 1}
	}
	other, elsewhere := doctor(), doctor()
	other.Login, elsewhere.Provider = "other", "https://provider.example"
	grant("other", other)
	grant("elsewhere", elsewhere)
	for _, change := range []struct {
		what string
		do   func() error
	}{
		{"password", func() error { return u.SetPassword(t.Context(), nil, "doc", "another password") }},
		{"set", func() error { return u.Set(t.Context(), nil, doctor(), "right password") }},
		{"remove", func() error { return u.Remove(t.Context(), nil, "doc") }},
	} {
		grant("hers", doctor())
		if err := change.do(); err != nil || m.Rows["grant/hers"].Version != 0 {
			t.Errorf("%s: %v, the grant stands", change.what, err)
		}
	}
	if m.Rows["grant/other"].Version == 0 || m.Rows["grant/elsewhere"].Version == 0 {
		t.Error("grants of others ended")
	}
}

// Whoever has to wait leaves nothing behind: otherwise names without end would make the
// memory forget who guesses.
func TestWaitingLeavesNothing(t *testing.T) {
	m := newMemory()
	b := NewBackoff(m.clock)
	for n := range freeOfAddress {
		b.take(fmt.Sprint("user", n), "host")
	}
	size := len(b.entries)
	for n := range mostWatched + 1 {
		if wait, _ := b.take(fmt.Sprint("name", n), "host"); wait == 0 {
			t.Fatal("the memory forgot who guesses, after", n)
		}
	}
	if len(b.entries) != size {
		t.Errorf("%d entries, %d before", len(b.entries), size)
	}
}
