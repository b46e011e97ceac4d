// Package emergency keeps declared emergencies ("break-glass"): who says that a patient
// needs help now has what protects her data out of the way, for some hours, and answers for
// it to the privacy office afterwards.
//
// An emergency is two rows. One opens the data: it is gone when the emergency ends, and the
// gate looks for nothing else (see package access). The other, the Case, has the reason and
// is judged by an officer.
//
// The package does not speak HTTP, does not decide who may declare or review (the policy is
// asked with each event), and keeps nothing itself.
package emergency

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/kept"
)

// The limits of emergencies.
const (
	Longest     = 4 * time.Hour  // of one
	ReviewIn    = 72 * time.Hour // from when it was declared
	MostRunning = 10             // of one person at a time
	MostText    = 1000           // bytes of a reason, or of what a judgement says

	// keptFor is for how long a case that was judged is listed; its records stay.
	keptFor = 90 * 24 * time.Hour
)

// The spaces of the rows. That of what opens data is store.EmergencySpace.
const (
	runningSpace = "emergency"
	caseSpace    = "emergency-case"
)

// Spaces are those of all rows that this package keeps; each names its patient.
func Spaces() []string { return []string{runningSpace, caseSpace} }

// The judgements.
const (
	Justified   = "justified"
	Unjustified = "unjustified"
)

// Case is one emergency, as the office sees it.
type Case struct {
	ID       string       `json:"id"`
	Patient  string       `json:"patient"` // Patient/1
	Reason   string       `json:"reason"`
	By       agent.Person `json:"by"`
	Client   string       `json:"client,omitempty"`
	Declared time.Time    `json:"declared"`
	Until    time.Time    `json:"until"`
	Ended    *time.Time   `json:"ended,omitempty"` // before Until
	Review   *Review      `json:"review,omitempty"`

	Key string `json:"key,omitempty"` // of the row that opens the data
}

// Shown is the case without what only the desk needs.
func (c Case) Shown() Case {
	c.Key = ""
	return c
}

// Review is what an officer says of a case.
type Review struct {
	By        agent.Person `json:"by"`
	At        time.Time    `json:"at"`
	Judgement string       `json:"judgement"`
	Text      string       `json:"text"`
}

// Runs says whether the emergency opens data.
func (c *Case) Runs(now time.Time) bool { return c.Ended == nil && now.Before(c.Until) }

// Due is until when the case is to be judged.
func (c *Case) Due() time.Time { return c.Declared.Add(ReviewIn) }

// Overdue says whether it should have been judged.
func (c *Case) Overdue(now time.Time) bool { return c.Review == nil && now.After(c.Due()) }

// Error is a request that cannot be done; its text is for whoever asked.
type Error string

func (e Error) Error() string { return string(e) }

// Desk declares, ends and reviews emergencies.
type Desk struct {
	Keeper kept.Keeper
	Now    func() time.Time
}

// Running are the caller's own that open data now. Nothing is asked or recorded: it is what
// the caller has done.
func (d *Desk) Running(ctx context.Context, who agent.Agent) (all []Case, err error) {
	mark := who.Mark() + "."
	rows, err := d.Keeper.EachKept(ctx, runningSpace, mark, MostRunning)
	for i := 0; i < len(rows) && err == nil && strings.HasPrefix(rows[i].Key, mark); i++ {
		var one Case
		if err = json.Unmarshal(rows[i].Value, &one); err == nil {
			all = append(all, one)
		}
	}
	return all, err
}

// Own lists the caller's own that run: the event is decided and recorded.
func (d *Desk) Own(ctx context.Context, call *kept.Call, who agent.Agent) ([]Case, error) {
	all, err := d.Running(ctx, who)
	if err != nil {
		return nil, err
	}
	return all, d.Keeper.Commit(ctx, call, kept.Event{Interaction: "break-glass", Agent: who, Detail: "list=own", Patients: patientsOf(all)})
}

// List lists all cases for the office, those to be judged first, by when they are due; of
// the others the newest first. The record names the patients.
func (d *Desk) List(ctx context.Context, call *kept.Call, who agent.Agent) ([]Case, error) {
	all, err := d.cases(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Case) int {
		if open := cmp.Compare(flag(a.Review != nil), flag(b.Review != nil)); open != 0 {
			return open
		}
		if a.Review == nil {
			return a.Declared.Compare(b.Declared)
		}
		return b.Declared.Compare(a.Declared)
	})
	err = d.Keeper.Commit(ctx, call, kept.Event{Interaction: "break-glass-read", Agent: who, Patients: patientsOf(all)})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Waiting counts the cases that nobody has judged, and those of them that are overdue.
func (d *Desk) Waiting(ctx context.Context) (open, overdue int, err error) {
	all, err := d.cases(ctx)
	now := d.Now()
	for i := range all {
		open += flag(all[i].Review == nil)
		overdue += flag(all[i].Overdue(now))
	}
	return open, overdue, err
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (d *Desk) cases(ctx context.Context) (all []Case, err error) {
	err = kept.Each(ctx, d.Keeper, caseSpace, func(r kept.Row) error {
		var one Case
		if err := json.Unmarshal(r.Value, &one); err != nil {
			return fmt.Errorf("read an emergency: %w", err)
		}
		all = append(all, one)
		return nil
	})
	return all, err
}

func patientsOf(all []Case) (patients []string) {
	for i := range all {
		if !slices.Contains(patients, all[i].Patient) {
			patients = append(patients, all[i].Patient)
		}
	}
	return patients
}

// caseOf reads one case and the row that it is in.
func (d *Desk) caseOf(ctx context.Context, id string) (one Case, row kept.Row, err error) {
	row, err = d.Keeper.Kept(ctx, caseSpace, id)
	if errors.Is(err, kept.ErrNotFound) {
		return one, row, kept.ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal(row.Value, &one)
	}
	return one, row, err
}
