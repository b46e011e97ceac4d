package main

import (
	"context"
	"fmt"
	"io"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/node"
)

// eraseCommand destroys the key of one patient's parts in all records.
func eraseCommand(args []string, stdout, stderr io.Writer) int {
	f := newFlags("erase", "", stderr)
	path := f.String("data", defaultData, "data `folder`; its server must be stopped")
	var database node.Database
	databaseFlags(f, &database)
	patient := f.String("patient", "", "`id` of the patient")
	if code, ok := parseAlone(f, args); !ok {
		return code
	}
	ref, err := fhir.ParseRef("Patient/" + *patient)
	if err != nil {
		return misuse(stderr, "erase", "--patient must be the id of a patient")
	}
	data, err := node.OpenFolder(*path)
	if err != nil {
		return fail(stderr, "erase", err)
	}
	receipt, erased, err := node.Erase(context.Background(), data, database, ref)
	if err != nil {
		return fail(stderr, "erase", err)
	}
	fmt.Fprintf(stdout, "%d parts of records can no longer be read; record of the erasure: %s\n", erased, receipt)
	if database.URI != "" {
		fmt.Fprintln(stdout, "The sealed key stays in the oplog of the database until the oldest entry there is later than this record, and in backups until they are deleted.")
	}
	return exitOK
}
