package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo"
	"github.com/aceso-health/aceso/store/sqlite"
)

const storeArguments = "check | copy FROM TO"

// storeJob is one run of the command.
type storeJob struct {
	stdout, stderr io.Writer
	data           string
	database       databaseOptions
	sample         int
	repair         bool
}

// storeCommand looks after what a node stores: checks it, or moves it elsewhere.
func storeCommand(args []string, stdout, stderr io.Writer) int {
	j := storeJob{stdout: stdout, stderr: stderr}
	f := newFlags("store", storeArguments, stderr)
	f.StringVar(&j.data, "data", "aceso-data", "check: data `folder` of the node; copy: that of the node of the database")
	j.database.flags(f)
	f.IntVar(&j.sample, "sample", 1, "check: look at about one resource in `n` (database only)")
	f.BoolVar(&j.repair, "repair", false, "check: write search keys anew where they are not what the document says; the node of a folder must be stopped")
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if err := j.database.check(); err != nil {
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
	if j.sample != 1 && j.database.uri == "" {
		return misuse(j.stderr, "store", "--sample is for a database, see --store")
	}
	count, err := j.findings(ctx)
	if err != nil {
		fmt.Fprintf(j.stderr, "not checked: %v\n", err)
		return exitUnchecked
	}
	if count > 0 && j.repair && j.database.uri == "" {
		err = j.reindex(ctx)
	}
	switch {
	case err != nil:
		fmt.Fprintf(j.stderr, "%v; nothing was written anew: %v\n", &findings{count}, err)
		return exitUnchecked
	case count > 0 && j.repair:
		fmt.Fprintf(j.stdout, "%v; what of it are search keys was written anew. Check again\n", &findings{count})
		return exitTampered
	case count > 0:
		fmt.Fprintln(j.stdout, &findings{count})
		return exitTampered
	}
	fmt.Fprintln(j.stdout, "ok: everything stored fits together")
	return exitWhole
}

func (j *storeJob) findings(ctx context.Context) (count int, err error) {
	data, err := openDataFolder(j.data)
	if err != nil {
		return 0, err
	}
	var r records
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.readStorage(ctx, data, j.database); err != nil {
		return 0, err
	}
	visit := func(f store.Finding) error {
		count++
		fmt.Fprintln(j.stderr, f.Error())
		return nil
	}
	if r.shared != nil {
		return count, r.shared.CheckSome(ctx, mongo.CheckOptions{Sample: j.sample, Repair: j.repair}, visit)
	}
	return count, r.store.Check(ctx, visit)
}

// reindex writes the search keys of a folder anew. A database has that done while it is checked.
func (j *storeJob) reindex(ctx context.Context) error {
	data := dataFolder(j.data)
	n, err := data.readNode()
	if err != nil {
		return err
	}
	s, err := sqlite.Open(ctx, string(data), sqlite.Options{Base: n.BaseURL})
	if err != nil {
		return err
	}
	return errors.Join(s.Reindex(ctx), s.Close())
}
