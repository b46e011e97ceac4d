package node

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// keptRows reads what is kept beside resources.
type keptRows struct{ store store.Keeper }

// Kept returns a row that has not expired.
func (k keptRows) Kept(ctx context.Context, space, key string) (kept.Row, error) {
	row, err := k.store.Kept(ctx, space, key)
	if errors.Is(err, store.ErrNotFound) {
		return kept.Row{}, kept.ErrNotFound
	}
	return rowOf(row), err
}

// EachKept returns rows of a space after a key.
func (k keptRows) EachKept(ctx context.Context, space, after string, limit int) ([]kept.Row, error) {
	all, err := k.store.EachKept(ctx, space, after, limit)
	rows := make([]kept.Row, len(all))
	for i := range all {
		rows[i] = rowOf(all[i])
	}
	return rows, err
}

func rowOf(k store.Kept) kept.Row {
	return kept.Row{Space: k.Space, Key: k.Key, Value: k.Value, Version: k.Version, Expires: k.Expires}
}

func keptOf(rows []kept.Row) (all []store.Kept) {
	for _, r := range rows {
		all = append(all, store.Kept{Space: r.Space, Key: r.Key, Value: r.Value, Version: r.Version, Expires: r.Expires})
	}
	return all
}

func changedOf(err error) error {
	if errors.Is(err, store.ErrChanged) {
		return kept.ErrChanged
	}
	return err
}

// gateRows writes through the gate: it asks the policy, and records.
type gateRows struct {
	keptRows
	gate *access.Gate
}

// Commit decides about an event, records it and writes rows.
func (k gateRows) Commit(ctx context.Context, call *kept.Call, e kept.Event, rows ...kept.Row) error {
	c := access.Call{Agent: e.Agent, Request: call.Request, Address: call.Address}
	err := k.gate.Authorize(ctx, &c, access.Authorization{
		Interaction: e.Interaction, Detail: e.Detail, Patient: e.Patient, Patients: e.Patients, Refused: e.Refused, Status: e.Status, Keep: keptOf(rows),
	})
	call.Receipts = append(call.Receipts, c.Receipts...)
	return changedOf(err)
}

// operatorRows writes for somebody who holds the folder or the keys of the database: no
// policy is asked, but there is a record.
type operatorRows struct {
	keptRows
	records *records
}

// Commit records an event and writes rows.
func (k operatorRows) Commit(ctx context.Context, call *kept.Call, e kept.Event, rows ...kept.Row) error {
	var whose []ledgerbridge.Touched
	for _, patient := range append([]string{e.Patient}, e.Patients...) {
		if patient != "" {
			whose = append(whose, ledgerbridge.Touched{Patient: patient})
		}
	}
	pending, err := k.records.sealer.Prepare(ctx, ledgerbridge.Draft{
		Action: "E", Interaction: e.Interaction, Agent: e.Agent.Subject, Role: e.Agent.Role, Organization: k.records.organization, Client: e.Agent.Client,
		Purpose: e.Agent.Purpose, Query: e.Detail, Decision: "permit", Reason: "operator", Outcome: 200, Patients: whose,
	})
	if err != nil {
		return err
	}
	receipt, err := k.records.store.Commit(ctx, store.Change{Entry: pending, Keep: keptOf(rows)})
	if err == nil && call != nil {
		call.Receipts = append(call.Receipts, receipt.String())
	}
	return changedOf(err)
}

// operate opens a folder that is not being served, or the database that its node shares, for
// an operator who changes or lists what is kept there; use is told the base URL of the
// node's last start. It returns the receipts of the records.
func operate(ctx context.Context, data Folder, database Database, use func(r *records, call *kept.Call, base string) error) (receipts []string, err error) {
	n, err := data.Identity()
	if err != nil {
		return nil, err
	}
	r := records{log: slog.New(slog.DiscardHandler)}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.open(ctx, data, Options{BaseURL: n.BaseURL, Database: database}); err != nil {
		return nil, err
	}
	call := new(kept.Call)
	if err := use(&r, call, n.BaseURL); err != nil || len(call.Receipts) == 0 {
		return nil, err
	}
	_, err = r.changes.Checkpoint(ctx)
	return call.Receipts, err
}

// operatorOf names an operator's command in records.
func operatorOf(command string) agent.Agent {
	return agent.Agent{Subject: command, Role: agent.System, Client: "aceso-cli", Purpose: "HOPERAT"}
}
