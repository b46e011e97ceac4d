package access

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/policy/replay"
	"github.com/aceso-health/aceso/store"
)

// Bounds of a replay.
const (
	MostReplayed  = 100_000 // records, the newest of each log
	replayedAgain = 2_000   // versions that are judged again
)

// ReplayRequest asks what a draft would have decided.
type ReplayRequest struct {
	Revision string // of the draft
	Draft    replay.Policies
	// Past finds the policies of a revision, nil if they are not kept.
	Past  func(ctx context.Context, revision string) (replay.Policies, error)
	Limit int // records of each log, the newest; at most MostReplayed
}

// Replay decides recorded requests again with a draft, for those whom the policy lets search
// the records. Each row that is read is checked against the tree of its log: if one is
// missing or another one, there is no report. It ends with ctx.
func (g *Gate) Replay(ctx context.Context, c *Call, ask ReplayRequest) (*replay.Report, error) {
	return answer(ctx, g, c, func(r *review) (*replay.Report, error) {
		r.entry.Query = "replay=" + ask.Revision
		if _, err := r.ask(ctx, question{"audit-search", "s", auditEvent}); err != nil {
			return nil, err
		}
		var report *replay.Report
		err := r.turns(ctx, r.call.spend(), func(ctx context.Context) (err error) {
			report, err = r.replay(ctx, &ask)
			return err
		})
		return report, err
	})
}

// replaying is a replay that runs.
type replaying struct {
	*review
	ask    *ReplayRequest
	run    *replay.Replay
	inputs *ledgerbridge.InputReader
	room   int              // versions that may still be judged again
	gates  map[string]*Gate // by revision; "" is the draft
}

func (r *review) replay(ctx context.Context, ask *ReplayRequest) (*replay.Report, error) {
	logs, err := r.gate.logs(ctx)
	if err != nil {
		return nil, err
	}
	p := &replaying{review: r, ask: ask, run: replay.New(ask.Revision, ask.Draft, ask.Past), inputs: r.gate.Sealer.Inputs(logs), room: replayedAgain, gates: map[string]*Gate{}}
	var used []replay.Log
	for _, log := range logs {
		part, err := p.log(ctx, log)
		if err != nil {
			return nil, err
		}
		used = append(used, part)
	}
	report := p.run.Report(used)
	return report, p.prove(ctx, report)
}

// log reads the newest records of a log that a checkpoint covers, against its tree.
func (p *replaying) log(ctx context.Context, log ledgerbridge.Log) (replay.Log, error) {
	journal, err := p.gate.journal(ctx, log.Source())
	if err != nil {
		return replay.Log{}, unavailable("records cannot be read", err)
	}
	last := journal.Last()
	used := replay.Log{Source: log.Source(), To: last.Size, Size: last.Size, Root: hex.EncodeToString(last.Root[:])}
	used.From = max(0, last.Size-int64(min(p.ask.Limit, MostReplayed)))
	if used.From == used.To {
		return used, nil
	}
	err = journal.AuditPart(ctx, ledgerbridge.TreeHead{Size: last.Size, Root: last.Root}, used.From, used.To, func(row *ledgerbridge.Row) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return p.row(ctx, log, row)
	})
	var damage *ledgerbridge.Damage
	if errors.As(err, &damage) {
		return used, &fhir.Error{Kind: fhir.Conflict, Detail: "The log is not whole, so it cannot be said what a draft would have decided: run aceso verify log.", Err: err}
	}
	return used, err
}

// row shows one record to the replay.
func (p *replaying) row(ctx context.Context, log ledgerbridge.Log, row *ledgerbridge.Row) error {
	if err := p.call.spend().Spend(ctx, store.RowSteps); err != nil {
		return err
	}
	e, err := ledgerbridge.ParseEntry(row.Entry)
	if err != nil {
		return err
	}
	rec := record{log, *row, e}
	asked, err := askedBy(ctx, p.inputs, &rec)
	switch {
	case errors.Is(err, ledgerbridge.ErrUnknownInput):
		p.run.Unknown()
		return nil
	case errors.Is(err, ledgerbridge.ErrErased):
		p.run.Erased()
		return nil
	case err != nil:
		return unavailable("records cannot be read", err)
	}
	versions, patients, err := p.names(ctx, &rec)
	if err != nil {
		return err
	}
	one := replay.Record{ID: auditID(log.Source(), row.Seq), Inputs: asked.Inputs, Policy: e.Policy, Patients: patients}
	err = p.run.Add(ctx, one, func(ctx context.Context, in policy.Input, before replay.Policies) (int, int, int, error) {
		return p.again(ctx, asked, in, e.Policy, before, versions)
	})
	if err == nil && p.run.Failing() {
		err = &fhir.Error{Kind: fhir.Invalid, Detail: "The draft cannot decide more than 50 of the questions that were asked. Test it first."}
	}
	return err
}

// names are the versions and the patients that a record names.
func (p *replaying) names(ctx context.Context, rec *record) (versions []ledgerbridge.Item, patients []string, err error) {
	parts, err := p.gate.Sealer.OpenParts(ctx, rec.row.Parts, nil)
	if err != nil {
		return nil, nil, unavailable("records cannot be read", err)
	}
	for _, o := range parts {
		switch {
		case o.Request != nil:
			versions = append(versions, o.Request.Items...)
		case o.Patient != nil && o.Patient.Patient != ledgerbridge.Everyone:
			versions, patients = append(versions, o.Patient.Items...), append(patients, o.Patient.Patient)
		}
	}
	return versions, patients, nil
}

// judge is the gate as it would be with other policies: it judges rows as this one does.
func (p *replaying) judge(revision string, by replay.Policies) *Gate {
	if g := p.gates[revision]; g != nil {
		return g
	}
	config := p.gate.Config
	config.Policy = by
	g := New(config)
	p.gates[revision] = g
	return g
}

// again judges the versions that a record names by both policies, with the Consents of now.
func (p *replaying) again(ctx context.Context, asked *Asked, in policy.Input, past string, before replay.Policies, items []ledgerbridge.Item) (shown, hidden, not int, err error) {
	was, err := p.as(ctx, p.judge(past, before), asked, in)
	if err != nil {
		return 0, 0, 0, err
	}
	is, err := p.as(ctx, p.judge("", p.ask.Draft), asked, in)
	if err != nil {
		return 0, 0, 0, err
	}
	for n, item := range items {
		if p.room--; p.room < 0 {
			return shown, hidden, not + len(items) - n, nil
		}
		v, err := p.version(ctx, item)
		if errors.Is(err, store.ErrNotFound) {
			not++
			continue
		}
		if err != nil {
			return shown, hidden, not, unavailable("versions cannot be read", err)
		}
		q := question{in.Interaction, in.Action, v.Ref.Type}
		then, err := was.row(ctx, q, rowOf(&v))
		if err != nil {
			return shown, hidden, not, err
		}
		now, err := is.row(ctx, q, rowOf(&v))
		switch {
		case err != nil:
			return shown, hidden, not, err
		case now && !then:
			shown++
		case then && !now:
			hidden++
		}
	}
	return shown, hidden, not, nil
}

func (p *replaying) version(ctx context.Context, item ledgerbridge.Item) (store.Version, error) {
	ref, err := fhir.ParseRef(item.Ref)
	if err != nil {
		return store.Version{}, err
	}
	return p.gate.Store.GetVersion(ctx, ref, item.Version)
}

// as is a review of the request that was asked, by another gate.
func (p *replaying) as(ctx context.Context, g *Gate, asked *Asked, in policy.Input) (*review, error) {
	a := in.Agent
	r := g.review(&Call{Agent: agent.Agent{
		Subject: a.Subject, Role: a.Role, Organization: a.Organization, Patient: a.Patient, Client: a.Client, Purpose: in.Purpose, Scopes: asked.Scopes, Actors: []string{a.Subject},
	}, Request: p.call.Request, work: p.call.spend()})
	if at, err := time.Parse(time.RFC3339, in.Now); err == nil {
		r.now, r.subject.Now = at, at
	}
	return r, r.identify(ctx)
}

// prove adds to each sample the proof of its record, and lets the record of the replay name
// whom the samples are about.
func (p *replaying) prove(ctx context.Context, report *replay.Report) error {
	for i := range report.Samples {
		s := &report.Samples[i]
		rec, err := p.gate.find(ctx, s.Record)
		if err != nil {
			return err
		}
		journal, err := p.gate.journal(ctx, rec.log.Source())
		if err != nil {
			return unavailable("record cannot be proven", err)
		}
		proof, err := journal.Prove(ctx, rec.row.Seq)
		if err != nil {
			return unavailable("record cannot be proven", err)
		}
		if s.Proof, err = ledgerbridge.FormatBundle(proof, nil); err != nil {
			return fmt.Errorf("prove a sample: %w", err)
		}
		_, patients, err := p.names(ctx, &rec)
		if err != nil {
			return err
		}
		p.concern(patients)
	}
	return nil
}
