package purge

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// MostReason is how many bytes a reason has at most.
const MostReason = 1000

// The interactions that the policy is asked about.
const (
	interaction = "purge"
	approval    = "purge-approve"
)

func event(who agent.Agent, patient string, detail url.Values) kept.Event {
	return kept.Event{Interaction: interaction, Agent: who, Patient: patient, Detail: detail.Encode()}
}

// Ask begins a purge of a patient ("Patient/1"), or of one version
// ("Observation/1/_history/2").
func (p *Purges) Ask(ctx context.Context, call *kept.Call, who agent.Agent, of, reason string) (*Purge, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > MostReason {
		return nil, refused(fhir.Unprocessable, fmt.Sprintf("A purge needs a reason, of up to %d bytes.", MostReason))
	}
	u := &Purge{ID: strings.ToLower(rand.Text()), Reason: reason, State: Looking, Asked: p.Now().UTC(), Agent: actorOf(who)}
	var err error
	if u.By, err = p.Quorum.Who(ctx, who); err != nil {
		return nil, err
	}
	if err := p.subject(ctx, call, who, u, of); err != nil {
		return nil, err
	}
	if err := p.held(ctx, u.Patient); err != nil {
		return nil, p.deny(ctx, call, who, u, "legal-hold", err)
	}
	return u, p.put(ctx, call, event(who, u.Patient, u.detail("ask")), u)
}

// subject finds whose data is to go, and refuses what was never there.
func (p *Purges) subject(ctx context.Context, call *kept.Call, who agent.Agent, u *Purge, of string) error {
	ref, version, err := subjectOf(of)
	if err != nil {
		return err
	}
	if version == 0 {
		u.Patient = of
	} else {
		u.Only = of
	}
	there := 0
	err = p.Data.Look(ctx, call, who, u.Patient, ref, func(v *Version) error {
		if version != 0 && len(v.Patients) > 0 && u.Patient == "" {
			u.Patient = v.Patients[0]
		}
		if !v.Purged && (version == 0 || v.Version == version) {
			there++
		}
		return nil
	})
	if err == nil && there == 0 {
		err = refused(fhir.NotFound, "There never was such a patient or version, or it was purged before.")
	}
	return err
}

func subjectOf(of string) (ref fhir.Ref, version int64, err error) {
	name, number, one := strings.Cut(of, "/_history/")
	if ref, err = fhir.ParseRef(name); err == nil && one {
		version, err = strconv.ParseInt(number, 10, 64)
	}
	if err != nil || one != (version > 0) || !one && ref.Type != "Patient" {
		return ref, 0, refused(fhir.Unprocessable, "A purge is of a patient (Patient/1) or of a version (Observation/1/_history/2).")
	}
	return ref, version, nil
}

func (u *Purge) detail(step string) url.Values {
	d := url.Values{"purge": {u.ID}, "step": {step}}
	if u.Only != "" {
		d.Set("version", u.Only)
	}
	if u.Records != nil {
		d.Set("of", "records")
	}
	return d
}

// put records an event and writes the purge.
func (p *Purges) put(ctx context.Context, call *kept.Call, e kept.Event, u *Purge) error {
	row, err := u.row()
	if err != nil {
		return err
	}
	if err := p.Keeper.Commit(ctx, call, e, row); err != nil {
		return changed(err)
	}
	u.version++
	if p.Wake != nil {
		p.Wake()
	}
	return nil
}

func (u *Purge) row() (kept.Row, error) {
	value, err := json.Marshal(u)
	return kept.Row{Space: Space, Key: u.ID, Value: value, Version: u.version}, err
}

func changed(err error) error {
	if errors.Is(err, kept.ErrChanged) {
		return refused(fhir.Conflict, "Somebody else changed this meanwhile. Look at it again.")
	}
	return err
}

// deny records that a step was refused, and returns why.
func (p *Purges) deny(ctx context.Context, call *kept.Call, who agent.Agent, u *Purge, code string, why error) error {
	e := event(who, u.Patient, u.detail(code))
	e.Refused, e.Status = code, 409
	var known *fhir.Error
	if errors.As(why, &known) {
		e.Status = known.Kind.Status()
	}
	return errors.Join(p.Keeper.Commit(ctx, call, e), why)
}

var isID = regexp.MustCompile(`^[a-z0-9]{20,40}$`).MatchString

// Get shows a purge to an officer, which is recorded.
func (p *Purges) Get(ctx context.Context, call *kept.Call, who agent.Agent, id string) (*Purge, error) {
	u, err := p.read(ctx, id)
	e := event(who, "", url.Values{"purge": {id}, "step": {"show"}})
	switch {
	case err != nil:
	case u.going(): // a record that names her now might do so anew, after her key is gone
		u.Patient, u.Reason = "", ""
	default:
		e.Patient = u.Patient
	}
	if who.Role != agent.PrivacyOfficer { // a deputy looks at what is to be approved
		e.Interaction = approval
	}
	if denied := p.Keeper.Commit(ctx, call, e); denied != nil {
		return nil, denied
	}
	return u, err
}

func (p *Purges) read(ctx context.Context, id string) (*Purge, error) {
	if !isID(id) {
		return nil, refused(fhir.NotFound, "There is no such purge.")
	}
	row, err := p.Keeper.Kept(ctx, Space, id)
	if errors.Is(err, kept.ErrNotFound) {
		return nil, refused(fhir.NotFound, "There is no such purge.")
	}
	if err != nil {
		return nil, err
	}
	return purgeOf(row)
}

func purgeOf(row kept.Row) (*Purge, error) {
	u := &Purge{version: row.Version}
	if err := json.Unmarshal(row.Value, u); err != nil {
		return nil, fmt.Errorf("purge %s: %w", row.Key, err)
	}
	return u, nil
}

// going says that a patient is being erased from the records.
func (u *Purge) going() bool { return u.Records != nil && (u.State == Approved || u.State == Removing) }

// List shows all purges, the last one first, without their lines.
func (p *Purges) List(ctx context.Context, call *kept.Call, who agent.Agent) (all []*Purge, err error) {
	e := event(who, "", url.Values{"step": {"list"}})
	err = kept.Each(ctx, p.Keeper, Space, func(row kept.Row) error {
		u, err := purgeOf(row)
		if err == nil {
			u.Preview.Kept, u.Preview.Shared, u.Preview.Mentions, u.Certificate = nil, nil, nil, ""
			if u.going() {
				u.Patient, u.Reason = "", ""
			}
			if u.Patient != "" {
				e.Patients = append(e.Patients, u.Patient)
			}
			all = append(all, u)
		}
		return err
	})
	if denied := p.Keeper.Commit(ctx, call, e); denied != nil {
		return nil, denied
	}
	slices.SortFunc(all, func(a, b *Purge) int { return b.Asked.Compare(a.Asked) })
	return all, err
}

// in shows a purge that must be in one of some states.
func (p *Purges) in(ctx context.Context, call *kept.Call, who agent.Agent, id string, states ...string) (*Purge, error) {
	u, err := p.Get(ctx, call, who, id)
	if err == nil && !slices.Contains(states, u.State) {
		err = refused(fhir.Conflict, fmt.Sprintf("The purge is %s: this cannot be done with it now.", u.State))
	}
	return u, err
}

// Decide says of documents that mention the patient which go, too; all others stay. It is
// looked for once more what goes, so that there is a new digest to approve.
func (p *Purges) Decide(ctx context.Context, call *kept.Call, who agent.Agent, id string, goes []string) (*Purge, error) {
	u, err := p.in(ctx, call, who, id, Asked)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for i := range u.Preview.Mentions {
		line := &u.Preview.Mentions[i]
		known[line.Ref], line.Goes = true, slices.Contains(goes, line.Ref)
	}
	for _, ref := range goes {
		if !known[ref] {
			return nil, refused(fhir.Unprocessable, "Only documents that the preview lists as mentioning the patient can be decided.")
		}
	}
	u.State, u.Agent = Looking, actorOf(who)
	if u.By, err = p.together(ctx, u.By, who); err != nil {
		return nil, err
	}
	return u, p.put(ctx, call, event(who, u.Patient, u.detail("decide")), u)
}

// together is whoever has had a hand in a purge: none of them approves it.
func (p *Purges) together(ctx context.Context, by agent.Person, who agent.Agent) (agent.Person, error) {
	other, err := p.Quorum.Who(ctx, who)
	if err != nil || by.Same(other) {
		return by, err
	}
	return by.With(append([]string{other.Subject}, other.Also...)...), nil
}

// Approve lets exactly what a digest names go.
func (p *Purges) Approve(ctx context.Context, call *kept.Call, who agent.Agent, id, digest string) (*Purge, error) {
	u, err := p.in(ctx, call, who, id, Asked)
	if err != nil {
		return nil, err
	}
	if u.Preview.Versions == 0 && u.Records == nil {
		return nil, refused(fhir.Conflict, "Nothing would go: all of it is kept, or also somebody else's.")
	}
	if digest != u.Preview.Digest {
		return nil, refused(fhir.Conflict, "What goes has changed since it was looked at. Look at it again, then approve it.")
	}
	second, err := p.Quorum.Second(ctx, u.By, who)
	if err != nil {
		return nil, p.deny(ctx, call, who, u, "second-person", err)
	}
	if err := p.held(ctx, u.Patient); err != nil {
		return nil, p.deny(ctx, call, who, u, "legal-hold", err)
	}
	u.State, u.Approver, u.Approved, u.Problem = Approved, second, p.Now().UTC(), ""
	e := event(who, u.Patient, u.detail("approve"))
	e.Interaction = approval
	return u, p.put(ctx, call, e, u)
}

// Drop takes back a purge of which nothing has gone.
func (p *Purges) Drop(ctx context.Context, call *kept.Call, who agent.Agent, id string) (*Purge, error) {
	u, err := p.in(ctx, call, who, id, Looking, Asked, Approved)
	if err != nil {
		return nil, err
	}
	u.State, u.Ended = Dropped, p.Now().UTC()
	return u, p.put(ctx, call, event(who, u.Patient, u.detail("drop")), u)
}
