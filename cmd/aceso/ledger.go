package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge/fabric"
)

const ledgerArguments = "sources | keys SOURCE | revoke-key SOURCE KEY | close SOURCE | report-fork FILE"

// ledgerCommand queries a channel or reports a fork, with any member's profile. Ending
// keys and logs takes a profile of their own organisation.
func ledgerCommand(args []string, stdout, stderr io.Writer) int {
	f := newFlags("ledger", ledgerArguments, stderr)
	path := f.String("profile", "", "connection profile `file` of an organisation")
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if *path == "" {
		return misuse(stderr, "ledger", "--profile is needed: the connection profile of an organisation of the channel")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var do func(*fabric.Channel) error
	switch {
	case len(rest) == 1 && rest[0] == "sources":
		do = func(c *fabric.Channel) error { return listSources(ctx, c, stdout) }
	case len(rest) == 2 && rest[0] == "report-fork":
		do = func(c *fabric.Channel) error { return reportFork(ctx, c, rest[1], stdout) }
	case len(rest) == 2 && rest[0] == "keys":
		do = func(c *fabric.Channel) error { return listKeys(ctx, c, rest[1], stdout) }
	case len(rest) == 3 && rest[0] == "revoke-key":
		do = func(c *fabric.Channel) error { return revokeKey(ctx, c, rest[1], rest[2], stdout) }
	case len(rest) == 2 && rest[0] == "close":
		do = func(c *fabric.Channel) error { return closeSource(ctx, c, rest[1], stdout) }
	default:
		return misuse(stderr, "ledger", "say what to do: %s", ledgerArguments)
	}
	if err := onChannel(*path, do); err != nil {
		return fail(stderr, "ledger", err)
	}
	return exitOK
}

func onChannel(path string, do func(*fabric.Channel) error) error {
	profile, err := fabric.ReadProfile(path)
	if err != nil {
		return err
	}
	c, err := fabric.Open(profile, time.Now())
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}

// listSources prints every log that the channel knows.
func listSources(ctx context.Context, c *fabric.Channel, stdout io.Writer) error {
	sources, err := c.Sources(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tSTATE\tRECORDS\tKEYS\tLAST TRANSACTION")
	for _, s := range sources {
		head, err := c.Head(ctx, s.Origin)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\n", s.Origin, s.State, head.Size, len(s.Keys), cmp.Or(head.Transaction, "-"))
	}
	return w.Flush()
}

// reportFork shows the channel the two checkpoints that a node has kept.
func reportFork(ctx context.Context, c *fabric.Channel, path string, stdout io.Writer) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	q, err := fabric.ReadFork(data)
	if err != nil {
		return err
	}
	s, err := c.ReportFork(ctx, q)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s is marked as forked at size %d, reported by %s in transaction %s\n", s.Origin, s.Fork.Size, s.Fork.Reporter, s.Fork.Transaction)
	return nil
}

// listKeys prints the keys of a log, with the sizes for which each counts.
func listKeys(ctx context.Context, c *fabric.Channel, source string, stdout io.Writer) error {
	head, err := c.Head(ctx, source)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tFROM\tBELOW")
	for _, k := range head.Source.Keys {
		until := "-"
		if k.Until > 0 {
			until = fmt.Sprint(k.Until)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", k.Verifier, k.From, until)
	}
	return w.Flush()
}

// revokeKey ends a key at the current size of the log: earlier signatures still count.
func revokeKey(ctx context.Context, c *fabric.Channel, source, key string, stdout io.Writer) error {
	head, err := c.Head(ctx, source)
	if err != nil {
		return err
	}
	if err := c.RevokeKey(ctx, source, key, head.Size+1); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "that key of %s counts up to size %d only\n", source, head.Size)
	return nil
}

func closeSource(ctx context.Context, c *fabric.Channel, source string, stdout io.Writer) error {
	if err := c.CloseSource(ctx, source); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s is closed: it takes no more anchors. What is anchored stays\n", source)
	return nil
}
