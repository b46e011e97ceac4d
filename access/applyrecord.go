package access

import (
	"context"
	"errors"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// commit writes everything with its record, or nothing.
func (t *change) commit() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), recordTimeout)
	defer cancel()
	pending, err := t.gate.Sealer.Prepare(ctx, t.record())
	if err != nil {
		return unavailable("record cannot be sealed", err)
	}
	receipt, err := t.gate.Store.Commit(ctx, store.Change{Writes: t.writes(), Guards: t.guards, Judged: t.judgedBy(), Entry: pending})
	if errors.Is(err, store.ErrChanged) {
		return err
	}
	if err != nil {
		return unavailable("change cannot be made durable", err)
	}
	t.call.Receipts = append(t.call.Receipts, receipt.String())
	return nil
}

// record is the entry of the whole change.
func (t *change) record() ledgerbridge.Draft {
	first := t.steps[0]
	d := t.draft(first.question)
	d.Outcome = first.effect.Status
	items := t.fill(&d)
	if t.transaction() {
		d.Interaction, d.Action, d.Type, d.Outcome = "transaction", "E", "", 200
	} else {
		d.Target, d.Version = first.Ref.String(), first.write.Expect+1
	}
	d.Content = ledgerbridge.Content(d.Interaction, items)
	return d
}

// fill adds what every step wrote or disclosed, and whom it concerns; it returns
// what was written.
func (t *change) fill(d *ledgerbridge.Draft) []ledgerbridge.Item {
	var written []ledgerbridge.Item
	disclosed := int64(0)
	for _, s := range t.steps {
		switch {
		case s.write != nil:
			v := s.version()
			written = append(written, v.Item())
			t.disclose(d, &v, v.Method)
		case s.effect.Version != nil:
			t.disclose(d, s.effect.Version, "GET")
			disclosed++
		case s.effect.Result != nil:
			t.recordSearch(d, s.effect.Result.Query, SearchRequest{}, s.effect.Result, nil)
			disclosed += d.Count
		}
		t.concern(d, s)
	}
	d.Count = int64(len(written)) + disclosed
	return written
}

// concern adds whom a step is about besides: those it moves a resource away from,
// and those whom its criteria name or find.
func (t *change) concern(d *ledgerbridge.Draft, s *step) {
	for _, patient := range s.before.Facts.Patients {
		t.touch(d, patient)
	}
	if s.query == nil {
		return
	}
	if !t.transaction() {
		d.Query = s.query.Self
	}
	t.touchNamed(d, s.query.Patients)
	for i := range s.matches {
		for _, patient := range s.matches[i].Facts.Patients {
			t.touch(d, patient)
		}
	}
}

// recordReads records a change that changed nothing: reads, deletes of the
// deleted, conditional creates that found their resource.
func (t *change) recordReads() error {
	first := t.steps[0]
	d := t.draft(first.question)
	d.Outcome = first.effect.Status
	if t.transaction() {
		d.Interaction, d.Action, d.Type, d.Outcome = "transaction", "E", "", 200
	} else {
		d.Target = first.Ref.String()
	}
	t.fill(&d)
	return t.gate.record(t.ctx, t.call, d)
}

// recordRefusal records that nothing was written and why, and returns cause.
func (t *change) recordRefusal(cause error) error {
	s := t.current
	d := t.draft(s.question)
	if t.transaction() {
		d.Interaction, d.Action = "transaction", "E"
	}
	if s.Ref.ID != "" && s.Method != "POST" {
		d.Target = s.Ref.String()
	}
	d.Outcome = status(cause)
	if kindOf(cause) == fhir.Forbidden && d.Decision == "permit" {
		d.Decision, d.Reason = "deny", "row-refused"
	}
	t.refuse(&d, s.before, cause)
	t.concern(&d, s)
	t.touchNamed(&d, s.facts.Patients)
	if err := t.gate.record(t.ctx, t.call, d); err != nil {
		return err
	}
	return cause
}
