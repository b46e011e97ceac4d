package revision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/policy"
)

const (
	activeKey  = "active"
	twoKey     = "two-persons"
	mostHouses = 50 // organisations of a canary
)

// EmergencyLife is for how long an emergency change is in force.
const EmergencyLife = 24 * time.Hour

// Active is what is in force on all nodes.
type Active struct {
	Hash     string       `json:"hash"`
	BuiltIn  bool         `json:"builtIn,omitempty"` // it came with the program, and goes with the next one
	By       agent.Person `json:"by"`
	Since    time.Time    `json:"since"`
	Previous string       `json:"previous,omitempty"` // what a rollback puts in force again
	Until    time.Time    `json:"until,omitzero"`     // of an emergency change: then Previous is in force again
	Canary   *Canary      `json:"canary,omitempty"`
	Shadow   string       `json:"shadow,omitempty"` // is asked, too, and its answers are compared
	Version  int64        `json:"version"`
}

// Canary is a revision that decides for the agents of some organisations.
type Canary struct {
	Hash          string   `json:"hash"`
	Organizations []string `json:"organizations"`
}

// uses says whether a revision decides for anybody, or would after a rollback.
func (a *Active) uses(hash string) bool {
	return a.Hash == hash || a.Previous == hash || a.Shadow == hash || a.Canary != nil && a.Canary.Hash == hash
}

// InForce is the revision in force at a time: after the end of an emergency change that
// which it replaced.
func (a *Active) InForce(now time.Time) string {
	if a.ended(now) {
		return a.Previous
	}
	return a.Hash
}

func (a *Active) ended(now time.Time) bool { return !a.Until.IsZero() && !now.Before(a.Until) }

// Active returns what is in force: the built-in policies if nothing else ever was.
func (s *Service) Active(ctx context.Context) (*Active, error) {
	row, err := s.Keeper.Kept(ctx, spaceInForce, activeKey)
	if errors.Is(err, kept.ErrNotFound) {
		return &Active{Hash: s.BuiltIn.Hash, BuiltIn: s.BuiltIn.Hash != ""}, nil
	}
	if err != nil {
		return nil, err
	}
	a := new(Active)
	if err := json.Unmarshal(row.Value, a); err != nil {
		return nil, fmt.Errorf("revision: %w", err)
	}
	a.Version = row.Version
	return a, nil
}

// change writes what is in force, and records the step. do returns the revision on whose
// approval it rests.
func (s *Service) change(ctx context.Context, by By, name, hash string, more url.Values, do func(*Active) (*Revision, error)) (*Active, error) {
	detail := url.Values{"step": {name}, "revision": {hash}}
	for k, v := range more {
		detail[k] = v
	}
	e := kept.Event{Interaction: "policy-write", Agent: by.Agent, Detail: detail.Encode()}
	if err := s.admits(ctx, by, e.Interaction); err != nil {
		return nil, s.refuse(ctx, by, e, err)
	}
	a, err := s.Active(ctx)
	if err != nil {
		return nil, err
	}
	now := s.Now().UTC()
	was := *a
	a.settle(now)
	before, builtIn := a.Hash, a.BuiltIn
	rests, err := do(a)
	if err != nil {
		return nil, s.refuse(ctx, by, e, err)
	}
	detail.Set("revision", a.Hash)
	if name == "shadow" || name == "canary" {
		detail.Set("revision", hash)
	} else if before != "" && before != a.Hash {
		detail.Set("before", before)
	}
	if rests != nil {
		detail.Set("impact", rests.impactNamed())
	}
	e.Detail = detail.Encode()
	value, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	rows := []kept.Row{{Space: spaceInForce, Key: activeKey, Value: value, Version: a.Version}}
	if builtIn {
		if rows, err = s.withBuiltIn(ctx, rows); err != nil {
			return nil, err
		}
	}
	if rests != nil && rests.Version > 0 { // nobody withdraws it meanwhile
		row, err := rests.row()
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	past, err := s.past(ctx, now, &was, a)
	if err != nil {
		return nil, err
	}
	if err := s.commit(ctx, by, e, append(rows, past...)...); err != nil {
		return nil, err
	}
	a.Version++
	return a, nil
}

// withBuiltIn keeps what came with the program before it is replaced: the next program may
// have others, and this one is what a rollback leads to.
func (s *Service) withBuiltIn(ctx context.Context, rows []kept.Row) ([]kept.Row, error) {
	_, err := s.Keeper.Kept(ctx, Space, s.BuiltIn.Hash)
	if !errors.Is(err, kept.ErrNotFound) {
		return rows, err
	}
	row, err := s.BuiltIn.revision().row()
	return append(rows, row, kept.Row{Space: spaceText, Key: s.BuiltIn.Hash, Value: s.BuiltIn.Archive}), err
}

// settle ends an emergency change whose time is over.
func (a *Active) settle(now time.Time) {
	if a.ended(now) {
		a.Hash, a.Previous, a.Until = a.Previous, "", time.Time{}
	}
}

// permitted says why a revision may not decide, yet: it needs approval or, of an operator
// where one person is enough, tests that passed.
func (s *Service) permitted(ctx context.Context, by By, hash string) (*Revision, error) {
	r, err := s.load(ctx, hash)
	if err != nil {
		return nil, err
	}
	if r.State == Approved {
		return r, nil
	}
	two, err := s.TwoPersons(ctx)
	switch {
	case err != nil:
		return nil, err
	case by.Operator && !two && (r.State == Tested || r.State == Submitted):
		return r, nil
	case by.Operator && !two:
		return nil, conflict("Revision %s is %q: test it first.", hash, r.State)
	}
	return nil, conflict("Revision %s is %q: only what another person has approved can be put in force.", hash, r.State)
}

// answers refuses policies that refuse all that was permitted of late.
func (s *Service) answers(ctx context.Context, hash string) error {
	if s.Refused == nil {
		return nil
	}
	archive, err := s.Archive(ctx, hash)
	if err != nil {
		return err
	}
	refused, permitted, err := s.Refused(ctx, archive)
	switch {
	case err != nil:
		return unprocessable("Revision %s cannot decide what was asked of late: %v.", hash, err)
	case permitted > 0 && refused == permitted:
		return unprocessable("Revision %s refuses all %d questions that were permitted in the last hour.", hash, permitted)
	}
	return nil
}

// Activate puts a revision in force for all.
func (s *Service) Activate(ctx context.Context, by By, hash string) (*Active, error) {
	return s.change(ctx, by, "activate", hash, nil, func(a *Active) (*Revision, error) {
		r, err := s.permitted(ctx, by, hash)
		if err != nil {
			return nil, err
		}
		if err := s.answers(ctx, hash); err != nil {
			return nil, err
		}
		return r, s.replace(ctx, by, a, hash)
	})
}

func (s *Service) replace(ctx context.Context, by By, a *Active, hash string) error {
	if a.Hash == hash && a.Until.IsZero() {
		return conflict("Revision %s is in force already.", hash)
	}
	who, err := s.Quorum.Who(ctx, by.Agent)
	if err != nil {
		return err
	}
	if a.Until.IsZero() { // what one person put in force is nothing to come back to
		a.Previous = a.Hash
	}
	if a.Canary != nil && a.Canary.Hash == hash {
		a.Canary = nil
	}
	if a.Shadow == hash {
		a.Shadow = ""
	}
	a.Hash, a.By, a.Since, a.Until, a.BuiltIn = hash, who, s.Now().UTC(), time.Time{}, false
	return nil
}

// Rollback puts the revision before in force again, once: it was in force, so one person may.
func (s *Service) Rollback(ctx context.Context, by By) (*Active, error) {
	return s.change(ctx, by, "rollback", "", nil, func(a *Active) (*Revision, error) {
		if a.Previous == "" {
			return nil, conflict("There is no revision to roll back to.")
		}
		who, err := s.Quorum.Who(ctx, by.Agent)
		a.Hash, a.Previous, a.Until, a.By, a.Since, a.BuiltIn = a.Previous, "", time.Time{}, who, s.Now().UTC(), false
		return nil, err
	})
}

// Shadow lets a revision be asked, too, without anybody getting its answers; "" ends that.
func (s *Service) Shadow(ctx context.Context, by By, hash string) (*Active, error) {
	return s.change(ctx, by, "shadow", hash, nil, func(a *Active) (*Revision, error) {
		if a.Shadow = hash; hash == "" {
			return nil, nil
		}
		return s.tested(ctx, hash)
	})
}

// Canary lets an approved revision decide for the agents of some organisations; without
// one that ends.
func (s *Service) Canary(ctx context.Context, by By, hash string, organizations []string) (*Active, error) {
	more := url.Values{"organizations": {strings.Join(organizations, ",")}}
	return s.change(ctx, by, "canary", hash, more, func(a *Active) (*Revision, error) {
		if a.Canary = nil; hash == "" {
			return nil, nil
		}
		if len(organizations) == 0 || len(organizations) > mostHouses || slices.ContainsFunc(organizations, func(o string) bool { return !fhir.IsID(o) }) {
			return nil, unprocessable("Name the 1 to %d organisations for whose agents the revision is to decide.", mostHouses)
		}
		a.Canary = &Canary{Hash: hash, Organizations: organizations}
		return s.permitted(ctx, by, hash)
	})
}

// Emergency puts a revision in force that one person has tested, for a day, if it is proved
// to permit nothing that the one in force does not.
func (s *Service) Emergency(ctx context.Context, by By, hash string) (*Active, error) {
	return s.change(ctx, by, "emergency", hash, nil, func(a *Active) (*Revision, error) {
		r, err := s.tested(ctx, hash)
		if err == nil && !a.Until.IsZero() {
			err = conflict("An emergency change is in force until %s.", a.Until.Format(time.RFC3339))
		}
		if err == nil {
			err = s.narrows(ctx, a.Hash, hash)
		}
		if err == nil && a.Canary != nil { // it decides for all, those of the canary included
			err = s.narrows(ctx, a.Canary.Hash, hash)
		}
		before := a.Hash
		if err == nil {
			err = s.replace(ctx, by, a, hash)
		}
		a.Previous, a.Until, a.Canary = before, s.Now().UTC().Add(EmergencyLife), nil
		return r, err
	})
}

// End records that the time of an emergency change is over, if it is. All nodes know it by
// then; the one that is first writes it down.
func (s *Service) End(ctx context.Context, by By, a *Active) error {
	if !a.ended(s.Now()) {
		return nil
	}
	_, err := s.change(ctx, by, "end", "", nil, func(now *Active) (*Revision, error) {
		if now.Version != a.Version {
			return nil, errEnded
		}
		return nil, nil
	})
	var known *fhir.Error
	if errors.Is(err, errEnded) || errors.As(err, &known) && known.Kind == fhir.Conflict {
		return nil // another node did
	}
	return err
}

var errEnded = errors.New("revision: it has ended")

// tested is a revision whose tests passed.
func (s *Service) tested(ctx context.Context, hash string) (*Revision, error) {
	r, err := s.load(ctx, hash)
	if err == nil && (r.State == Drafted || r.State == Checked) {
		err = conflict("Revision %s is %q: test it first.", hash, r.State)
	}
	return r, err
}

func (s *Service) narrows(ctx context.Context, before, after string) error {
	if s.Narrows == nil {
		return unprocessable("This server cannot prove that policies only narrow, so another person has to approve them.")
	}
	old, err := s.Archive(ctx, before)
	if err != nil {
		return err
	}
	fresh, err := s.Archive(ctx, after)
	if err != nil {
		return err
	}
	from, err := policy.Unpack(old)
	if err != nil {
		return err
	}
	to, err := policy.Unpack(fresh)
	if err != nil {
		return err
	}
	narrower, err := s.Narrows(ctx, from, to)
	switch {
	case err != nil:
		return unprocessable("It cannot be proved that revision %s only narrows: %v. Another person has to approve it.", after, err)
	case !narrower:
		return unprocessable("Revision %s permits what is refused now. Another person has to approve it.", after)
	}
	return nil
}

// TwoPersons says whether an operator, too, can put in force only what another person approved.
func (s *Service) TwoPersons(ctx context.Context) (bool, error) {
	_, err := s.Keeper.Kept(ctx, spaceInForce, twoKey)
	if errors.Is(err, kept.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SetTwoPersons says whether it is so; only operators do.
func (s *Service) SetTwoPersons(ctx context.Context, by By, two bool) error {
	row := kept.Row{Space: spaceInForce, Key: twoKey}
	old, err := s.Keeper.Kept(ctx, spaceInForce, twoKey)
	if err != nil && !errors.Is(err, kept.ErrNotFound) {
		return err
	}
	if (err == nil) == two {
		return nil
	}
	if row.Version = old.Version; two {
		row.Value, row.Version = []byte("{}"), 0
	}
	e := kept.Event{Interaction: "policy-write", Agent: by.Agent, Detail: url.Values{"two-persons": {yesNo(two)}}.Encode()}
	return s.commit(ctx, by, e, row)
}
