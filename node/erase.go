package node

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/audit"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
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
	if oplog, ok := r.store.(interface {
		OplogEnd(context.Context) (string, error)
	}); ok {
		end, err := oplog.OplogEnd(ctx)
		if err != nil {
			return receipt, 0, err
		}
		by.Request = "oplog-" + end
	}
	receipt, erased, err = audit.Erase(ctx, r.store, r.sealer, r.parts, by, patient.String())
	if err != nil {
		return receipt, erased, err
	}
	_, err = r.changes.Checkpoint(ctx)
	return receipt, erased, err
}
