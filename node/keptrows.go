package node

import (
	"context"
	"errors"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// keptRows reads what the authorization server keeps.
type keptRows struct{ store store.Keeper }

// Kept returns a row that has not expired.
func (k keptRows) Kept(ctx context.Context, space, key string) (oauth.Row, error) {
	row, err := k.store.Kept(ctx, space, key)
	if errors.Is(err, store.ErrNotFound) {
		return oauth.Row{}, oauth.ErrNotFound
	}
	return rowOf(row), err
}

// EachKept returns rows of a space after a key.
func (k keptRows) EachKept(ctx context.Context, space, after string, limit int) ([]oauth.Row, error) {
	kept, err := k.store.EachKept(ctx, space, after, limit)
	rows := make([]oauth.Row, len(kept))
	for i := range kept {
		rows[i] = rowOf(kept[i])
	}
	return rows, err
}

func rowOf(k store.Kept) oauth.Row {
	return oauth.Row{Space: k.Space, Key: k.Key, Value: k.Value, Version: k.Version, Expires: k.Expires}
}

func keptOf(rows []oauth.Row) (all []store.Kept) {
	for _, r := range rows {
		all = append(all, store.Kept{Space: r.Space, Key: r.Key, Value: r.Value, Version: r.Version, Expires: r.Expires})
	}
	return all
}

func changedOf(err error) error {
	if errors.Is(err, store.ErrChanged) {
		return oauth.ErrChanged
	}
	return err
}

// gateRows writes through the gate: it asks the policy, and records.
type gateRows struct {
	keptRows
	gate *access.Gate
}

// Commit decides about an event, records it and writes rows.
func (k gateRows) Commit(ctx context.Context, call *oauth.Call, e oauth.Event, rows ...oauth.Row) error {
	c := access.Call{Agent: e.Agent, Request: call.Request, Address: call.Address}
	err := k.gate.Authorize(ctx, &c, access.Authorization{
		Interaction: e.Interaction, Detail: e.Detail, Patient: e.Patient, Refused: e.Refused, Status: e.Status, Keep: keptOf(rows),
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
func (k operatorRows) Commit(ctx context.Context, call *oauth.Call, e oauth.Event, rows ...oauth.Row) error {
	var whose []ledgerbridge.Touched
	if e.Patient != "" {
		whose = []ledgerbridge.Touched{{Patient: e.Patient}}
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
