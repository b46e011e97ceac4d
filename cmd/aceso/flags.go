package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/aceso-health/aceso/node"
)

// newFlags starts the flags of a subcommand.
func newFlags(name, arguments string, stderr io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintf(stderr, "usage: aceso %s [flags] %s\n", name, arguments)
		f.PrintDefaults()
	}
	return f
}

// parse reads the environment first and the command line over it. Flags may
// also follow arguments. When it does not return ok, the program ends with code.
func parse(f *flag.FlagSet, args []string) (rest []string, code int, ok bool) {
	if err := fromEnvironment(f); err != nil {
		fmt.Fprintf(f.Output(), "aceso %s: %v\n", f.Name(), err)
		return nil, exitUsage, false
	}
	warnOfEnvironment(f)
	for {
		switch err := quietly(f, args); {
		case errors.Is(err, flag.ErrHelp):
			f.Usage()
			return nil, exitOK, false
		case err != nil:
			fmt.Fprintf(f.Output(), "aceso %s: %v\n`aceso %s --help` lists the flags.\n", f.Name(), err, f.Name())
			return nil, exitUsage, false
		}
		if f.NArg() == 0 {
			return rest, exitOK, true
		}
		rest, args = append(rest, f.Arg(0)), f.Args()[1:]
	}
}

// quietly parses without printing all flags after a mistake.
func quietly(f *flag.FlagSet, args []string) error {
	out, usage := f.Output(), f.Usage
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	err := f.Parse(args)
	f.SetOutput(out)
	f.Usage = usage
	return err
}

// parseAlone is parse for a subcommand without arguments.
func parseAlone(f *flag.FlagSet, args []string) (code int, ok bool) {
	rest, code, ok := parse(f, args)
	if ok && len(rest) > 0 {
		return misuse(f.Output(), f.Name(), "unexpected argument %q", rest[0]), false
	}
	return code, ok
}

// interruptible is a context that ends with the first SIGINT or SIGTERM.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "ACESO_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func fromEnvironment(f *flag.FlagSet) error {
	var failed error
	f.VisitAll(func(one *flag.Flag) {
		name := variable(one.Name)
		value, given := os.LookupEnv(name)
		if !given {
			return
		}
		if err := f.Set(one.Name, value); err != nil {
			failed = fmt.Errorf("%s: %w", name, err)
		}
	})
	return failed
}

// databaseFlags are the flags of a node that keeps data and records in a database.
func databaseFlags(f *flag.FlagSet, o *node.Database) {
	f.StringVar(&o.URI, "store", "", "`mongodb://...` database for data and records, instead of the data folder; with a password in it, set ACESO_STORE instead: others can see arguments")
	f.StringVar(&o.MasterKey, "master-key-file", "", "`file` with the key that seals the keys in the database (default master.key in the data folder; ACESO_MASTER_KEY may hold the key itself)")
}

// checkDatabase finds what is wrong with the flags.
func checkDatabase(o node.Database) error {
	kind, _, _ := strings.Cut(o.URI, "://")
	if o.URI != "" && kind != "mongodb" && kind != "mongodb+srv" {
		return errors.New("--store must be a MongoDB connection string: mongodb://host:port/database?replicaSet=name")
	}
	return nil
}

// fail prints one sentence and gives the exit code of a failure.
func fail(stderr io.Writer, name string, err error) int {
	fmt.Fprintf(stderr, "aceso %s: %v\n", name, err)
	return exitFailed
}

// misuse prints one sentence and gives the exit code of wrong usage.
func misuse(stderr io.Writer, name, format string, args ...any) int {
	fmt.Fprintf(stderr, "aceso %s: %s\n", name, fmt.Sprintf(format, args...))
	return exitUsage
}

// split reads a comma-separated list.
func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
