package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/audit"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// eraseCommand destroys the key of one patient's parts in all records.
func eraseCommand(args []string, stdout, stderr io.Writer) int {
	f := newFlags("erase", "", stderr)
	path := f.String("data", "aceso-data", "data `folder`; its server must be stopped")
	var database databaseOptions
	database.flags(f)
	patient := f.String("patient", "", "`id` of the patient")
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(rest) > 0 {
		return misuse(stderr, "erase", "unexpected argument %q", rest[0])
	}
	ref, err := fhir.ParseRef("Patient/" + *patient)
	if err != nil {
		return misuse(stderr, "erase", "--patient must be the id of a patient")
	}
	data, err := openDataFolder(*path)
	if err != nil {
		return fail(stderr, "erase", err)
	}
	receipt, erased, err := erase(context.Background(), data, database, ref)
	if err != nil {
		return fail(stderr, "erase", err)
	}
	fmt.Fprintf(stdout, "%d parts of records can no longer be read; record of the erasure: %s\n", erased, receipt)
	return exitOK
}

func erase(ctx context.Context, data dataFolder, database databaseOptions, patient fhir.Ref) (receipt ledgerbridge.Receipt, erased int64, err error) {
	n, err := data.readNode()
	if err != nil {
		return receipt, 0, err
	}
	var r records
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.open(ctx, data, serveOptions{baseURL: n.BaseURL, database: database}, slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
		return receipt, 0, err
	}
	by := ledgerbridge.Draft{
		Agent: "aceso erase", Organization: r.organization, Role: agent.System, Client: "aceso-cli", Purpose: "HOPERAT",
		Decision: "permit", Reason: "operator",
	}
	receipt, erased, err = audit.Erase(ctx, r.store, r.sealer, r.parts, by, patient.String())
	if err != nil {
		return receipt, erased, err
	}
	_, err = r.changes.Checkpoint(ctx)
	return receipt, erased, err
}
