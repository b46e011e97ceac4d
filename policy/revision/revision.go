// Package revision keeps the policies of a house: who wrote each revision and why, what its
// check and its tests found, who submitted and who approved it, which one is in force,
// for whom another one is tried, and which one would only be watched. Each step is an
// event that the policy decides and that is recorded with what it changes.
//
// It does not decide requests (package policy does), put anything in force on a node (the
// node follows the row of what is in force), or know HTTP or a store.
package revision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/quorum"
)

// The spaces of what is kept.
const (
	Space        = "policy"        // revisions, by hash
	spaceText    = "policy-text"   // their packed files, by hash
	spaceImpact  = "policy-impact" // the reports of their impact, by hash of the revision
	spaceInForce = "policy-active" // what is in force, and whether two persons are needed
	spacePast    = "policy-past"   // what came into force when, by time
)

// State is how far a revision has come.
type State string

// The states, in their order.
const (
	Drafted   State = "draft"
	Checked   State = "checked"
	Tested    State = "tested"
	Submitted State = "submitted"
	Approved  State = "approved"
)

// Revision is one revision of the policies. From when it is submitted on, nothing of it
// changes but who approved it.
type Revision struct {
	Hash      string         `json:"hash"`           // of all that decides
	Tests     string         `json:"tests"`          // hash of the tests
	Base      string         `json:"base,omitempty"` // the revision that it was made from
	Authors   []agent.Person `json:"authors"`        // all who wrote or submitted it
	Reason    string         `json:"reason"`
	Origin    string         `json:"origin"` // officer, operator, folder, built-in, bundle
	Created   time.Time      `json:"created"`
	State     State          `json:"state"`
	Trial     *policy.Trial  `json:"trial,omitempty"`    // what check and tests found last
	Tried     *Step          `json:"tried,omitempty"`    // who let it be checked or tested last
	Impact    string         `json:"impact,omitempty"`   // hash of the report of its impact
	ImpactOf  string         `json:"impactOf,omitempty"` // what was in force when that was worked out
	Submitted *Step          `json:"submitted,omitempty"`
	Approved  *Step          `json:"approved,omitempty"`
	Version   int64          `json:"version"` // counts the changes: a step may name the one it is about
}

// Step is who did something, and when.
type Step struct {
	By agent.Person `json:"by"`
	At time.Time    `json:"at"`
}

// Service keeps revisions.
type Service struct {
	Keeper kept.Keeper
	Quorum *quorum.Quorum
	Now    func() time.Time
	// Try checks packed policies, and runs their tests if it is to. It MUST survive policies
	// that loop, or want all memory.
	Try func(ctx context.Context, archive []byte, tests bool) policy.Trial
	// Refused says how many of the questions that were permitted of late the policies
	// refuse, and how many there are. Nil: nothing was asked.
	Refused func(ctx context.Context, archive []byte) (refused, permitted int, err error)
	// Narrows says whether policies permit nothing that those before do not; an error says
	// why that cannot be proved. Nil: nobody can.
	Narrows func(ctx context.Context, before, after fs.FS) (bool, error)
	// Weigh works out the impact of a change; unprivileged callers are refused, and who is
	// concerned is recorded, by whom it asks. Nil: nobody can.
	Weigh func(ctx context.Context, by By, before, after []byte, detail string) (*policy.Impact, error)
	// Shadowing says what the shadow has seen on this node. Nil: nobody looks.
	Shadowing func() *policy.Shadowing
	// BuiltIn are the packed policies that came with the program. They are in force where
	// nothing else ever was, by nobody, and are kept when something replaces them.
	BuiltIn BuiltIn
}

// BuiltIn are policies that came with the program.
type BuiltIn struct {
	Hash    string
	Archive []byte
}

// revision is what is known of them: nobody wrote or approved them here.
func (b *BuiltIn) revision() *Revision {
	tests, _ := policy.TestsOf(b.Archive) // "" of what cannot be read, which a test excludes
	return &Revision{Hash: b.Hash, Tests: tests, Reason: "It came with the program.", Origin: "built-in", State: Approved, Trial: &policy.Trial{Revision: b.Hash, Tested: true}}
}

// By is who does a step.
type By struct {
	Call  *kept.Call
	Agent agent.Agent
	// Operator says that it is whoever holds the folder or the keys of the database:
	// nobody in person, who can neither submit nor approve.
	Operator bool
}

// ErrNotFound is the error of a revision that is not kept.
var ErrNotFound = &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such revision of the policies."}

func conflict(format string, args ...any) error {
	return &fhir.Error{Kind: fhir.Conflict, Detail: fmt.Sprintf(format, args...)}
}

func unprocessable(format string, args ...any) error {
	return &fhir.Error{Kind: fhir.Unprocessable, Detail: fmt.Sprintf(format, args...)}
}

// load returns a revision.
func (s *Service) load(ctx context.Context, hash string) (*Revision, error) {
	row, err := s.Keeper.Kept(ctx, Space, hash)
	if errors.Is(err, kept.ErrNotFound) && hash != "" && hash == s.BuiltIn.Hash {
		return s.BuiltIn.revision(), nil
	}
	if errors.Is(err, kept.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return parse(row)
}

func parse(row kept.Row) (*Revision, error) {
	r := new(Revision)
	if err := json.Unmarshal(row.Value, r); err != nil {
		return nil, fmt.Errorf("revision: %w", err)
	}
	r.Version = row.Version
	return r, nil
}

// row writes a revision in place of the version that was read.
func (r *Revision) row() (kept.Row, error) {
	value, err := json.Marshal(r)
	return kept.Row{Space: Space, Key: r.Hash, Value: value, Version: r.Version}, err
}

// Archive returns the packed files of a revision. What does not fit its hash was changed in
// the store, and is refused.
func (s *Service) Archive(ctx context.Context, hash string) ([]byte, error) {
	row, err := s.Keeper.Kept(ctx, spaceText, hash)
	if errors.Is(err, kept.ErrNotFound) && hash != "" && hash == s.BuiltIn.Hash {
		return s.BuiltIn.Archive, nil
	}
	if errors.Is(err, kept.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	fsys, err := policy.Unpack(row.Value)
	if err != nil {
		return nil, err
	}
	found, _, err := policy.Pack(fsys)
	if err != nil {
		return nil, err
	}
	if found != hash {
		return nil, fmt.Errorf("the store holds policies of revision %s under the name %s: they were changed", found, hash)
	}
	return row.Value, nil
}

// List returns all revisions, and what is in force. The policy decides, and it is recorded.
func (s *Service) List(ctx context.Context, by By) (all []Revision, active *Active, err error) {
	if err := s.reads(ctx, by, "list"); err != nil {
		return nil, nil, err
	}
	err = kept.Each(ctx, s.Keeper, Space, func(row kept.Row) error {
		r, err := parse(row)
		if err == nil {
			all = append(all, *r)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	builtIn := func(r Revision) bool { return r.Hash == s.BuiltIn.Hash }
	if s.BuiltIn.Hash != "" && !slices.ContainsFunc(all, builtIn) {
		all = append(all, *s.BuiltIn.revision())
	}
	active, err = s.Active(ctx)
	return all, active, err
}

// Read returns a revision and its files.
func (s *Service) Read(ctx context.Context, by By, hash string) (*Revision, map[string]string, error) {
	if err := s.reads(ctx, by, "read="+hash); err != nil {
		return nil, nil, err
	}
	r, err := s.load(ctx, hash)
	if err != nil {
		return nil, nil, err
	}
	archive, err := s.Archive(ctx, hash)
	if err != nil {
		return nil, nil, err
	}
	files, err := policy.Files(archive)
	return r, files, err
}

// reads asks the policy, and records who looked.
func (s *Service) reads(ctx context.Context, by By, what string) error {
	e := kept.Event{Interaction: "policy-read", Agent: by.Agent, Detail: what}
	if err := s.admits(ctx, by, e.Interaction); err != nil {
		return s.refuse(ctx, by, e, err)
	}
	return s.Keeper.Commit(ctx, by.Call, e)
}

// admits holds, before anything costs or tells something, that it is an operator, an
// officer of the house or, for what it may do, its deputy. The policy is asked as well.
func (s *Service) admits(ctx context.Context, by By, interaction string) error {
	switch {
	case by.Operator:
		return nil
	case by.Agent.Organization != s.Quorum.House:
		return &fhir.Error{Kind: fhir.Forbidden, Detail: "The policies are for the privacy officers of this organisation."}
	case by.Agent.Role == agent.PrivacyOfficer:
		return nil
	case interaction == "policy-write":
		return &fhir.Error{Kind: fhir.Forbidden, Detail: "Only a privacy officer of this organisation changes the policies."}
	}
	return s.Quorum.Deputises(ctx, by.Agent)
}

// refuse records a refusal that the policy did not make, and returns it.
func (s *Service) refuse(ctx context.Context, by By, e kept.Event, why error) error {
	var known *fhir.Error
	if !errors.As(why, &known) {
		return why
	}
	e.Refused, e.Status = "not-permitted", 422
	switch known.Kind {
	case fhir.Forbidden:
		e.Status = 403
	case fhir.Conflict:
		e.Status = 409
	case fhir.NotFound:
		e.Status = 404
	}
	if err := s.Keeper.Commit(ctx, by.Call, e); err != nil {
		return err
	}
	return why
}
