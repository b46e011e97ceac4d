package node

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/audit"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/purge"
)

// Erase destroys the key of one patient's parts in all records; the node must not be
// serving. With a database, the request id of the record says where its oplog ended: the
// sealed key is there until all oplogs begin later. It returns the receipt of the erasure's own record and the number of parts.
func Erase(ctx context.Context, data Folder, database Database, patient fhir.Ref) (receipt ledgerbridge.Receipt, erased int64, err error) {
	n, err := data.Identity()
	if err != nil {
		return receipt, 0, err
	}
	r := records{log: slog.New(slog.DiscardHandler)}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.open(ctx, data, Options{BaseURL: n.BaseURL, Database: database}); err != nil {
		return receipt, 0, err
	}
	by := ledgerbridge.Draft{
		Agent: "aceso erase", Organization: r.organization, Role: agent.System, Client: "aceso-cli", Purpose: "HOPERAT",
		Decision: "permit", Reason: "operator",
	}
	receipt, erased, err = r.erase(ctx, by, patient.String())
	if err != nil {
		return receipt, erased, err
	}
	_, err = r.changes.Checkpoint(ctx)
	return receipt, erased, err
}

// erase destroys the key of one patient's parts in all records; others may go on reading
// and recording. With a database, the request id of its record says where the oplog ended.
func (r *records) erase(ctx context.Context, by ledgerbridge.Draft, patient string) (receipt ledgerbridge.Receipt, erased int64, err error) {
	if oplog, ok := r.store.(interface {
		OplogEnd(context.Context) (string, error)
	}); ok {
		end, err := oplog.OplogEnd(ctx)
		if err != nil {
			return receipt, 0, err
		}
		by.Request = "oplog-" + end
	}
	return audit.Erase(ctx, r.store, r.sealer, r.parts, by, patient)
}

// liveRecords are those of all nodes, while they serve.
type liveRecords struct{ n *Node }

// Count says what names a patient.
func (l liveRecords) Count(ctx context.Context, patient string) (purge.Named, error) {
	c, err := audit.Count(ctx, l.n.store, l.n.sealer, l.n.parts, patient)
	named := purge.Named{Changes: c.Changes, Accesses: c.Accesses}
	if c.Key {
		named.Keys = 1
	}
	return named, err
}

// Erase makes them unreadable, in the name of who asked for it. The policy has decided about
// the steps before it, and another person has approved it.
func (l liveRecords) Erase(ctx context.Context, call *kept.Call, who agent.Agent, patient string) error {
	by := ledgerbridge.Draft{
		Agent: who.Subject, Name: who.Name, Organization: who.Organization, Role: who.Role, Client: who.Client, Purpose: who.Purpose,
		Policy: l.n.policy.Revision(), Decision: "permit", Reason: "two-persons", Request: call.Request,
	}
	receipt, _, err := l.n.erase(ctx, by, patient)
	if errors.Is(err, audit.ErrUnknown) { // it was done, and the node killed before it could say so
		return nil
	}
	if err == nil {
		call.Receipts = append(call.Receipts, receipt.String())
	}
	return err
}
