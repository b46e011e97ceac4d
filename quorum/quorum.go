// Package quorum says who may be the second of two persons: for policies, and for what is
// removed for good. It is another officer of the house or, where there is one officer
// alone, the deputy whom an operator named.
//
// It decides nothing else: the policy says who may ask, and what the two do is for
// its callers. It knows no HTTP and no store.
package quorum

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// Space and key of the row that names the deputy.
const (
	Space     = "quorum"
	deputyKey = "deputy"
)

// Quorum knows the people of a house.
type Quorum struct {
	Keeper kept.Keeper
	House  string // organisation
	Now    func() time.Time
	// People says who an agent is: the gate, which knows the roles of a practitioner. Nil:
	// what the token says is all that is known.
	People func(context.Context, agent.Agent) (agent.Person, error)
}

// Deputy is who may approve what the only officer of a house asks for.
type Deputy struct {
	Subject string       `json:"subject"`
	Since   time.Time    `json:"since"`
	By      agent.Person `json:"by"`
}

// Who is the person of an agent.
func (q *Quorum) Who(ctx context.Context, a agent.Agent) (agent.Person, error) {
	if q.People == nil {
		return a.Person(), nil
	}
	return q.People(ctx, a)
}

// Second is the person of an agent who may approve what another person asked for. It
// refuses with an *fhir.Error, which the caller records: the same person, somebody of
// another organisation, and who is neither officer nor deputy.
func (q *Quorum) Second(ctx context.Context, first agent.Person, a agent.Agent) (agent.Person, error) {
	second, err := q.Who(ctx, a)
	switch {
	case err != nil:
		return second, err
	case a.Organization != q.House:
		return second, refused("Somebody of another organisation cannot approve this.")
	case first.Same(second):
		return second, refused("Who asked for this cannot approve it, with whatever token or browser: another person has to.")
	case a.Role == agent.PrivacyOfficer:
		return second, nil
	}
	return second, q.deputises(ctx, second)
}

// Deputises refuses an agent who is not the deputy.
func (q *Quorum) Deputises(ctx context.Context, a agent.Agent) error {
	p, err := q.Who(ctx, a)
	if err != nil {
		return err
	}
	return q.deputises(ctx, p)
}

// deputises refuses everybody but the deputy.
func (q *Quorum) deputises(ctx context.Context, p agent.Person) error {
	d, err := q.Deputy(ctx)
	if err != nil && !errors.Is(err, kept.ErrNotFound) {
		return err
	}
	if err != nil || !(agent.Person{Subject: d.Subject}).Same(p) {
		return refused("Only a privacy officer of this organisation, or its deputy for this, can approve it.")
	}
	return nil
}

func refused(detail string) error { return &fhir.Error{Kind: fhir.Forbidden, Detail: detail} }

// Deputy is the one whom an operator named, or kept.ErrNotFound.
func (q *Quorum) Deputy(ctx context.Context) (d Deputy, err error) {
	row, err := q.Keeper.Kept(ctx, Space, deputyKey)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(row.Value, &d); err != nil {
		return d, fmt.Errorf("quorum: %w", err)
	}
	return d, nil
}

// Name makes somebody the deputy in place of who was it; "" ends that there is one. Only
// operators do: nobody names who is to approve the own work.
func (q *Quorum) Name(ctx context.Context, call *kept.Call, who agent.Agent, subject string) error {
	if subject = strings.TrimSpace(subject); len(subject) > 255 {
		return errors.New("quorum: a subject has at most 255 characters")
	}
	row := kept.Row{Space: Space, Key: deputyKey}
	old, err := q.Keeper.Kept(ctx, Space, deputyKey)
	switch {
	case err == nil:
		row.Version = old.Version
	case !errors.Is(err, kept.ErrNotFound):
		return err
	case subject == "":
		return kept.ErrNotFound
	}
	if subject != "" {
		if row.Value, err = json.Marshal(Deputy{Subject: subject, Since: q.Now().UTC(), By: who.Person()}); err != nil {
			return err
		}
	}
	e := kept.Event{Interaction: "policy-write", Agent: who, Detail: url.Values{"deputy": {subject}}.Encode()}
	return q.Keeper.Commit(ctx, call, e, row)
}
