package session

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept"
)

// spaceUser is where local users are kept, by login.
const spaceUser = "user"

// account is what is kept of a local user.
type account struct {
	oauth.User
	Hash string `json:"hash"`
}

// loginForm is what a login may look like; capitals are small letters.
var loginForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,63}$`)

// login is what somebody typed, as it is kept.
func login(typed string) string { return strings.ToLower(strings.TrimSpace(typed)) }

// CheckUser says what is missing or wrong in a local user.
func CheckUser(u *oauth.User) error {
	switch {
	case !loginForm.MatchString(u.Login):
		return errors.New("a login has up to 64 small letters, digits and any of . _ @ -, and begins with a letter or a digit")
	case !slices.Contains(agent.Roles(), u.Role) || u.Role == agent.System:
		return errors.New("the role of a user is practitioner, patient, privacy-officer or administrator")
	case u.Subject == "":
		return errors.New("a user needs a subject, as in Practitioner/12")
	case u.Role == agent.Patient && u.Subject != u.Patient:
		return errors.New("a user of role patient needs that patient, as in Patient/1, and is its own subject")
	case len(u.Purposes) == 0:
		return errors.New("a user needs at least one purpose of use")
	}
	for _, p := range u.Purposes {
		if agent.PurposeFamily(p) == "" {
			return fmt.Errorf("%q is no purpose of use", p)
		}
	}
	return nil
}

// Users are the local ones.
type Users struct {
	By      agent.Agent // who changes them
	Keeper  kept.Keeper
	Backoff *Backoff
	House   string // organisation of users who were given none
	hashers hashers
}

// NewUsers are the users that a Keeper has.
func NewUsers(k kept.Keeper, now func() time.Time) *Users {
	return &Users{Keeper: k, Backoff: NewBackoff(now), hashers: newHashers()}
}

// ErrWrong is the answer to a wrong name and to a wrong password alike.
var ErrWrong = errors.New("session: name or password is wrong")

// WaitError says that too many passwords were wrong.
type WaitError struct{ Wait time.Duration }

// Error says for how long.
func (e *WaitError) Error() string {
	return fmt.Sprintf("session: too many wrong passwords, wait %v", e.Wait.Round(time.Second))
}

// Check returns the session, not begun yet, of the user with that name and password. An
// unknown name costs the same and gets the same answer as a wrong password, ErrWrong with
// what Sessions.Refused counts.
func (u *Users) Check(ctx context.Context, typed, password, address string) (Session, error) {
	name := login(typed)
	if len(name) > 64 {
		name = name[:64]
	}
	tried := Session{wrong: counters(name, address)}
	wait, back := u.Backoff.take(name, address)
	if wait <= 0 {
		var err error
		if wait, err = u.waits(ctx, name, address); err != nil {
			return Session{}, err
		}
	}
	if wait > 0 {
		return Session{}, &WaitError{wait}
	}
	a, row, err := u.find(ctx, name)
	if err != nil && !errors.Is(err, kept.ErrNotFound) {
		return Session{}, err
	}
	if len(password) > MaxPassword {
		password = ""
	}
	right, err := u.hashers.compare(ctx, a.Hash, password)
	switch {
	case err != nil:
		return Session{}, err
	case !right:
		return tried, ErrWrong
	}
	back()
	tried.User, tried.by = a.User, row
	return tried, nil
}

func (u *Users) find(ctx context.Context, name string) (a account, row kept.Row, err error) {
	if !loginForm.MatchString(name) {
		return a, row, kept.ErrNotFound
	}
	row, err = u.Keeper.Kept(ctx, spaceUser, name)
	if err != nil {
		return a, row, err
	}
	if err := json.Unmarshal(row.Value, &a); err != nil {
		return a, row, fmt.Errorf("user %s: %w", name, err)
	}
	a.User.Organization = cmp.Or(a.User.Organization, u.House)
	return a, row, nil
}

// Set adds a local user or replaces one, with a password.
func (u *Users) Set(ctx context.Context, call *kept.Call, user oauth.User, password string) error {
	if err := errors.Join(CheckUser(&user), CheckPassword(password)); err != nil {
		return err
	}
	hash := HashPassword(password)
	return again(func() error {
		_, row, err := u.find(ctx, user.Login)
		if err != nil && !errors.Is(err, kept.ErrNotFound) {
			return err
		}
		return u.write(ctx, call, account{user, hash}, row.Version, "set")
	})
}

// again repeats a change of a user who signed in at the same moment.
func again(change func() error) (err error) {
	for range mostTries {
		if err = change(); !errors.Is(err, kept.ErrChanged) {
			break
		}
	}
	return err
}

// Add is Set of a user who is not there yet.
func (u *Users) Add(ctx context.Context, call *kept.Call, user oauth.User, password string) error {
	if _, _, err := u.find(ctx, user.Login); !errors.Is(err, kept.ErrNotFound) {
		return errors.Join(err, fmt.Errorf("there is a user %s already: change the password, or remove that one first", user.Login))
	}
	return u.Set(ctx, call, user, password)
}

// SetPassword gives a user another password.
func (u *Users) SetPassword(ctx context.Context, call *kept.Call, name, password string) error {
	if err := CheckPassword(password); err != nil {
		return err
	}
	hash := HashPassword(password)
	return again(func() error {
		a, row, err := u.find(ctx, login(name))
		if err != nil {
			return unknownUser(name, err)
		}
		a.Hash = hash
		return u.write(ctx, call, a, row.Version, "password")
	})
}

func (u *Users) write(ctx context.Context, call *kept.Call, a account, version int64, reason string) error {
	value, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return u.commit(ctx, call, a.User, reason, kept.Row{Space: spaceUser, Key: a.Login, Value: value, Version: version})
}

// commit writes a user, and ends the sessions that began before, and what apps were given in
// them: who knew the old password is out.
func (u *Users) commit(ctx context.Context, call *kept.Call, user oauth.User, reason string, row kept.Row) error {
	keep := []kept.Row{row}
	for _, space := range []string{oauth.SpaceSession, oauth.SpaceGrant} {
		more, err := u.of(ctx, space, user)
		if err != nil {
			return err
		}
		keep = append(keep, more...)
	}
	return u.Keeper.Commit(ctx, call, kept.Event{Interaction: "user-write", Agent: u.By, Detail: url.Values{"change": {reason}, "login": {user.Login}}.Encode()}, keep...)
}

// of are the rows of a space that are a local user's, to be removed. Those of a provider's
// user may have the same login.
func (u *Users) of(ctx context.Context, space string, user oauth.User) (gone []kept.Row, err error) {
	err = kept.Each(ctx, u.Keeper, space, func(r kept.Row) error {
		var s struct {
			User     oauth.User `json:"user"`
			Provider string     `json:"provider"`
		}
		if json.Unmarshal(r.Value, &s) == nil && s.Provider == "" && s.User.Provider == "" && s.User.Login == user.Login {
			gone = append(gone, kept.Row{Space: space, Key: r.Key, Version: r.Version})
		}
		return nil
	})
	return gone, err
}

// Remove removes a user.
func (u *Users) Remove(ctx context.Context, call *kept.Call, name string) error {
	return again(func() error {
		a, row, err := u.find(ctx, login(name))
		if err != nil {
			return unknownUser(name, err)
		}
		return u.commit(ctx, call, a.User, "remove", kept.Row{Space: spaceUser, Key: a.Login, Version: row.Version})
	})
}

func unknownUser(name string, err error) error {
	if errors.Is(err, kept.ErrNotFound) {
		return fmt.Errorf("there is no user %q", name)
	}
	return err
}

// Each calls visit for every user, in the order of logins, once it is recorded that somebody
// asks for them.
func (u *Users) Each(ctx context.Context, call *kept.Call, visit func(oauth.User) error) error {
	if err := u.Keeper.Commit(ctx, call, kept.Event{Interaction: "user-read", Agent: u.By}); err != nil {
		return err
	}
	return u.All(ctx, visit)
}

// All is Each for who records it otherwise.
func (u *Users) All(ctx context.Context, visit func(oauth.User) error) error {
	return kept.Each(ctx, u.Keeper, spaceUser, func(row kept.Row) error {
		var a account
		if err := json.Unmarshal(row.Value, &a); err != nil {
			return fmt.Errorf("user %s: %w", row.Key, err)
		}
		return visit(a.User)
	})
}

// Any says whether there is one.
func (u *Users) Any(ctx context.Context) (bool, error) {
	rows, err := u.Keeper.EachKept(ctx, spaceUser, "", 1)
	return len(rows) > 0, err
}
