package purge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// Rule keeps what was written by an organisation, of a type, for some years after it was
// written last.
type Rule struct {
	Type         string `json:"type,omitempty"`         // "": any
	Organization string `json:"organization,omitempty"` // owner of the version; "": any
	Years        int    `json:"years"`
	Law          string `json:"law"` // what demands it, for the reader
}

// Rules are those of a house.
type Rules []Rule

// mostRules bounds them, mostYears each of them.
const (
	mostRules = 200
	mostYears = 150
)

// keeps says which rule keeps a resource, "" if none does: the longest one.
func (all Rules) keeps(r *resource, now time.Time) (why string) {
	var longest time.Time
	for _, rule := range all {
		if rule.Type != "" && rule.Type != r.ref.Type || rule.Organization != "" && rule.Organization != r.owner {
			continue
		}
		if until := r.newest.AddDate(rule.Years, 0, 0); now.Before(until) && until.After(longest) {
			longest, why = until, fmt.Sprintf("kept until %s: %s", until.Format(time.DateOnly), rule.Law)
		}
	}
	return why
}

func (all Rules) check() error {
	if len(all) > mostRules {
		return refused(fhir.Unprocessable, fmt.Sprintf("There are more than %d retention rules.", mostRules))
	}
	for i, r := range all {
		if r.Years < 1 || r.Years > mostYears || r.Law == "" || len(r.Law) > 200 || r.Type != "" && !fhir.IsResourceType(r.Type) {
			return refused(fhir.Unprocessable, fmt.Sprintf("Retention rule %d needs years from 1 to %d, the law (up to 200 characters), and a resource type or none.", i+1, mostYears))
		}
	}
	return nil
}

// Rules are the retention rules, and the version of their row.
func (p *Purges) Rules(ctx context.Context) (all Rules, version int64, err error) {
	row, err := p.Keeper.Kept(ctx, RuleSpace, ruleKey)
	if errors.Is(err, kept.ErrNotFound) {
		return nil, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(row.Value, &all)
	}
	return all, row.Version, err
}

// ShowRules shows the retention rules to an officer, which is recorded.
func (p *Purges) ShowRules(ctx context.Context, call *kept.Call, who agent.Agent) (Rules, error) {
	if err := p.Keeper.Commit(ctx, call, event(who, "", url.Values{"rules": {"show"}})); err != nil {
		return nil, err
	}
	all, _, err := p.Rules(ctx)
	return all, err
}

// SetRules replaces the retention rules.
func (p *Purges) SetRules(ctx context.Context, call *kept.Call, who agent.Agent, all Rules) error {
	if err := all.check(); err != nil {
		return err
	}
	_, version, err := p.Rules(ctx)
	if err != nil {
		return err
	}
	value, err := json.Marshal(all)
	if err != nil {
		return err
	}
	e := event(who, "", url.Values{"rules": {fmt.Sprint(len(all))}})
	return changed(p.Keeper.Commit(ctx, call, e, kept.Row{Space: RuleSpace, Key: ruleKey, Value: value, Version: version}))
}

// Hold is a legal hold: nothing of the patient is purged while it stands.
type Hold struct {
	Patient string       `json:"patient"`
	Reason  string       `json:"reason"`
	By      agent.Person `json:"by"`
	Since   time.Time    `json:"since"`
}

// held refuses what concerns a patient under legal hold.
func (p *Purges) held(ctx context.Context, patient string) error {
	if patient == "" {
		return nil
	}
	_, err := p.Keeper.Kept(ctx, HoldSpace, patient)
	switch {
	case errors.Is(err, kept.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return refused(fhir.Conflict, "The patient is under legal hold: nothing of hers can be purged until the hold ends.")
}

// SetHold begins a legal hold, or ends it if there is no reason.
func (p *Purges) SetHold(ctx context.Context, call *kept.Call, who agent.Agent, patient, reason string) error {
	ref, err := fhir.ParseRef(patient)
	if err != nil || ref.Type != "Patient" || len(reason) > MostReason {
		return refused(fhir.Unprocessable, fmt.Sprintf("A legal hold is of a patient, as in Patient/1, and for a reason of up to %d bytes.", MostReason))
	}
	row := kept.Row{Space: HoldSpace, Key: patient}
	old, err := p.Keeper.Kept(ctx, HoldSpace, patient)
	switch {
	case err == nil:
		row.Version = old.Version
	case !errors.Is(err, kept.ErrNotFound):
		return err
	case reason == "":
		if err := p.Keeper.Commit(ctx, call, event(who, patient, url.Values{"hold": {"ends"}})); err != nil {
			return err
		}
		return refused(fhir.NotFound, "This patient is under no legal hold.")
	}
	if reason != "" {
		by, err := p.Quorum.Who(ctx, who)
		if err != nil {
			return err
		}
		if row.Value, err = json.Marshal(Hold{patient, reason, by, p.Now().UTC()}); err != nil {
			return err
		}
	}
	step := "begins"
	if reason == "" {
		step = "ends"
	}
	return changed(p.Keeper.Commit(ctx, call, event(who, patient, url.Values{"hold": {step}}), row))
}
