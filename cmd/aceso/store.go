package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/store"
)

const storeArguments = "check | copy FROM TO"

// storeJob is one run of the command.
type storeJob struct {
	stdout, stderr io.Writer
	data           string
	database       node.Database
	sample         int
	repair         bool
	all            bool
}

// storeCommand checks what a node stores, or moves it elsewhere.
func storeCommand(args []string, stdout, stderr io.Writer) int {
	j := storeJob{stdout: stdout, stderr: stderr}
	f := newFlags("store", storeArguments, stderr)
	f.StringVar(&j.data, "data", defaultData, "check: data `folder` of the node; copy: that of the node of the database")
	databaseFlags(f, &j.database)
	f.IntVar(&j.sample, "sample", 1, "check: look at about one resource in `n` (database only)")
	f.BoolVar(&j.repair, "repair", false, "check: rewrite search keys that differ from the document; the node of a folder must be stopped")
	f.BoolVar(&j.all, "all", false, "check: everything, not only what is new since the check before")
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if err := checkDatabase(j.database); err != nil {
		return misuse(stderr, "store", "%v", err)
	}
	switch {
	case len(rest) == 1 && rest[0] == "check":
		return j.check(context.Background())
	case len(rest) == 3 && rest[0] == "copy":
		return j.copy(rest[1], rest[2])
	}
	return misuse(stderr, "store", "usage: aceso store %s", storeArguments)
}

// check compares what is stored with what can be derived from the documents. Nodes
// may be running, unless a folder is repaired. Exit codes are those of verify.
func (j *storeJob) check(ctx context.Context) int {
	if j.sample < 1 {
		return misuse(j.stderr, "store", "--sample must be 1, which is all, or more")
	}
	if j.sample != 1 && j.database.URI == "" {
		return misuse(j.stderr, "store", "--sample is for a database, see --store")
	}
	data, err := node.OpenFolder(j.data)
	var found findings
	if err == nil {
		err = node.CheckStore(ctx, data, j.database, node.Check{Sample: j.sample, Repair: j.repair}, extent(j.all, j.stderr), func(f store.Finding) error {
			found.count++
			fmt.Fprintln(j.stderr, f.Error())
			return nil
		})
	}
	if err != nil {
		fmt.Fprintf(j.stderr, "not checked: %v\n", err)
		return exitUnchecked
	}
	if found.count > 0 && j.repair {
		err = node.RepairStore(ctx, data, j.database)
	}
	switch {
	case err != nil:
		fmt.Fprintf(j.stderr, "%v; nothing was repaired: %v\n", &found, err)
		return exitUnchecked
	case found.count > 0 && j.repair:
		fmt.Fprintf(j.stdout, "%v; search keys were repaired. Check again\n", &found)
		return exitTampered
	case found.count > 0:
		fmt.Fprintln(j.stdout, &found)
		return exitTampered
	}
	fmt.Fprintln(j.stdout, "ok: everything stored fits together")
	return exitWhole
}

// place reads FROM or TO: a folder, a connection string, or the word database for
// the one that --store or ACESO_STORE names.
func (j *storeJob) place(name string) (node.Place, error) {
	p := node.Place{Folder: name}
	if name != "database" && !strings.HasPrefix(name, "mongodb://") && !strings.HasPrefix(name, "mongodb+srv://") {
		return p, nil
	}
	p.Folder, p.Database = j.data, j.database
	if name != "database" {
		p.Database.URI = name
	}
	if p.Database.URI == "" {
		return p, errors.New("no database is named: give --store, or set ACESO_STORE")
	}
	return p, nil
}

// copy brings a stopped node's data, records and keys to a new place.
func (j *storeJob) copy(from, to string) int {
	a, err := j.place(from)
	if err != nil {
		return misuse(j.stderr, "store", "FROM: %v", err)
	}
	b, err := j.place(to)
	if err != nil {
		return misuse(j.stderr, "store", "TO: %v", err)
	}
	if a.Folder == b.Folder {
		return misuse(j.stderr, "store", "FROM and TO need data folders of their own: %s is named twice (--data names that of the database's node)", a.Folder)
	}
	ctx, stop := interruptible()
	defer stop()
	said := time.Now()
	done, err := node.Copy(ctx, a, b, slog.New(slog.NewTextHandler(j.stderr, nil)), func(c store.Copied) {
		if time.Since(said) > time.Second {
			said = time.Now()
			fmt.Fprintf(j.stderr, "%d versions and %d records copied, %d compared\n", c.Versions, c.Rows, c.Compared)
		}
	})
	if err != nil {
		return fail(j.stderr, "store", err)
	}
	fmt.Fprintf(j.stdout, "ok: %d versions and records were compared and are the same in both places\n", done.Compared)
	return exitOK
}
