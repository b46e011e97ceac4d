package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// Bounds of a replay.
const (
	MostReplayed  = 100_000 // records, the newest of each log
	replayedAgain = 2_000   // versions that are judged again
)

// ReplayRequest shows recorded requests to who asks what a draft would have decided.
type ReplayRequest struct {
	Revision string // of the draft
	Limit    int    // records of each log, the newest; at most MostReplayed
	Draft    Decider
	Visit    func(ctx context.Context, past Past) error
	Samples  func() []string // after all visits: ids of the records to be proven
	Named    func() []string // after all visits: patients whom the report names
}

// Past is a recorded request.
type Past struct {
	ID       string // of its AuditEvent
	Inputs   []policy.Input
	Policy   string // revision that decided
	Erased   bool   // the input, with a patient
	Unknown  bool   // the record does not say it
	Patients []string
	// Again judges the versions that the record names by the policies of then and by the
	// draft: how many only the draft shows, only the others show, were not judged.
	Again func(ctx context.Context, in policy.Input, before interface {
		Decide(context.Context, policy.Input) (policy.Decision, error)
	}) (shown, hidden, notJudged int, err error)
}

// Replayed is what was shown.
type Replayed struct {
	Logs   []ReplayedLog
	Proofs map[string][]byte // bundles of the samples
}

// ReplayedLog is the part of a log that was read: rows From <= seq < To of a tree of that size
// and root.
type ReplayedLog struct {
	Source   string
	From, To int64
	Size     int64
	Root     [32]byte
}

// Replay shows recorded requests, to be decided again with a draft, to those whom the policy lets search
// the records. Each row that is read is checked against the tree of its log: if one is
// missing or another one, there is no report. It ends with ctx.
func (g *Gate) Replay(ctx context.Context, c *Call, ask ReplayRequest) (*Replayed, error) {
	return answer(ctx, g, c, func(r *review) (*Replayed, error) {
		r.entry.Query = "replay=" + ask.Revision
		if _, err := r.ask(ctx, question{"audit-search", "s", auditEvent}); err != nil {
			return nil, err
		}
		var report *Replayed
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
	inputs *ledgerbridge.InputReader
	room   int              // versions that may still be judged again
	gates  map[string]*Gate // by revision; "" is the draft
}

func (r *review) replay(ctx context.Context, ask *ReplayRequest) (*Replayed, error) {
	logs, err := r.gate.logs(ctx)
	if err != nil {
		return nil, err
	}
	p := &replaying{review: r, ask: ask, inputs: r.gate.Sealer.Inputs(logs), room: replayedAgain, gates: map[string]*Gate{}}
	found := &Replayed{Proofs: map[string][]byte{}}
	for _, log := range logs {
		part, err := p.log(ctx, log)
		if err != nil {
			return nil, err
		}
		found.Logs = append(found.Logs, part)
	}
	return found, p.prove(ctx, found)
}

// log reads the newest records of a log that a checkpoint covers, against its tree.
func (p *replaying) log(ctx context.Context, log ledgerbridge.Log) (ReplayedLog, error) {
	journal, err := p.gate.journal(ctx, log.Source())
	if err != nil {
		return ReplayedLog{}, unavailable("records cannot be read", err)
	}
	last := journal.Last()
	used := ReplayedLog{Source: log.Source(), To: last.Size, Size: last.Size, Root: last.Root}
	used.From = max(0, last.Size-int64(min(p.ask.Limit, MostReplayed)))
	if used.From == used.To {
		return used, nil
	}
	err = journal.AuditPart(ctx, ledgerbridge.TreeHead{Size: last.Size, Root: last.Root}, used.From, used.To, func(row *ledgerbridge.Row) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return p.visit(ctx, log, row)
	})
	var damage *ledgerbridge.Damage
	if errors.As(err, &damage) {
		return used, &fhir.Error{Kind: fhir.Conflict, Detail: "The log is not whole, so it cannot be said what a draft would have decided: run aceso verify log.", Err: err}
	}
	return used, err
}

// visit shows one record.
func (p *replaying) visit(ctx context.Context, log ledgerbridge.Log, row *ledgerbridge.Row) error {
	if err := p.call.spend().Spend(ctx, store.RowSteps); err != nil {
		return err
	}
	e, err := ledgerbridge.ParseEntry(row.Entry)
	if err != nil {
		return err
	}
	rec := record{log, *row, e}
	one := Past{ID: auditID(log.Source(), row.Seq), Policy: e.Policy}
	asked, err := askedBy(ctx, p.inputs, &rec)
	one.Unknown, one.Erased = errors.Is(err, ledgerbridge.ErrUnknownInput), errors.Is(err, ledgerbridge.ErrErased)
	switch {
	case one.Unknown || one.Erased:
		return p.ask.Visit(ctx, one)
	case err != nil:
		return unavailable("records cannot be read", err)
	}
	versions, patients, err := p.names(ctx, &rec)
	if err != nil {
		return err
	}
	one.Inputs, one.Patients = asked.Inputs, patients
	one.Again = func(ctx context.Context, in policy.Input, before interface {
		Decide(context.Context, policy.Input) (policy.Decision, error)
	}) (int, int, int, error) {
		return p.again(ctx, asked, in, e.Policy, before, versions)
	}
	return p.ask.Visit(ctx, one)
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
func (p *replaying) judge(revision string, by Decider) *Gate {
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
func (p *replaying) again(ctx context.Context, asked *Asked, in policy.Input, past string, before Decider, items []ledgerbridge.Item) (shown, hidden, not int, err error) {
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

// prove proves the samples, and lets the record of the replay name whom the report is about.
func (p *replaying) prove(ctx context.Context, found *Replayed) error {
	p.concern(p.ask.Named())
	p.part(ledgerbridge.Everyone) // what is counted is about everybody
	for _, id := range p.ask.Samples() {
		rec, err := p.gate.find(ctx, id)
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
		if found.Proofs[id], err = ledgerbridge.FormatBundle(proof, nil); err != nil {
			return fmt.Errorf("prove a sample: %w", err)
		}
	}
	return nil
}
