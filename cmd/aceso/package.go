package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aceso-health/aceso/node"
)

const packageArguments = "add FILES-OR-FOLDERS | list | remove NAME"

// packageCommand keeps the packages that resources are held against.
func packageCommand(args []string, stdout, stderr io.Writer) int {
	f := newFlags("package", packageArguments, stderr)
	path := f.String("data", defaultData, "data `folder`; its server may be running")
	var database node.Database
	databaseFlags(f, &database)
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if err := checkDatabase(database); err != nil {
		return misuse(stderr, "package", "%v", err)
	}
	work := packageWork(rest)
	if work == nil {
		return misuse(stderr, "package", "usage: aceso package %s", packageArguments)
	}
	data, err := node.OpenFolder(*path)
	if err != nil {
		return fail(stderr, "package", err)
	}
	ctx, stop := interruptible()
	defer stop()
	shelf, err := node.OpenPackages(ctx, data, database)
	if err != nil {
		return fail(stderr, "package", err)
	}
	if err := errors.Join(work(ctx, shelf, stdout), shelf.Close()); err != nil {
		return fail(stderr, "package", err)
	}
	return exitOK
}

// packageWork is what the arguments ask for, nil if they ask for nothing.
func packageWork(args []string) func(context.Context, *node.PackageShelf, io.Writer) error {
	switch {
	case len(args) > 1 && args[0] == "add":
		return func(ctx context.Context, s *node.PackageShelf, out io.Writer) error {
			return addPackages(ctx, s, args[1:], out)
		}
	case len(args) == 1 && args[0] == "list":
		return listPackages
	case len(args) == 2 && args[0] == "remove":
		return func(ctx context.Context, s *node.PackageShelf, _ io.Writer) error { return s.Remove(ctx, args[1]) }
	}
	return nil
}

func addPackages(ctx context.Context, s *node.PackageShelf, paths []string, out io.Writer) error {
	added, missing, err := s.Add(ctx, paths)
	for _, name := range added {
		fmt.Fprintf(out, "added %s\n", name)
	}
	if err != nil {
		return err
	}
	for _, name := range missing {
		fmt.Fprintf(out, "not here: %s, which they depend on; what they take from it is not checked\n", name)
	}
	return nil
}

func listPackages(ctx context.Context, s *node.PackageShelf, out io.Writer) error {
	all, err := s.List(ctx)
	for _, name := range all {
		fmt.Fprintln(out, name)
	}
	return err
}
