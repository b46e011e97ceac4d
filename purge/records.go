package purge

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// Named is what names a patient in the records of a house.
type Named struct {
	Keys     int `json:"keys"`     // that open parts of records about her
	Changes  int `json:"changes"`  // entries of change logs with such a part
	Accesses int `json:"accesses"` // entries of access logs
}

// any says whether there is something to erase.
func (n Named) any() bool { return n != Named{} }

// Records are those of all nodes.
type Records interface {
	// Count says what names a patient. It leaves no record: what it says MUST NOT leave but
	// by a request that is decided and recorded.
	Count(ctx context.Context, patient string) (Named, error)
	// Erase makes the parts of all records that are a patient's unreadable, for good, and
	// leaves an entry that says so. It may be called again after a crash.
	Erase(ctx context.Context, call *kept.Call, who agent.Agent, patient string) error
}

// AskRecords begins the erasure of a patient from the records. The resources stay.
func (p *Purges) AskRecords(ctx context.Context, call *kept.Call, who agent.Agent, patient, reason string) (*Purge, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > MostReason {
		return nil, refused(fhir.Unprocessable, fmt.Sprintf("An erasure needs a reason, of up to %d bytes.", MostReason))
	}
	ref, version, err := subjectOf(patient)
	if err != nil || version != 0 {
		return nil, refused(fhir.Unprocessable, "The records of a patient are erased, as in Patient/1.")
	}
	u := &Purge{ID: strings.ToLower(rand.Text()), Reason: reason, State: Asked, Asked: p.Now().UTC(), Agent: actorOf(who), Records: new(Named)}
	if u.By, err = p.Quorum.Who(ctx, who); err != nil {
		return nil, err
	}
	if *u.Records, err = p.Records.Count(ctx, patient); err != nil {
		return nil, err
	}
	if u.Records.any() { // a record that named somebody who never was would make her known
		u.Patient = patient
	}
	if err := p.existed(ctx, call, who, u, ref); err != nil {
		return nil, err
	}
	if err := p.held(ctx, patient); err != nil {
		return nil, p.deny(ctx, call, who, u, "legal-hold", err)
	}
	return u, p.put(ctx, call, event(who, u.Patient, u.detail("ask")), u)
}

// existed refuses who never was a patient here: neither a version of hers is stored, be it
// purged, nor did any change concern her. That somebody asked for an id makes no patient.
func (p *Purges) existed(ctx context.Context, call *kept.Call, who agent.Agent, u *Purge, ref fhir.Ref) error {
	stored := 0
	err := p.Data.Look(ctx, call, who, u.Patient, ref, func(*Version) error {
		stored++
		return nil
	})
	switch {
	case err != nil:
		return err
	case stored == 0 && u.Records.Changes == 0:
		u.Patient = ""
		return p.deny(ctx, call, who, u, "unknown-patient", refused(fhir.NotFound, "There never was such a patient here: check the id."))
	case !u.Records.any():
		return p.deny(ctx, call, who, u, "unknown-patient", refused(fhir.NotFound, "No record names this patient: the patient was erased from the records before."))
	}
	return nil
}

// eraseRecords erases. What is done is not undone by a crash: it is begun again then.
func (p *Purges) eraseRecords(ctx context.Context, call *kept.Call, u *Purge) error {
	if err := p.held(ctx, u.Patient); err != nil {
		return err
	}
	if u.State == Approved {
		named, err := p.Records.Count(ctx, u.Patient)
		if err != nil {
			return err
		}
		u.Records, u.State, u.Began, u.Problem = &named, Removing, p.Now().UTC(), ""
		if err := p.put(ctx, call, p.own(u, "begin"), u); err != nil {
			return err
		}
	}
	n := len(call.Receipts)
	if err := p.Records.Erase(ctx, call, u.Agent.agent(), u.Patient); err != nil {
		return err
	}
	u.Gone.Records = append(u.Gone.Records, call.Receipts[n:]...)
	// From here on nothing names her, this row and its record included.
	u.Patient, u.Reason, u.Problem = "", "", ""
	u.State, u.Ended = Done, p.Now().UTC()
	if err := p.certify(ctx, u); err != nil {
		return err
	}
	if err := p.put(ctx, call, p.own(u, "done"), u); err != nil {
		return err
	}
	return p.Data.Scrub(ctx) // of what this row said before
}
