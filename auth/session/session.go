package session

import (
	"bytes"
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
	"slices"
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
	by     kept.Row  // the local user who signed in, as she was when the password was checked
	wrong  []strikes // of whose password it was, or was not
}

// ErrEnded is the error of a session that has ended or never was.
var ErrEnded = errors.New("session: there is no such session, or it has ended")

// Sessions are those of all browsers.
type Sessions struct {
	Keeper kept.Keeper
	Now    func() time.Time
}

// Start begins a session for a user, with a new id whatever cookie the browser has; the
// session of that cookie ends. The record of the sign-in is made with it. ErrWrong: a local
// user was changed or removed since her password was checked.
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
	if err := s.begin(ctx, call, &fresh, keep); err != nil {
		return nil, err
	}
	fresh.Cookie = fresh.cookie(now)
	return &fresh, nil
}

// mostTries bounds how often somebody is let in anew who signs in several times at once.
const mostTries = 8

// begin writes a session together with the local user, unchanged: so the user is still who
// she was, and whoever changes her at the same moment looks for her sessions again.
func (s *Sessions) begin(ctx context.Context, call *kept.Call, fresh *Session, keep []kept.Row) error {
	for try := 1; ; try++ {
		rows, err := s.with(ctx, fresh, keep)
		if err != nil {
			return err
		}
		err = s.Keeper.Commit(ctx, call, event("sign-in", fresh.User), rows...)
		if fresh.by.Key == "" || !errors.Is(err, kept.ErrChanged) || try == mostTries {
			return err
		}
		now, err := s.Keeper.Kept(ctx, fresh.by.Space, fresh.by.Key)
		if err != nil && !errors.Is(err, kept.ErrNotFound) {
			return err
		}
		if !bytes.Equal(now.Value, fresh.by.Value) {
			return ErrWrong
		}
		fresh.by.Version = now.Version
	}
}

// with are the rows of a session, of its local user, and without the wrong passwords of hers.
func (s *Sessions) with(ctx context.Context, fresh *Session, keep []kept.Row) ([]kept.Row, error) {
	if fresh.by.Key == "" {
		return keep, nil
	}
	rows := append(slices.Clone(keep), fresh.by)
	if len(fresh.wrong) == 0 {
		return rows, nil
	}
	hers := &fresh.wrong[0]
	if err := hers.read(ctx, s.Keeper); err != nil || hers.row.Key == "" {
		return rows, err
	}
	return append(rows, kept.Row{Space: spaceWrong, Key: hers.key, Version: hers.row.Version}), nil
}

// Client is what records name as the app in which people sign in.
const Client = oauth.PagesClient

// event is what is recorded of somebody who signs in or out.
func event(interaction string, u oauth.User) kept.Event {
	return kept.Event{Interaction: interaction, Agent: AgentOf(u), Detail: url.Values{"login": {u.Login}}.Encode()}
}

// AgentOf is who somebody is on the pages.
func AgentOf(u oauth.User) agent.Agent {
	a := agent.Agent{Subject: u.Subject, Name: u.Name, Role: u.Role, Organization: u.Organization, Patient: u.Patient, Client: Client}
	if len(u.Purposes) > 0 {
		a.Purpose = u.Purposes[0]
	}
	return a
}

// Refused records that somebody could not sign in, and counts a wrong password.
func (s *Sessions) Refused(ctx context.Context, call *kept.Call, claimed, reason string, tried Session) error {
	e := event("sign-in", oauth.User{Login: claimed})
	e.Refused, e.Status = reason, http.StatusUnauthorized
	return s.strike(ctx, call, e, tried.wrong)
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
