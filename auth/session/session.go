package session

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept"
)

const (
	// Idle is after how long without use a session ends, and Life after how long in any case.
	Idle = 30 * time.Minute
	Life = 12 * time.Hour
	// renewed is how old a cookie gets before the browser is given a newer one.
	renewed = time.Minute
)

// Session is one browser of somebody who has signed in.
type Session struct {
	User     oauth.User `json:"user"`
	Provider string     `json:"provider,omitempty"` // issuer where the user signed in; "" for local users
	Hint     string     `json:"hint,omitempty"`     // id_token of the provider, for signing out there
	Seal     []byte     `json:"seal"`               // key of what the cookie says about its last use
	Began    time.Time  `json:"began"`
	Ends     time.Time  `json:"ends"`

	Key    string `json:"-"` // names the session; no secret
	Cookie string `json:"-"` // what the browser is to keep from now on, "" for what it has
	id     string
	row    kept.Row
}

// ErrEnded is the error of a session that has ended or never was.
var ErrEnded = errors.New("session: there is no such session, or it has ended")

// Sessions are those of all browsers.
type Sessions struct {
	Keeper kept.Keeper
	Now    func() time.Time
}

// Start begins a session for a user, with a new id whatever cookie the browser has; the
// session of that cookie ends. The record of the sign-in is made with it.
func (s *Sessions) Start(ctx context.Context, call *kept.Call, before string, fresh Session) (*Session, error) {
	now := s.Now()
	fresh.Began, fresh.Ends, fresh.Seal = now, now.Add(Life), random()
	fresh.id = base64.RawURLEncoding.EncodeToString(random())
	fresh.Key = keyOf(fresh.id)
	fresh.User.Session = fresh.Key
	value, err := json.Marshal(fresh)
	if err != nil {
		return nil, err
	}
	keep := []kept.Row{{Space: oauth.SpaceSession, Key: fresh.Key, Value: value, Expires: fresh.Ends}}
	if old, err := s.Of(ctx, before); err == nil {
		keep = append(keep, kept.Row{Space: oauth.SpaceSession, Key: old.Key, Version: old.row.Version})
	}
	if err := s.Keeper.Commit(ctx, call, event("sign-in", fresh.User), keep...); err != nil {
		return nil, err
	}
	fresh.Cookie = fresh.cookie(now)
	return &fresh, nil
}

// Client is what records name as the app in which people sign in.
const Client = "aceso-ui"

// event is what is recorded of somebody who signs in or out.
func event(interaction string, u oauth.User) kept.Event {
	a := agent.Agent{Subject: u.Subject, Name: u.Name, Role: u.Role, Organization: u.Organization, Patient: u.Patient, Client: Client}
	if len(u.Purposes) > 0 {
		a.Purpose = u.Purposes[0]
	}
	return kept.Event{Interaction: interaction, Agent: a, Detail: url.Values{"login": {u.Login}}.Encode()}
}

// Refused records that somebody could not sign in.
func (s *Sessions) Refused(ctx context.Context, call *kept.Call, claimed, reason string) error {
	e := event("sign-in", oauth.User{Login: claimed})
	e.Refused, e.Status = reason, http.StatusUnauthorized
	return s.Keeper.Commit(ctx, call, e)
}

// Of is the session of a cookie, or ErrEnded. Session.Cookie is set if the browser is to
// have a newer one.
func (s *Sessions) Of(ctx context.Context, cookie string) (*Session, error) {
	id, at, seal, fits := readCookie(cookie)
	if !fits {
		return nil, ErrEnded
	}
	row, err := s.Keeper.Kept(ctx, oauth.SpaceSession, keyOf(id))
	if errors.Is(err, kept.ErrNotFound) {
		return nil, ErrEnded
	}
	if err != nil {
		return nil, err
	}
	found := Session{Key: row.Key, id: id, row: row}
	if err := json.Unmarshal(row.Value, &found); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	now := s.Now()
	switch used := time.Unix(at, 0); {
	case !hmac.Equal(seal, found.seal(at)):
		return nil, ErrEnded
	case now.Sub(used) > Idle || !now.Before(found.Ends):
		return nil, ErrEnded
	case now.Sub(used) > renewed:
		found.Cookie = found.cookie(now)
	}
	return &found, nil
}

// End ends a session; the record of the sign-out is made with it.
func (s *Sessions) End(ctx context.Context, call *kept.Call, old *Session) error {
	row, err := s.Keeper.Kept(ctx, oauth.SpaceSession, old.Key)
	if errors.Is(err, kept.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Keeper.Commit(ctx, call, event("sign-out", old.User),
		kept.Row{Space: oauth.SpaceSession, Key: old.Key, Version: row.Version})
}

// cookie is what the browser keeps: the id, when it was used, and a seal of that, which
// only the server can make. So the server need not write down each use.
func (s *Session) cookie(now time.Time) string {
	at := now.Unix()
	return s.id + "." + strconv.FormatInt(at, 36) + "." + base64.RawURLEncoding.EncodeToString(s.seal(at))
}

func (s *Session) seal(at int64) []byte {
	mac := hmac.New(sha256.New, s.Seal)
	_, _ = mac.Write([]byte("aceso.session.v1\x00" + s.id + "\x00" + strconv.FormatInt(at, 10)))
	return mac.Sum(nil)
}

// Secret is the key of the anti-forgery values in this browser's forms. It stays the same
// for as long as the session lasts.
func (s *Session) Secret() string { return s.id }

func readCookie(cookie string) (id string, at int64, seal []byte, fits bool) {
	part := strings.Split(cookie, ".")
	if len(part) != 3 || len(part[0]) != 43 || len(cookie) > 200 {
		return "", 0, nil, false
	}
	at, err := strconv.ParseInt(part[1], 36, 64)
	if err != nil {
		return "", 0, nil, false
	}
	seal, err = base64.RawURLEncoding.DecodeString(part[2])
	return part[0], at, seal, err == nil
}

// keyOf names a session without telling its id.
func keyOf(id string) string {
	sum := sha256.Sum256([]byte("aceso.session.v1\x00" + id))
	return hex.EncodeToString(sum[:])
}

// random are 256 bits.
func random() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails
	return b
}
