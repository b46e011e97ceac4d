package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/aceso-health/aceso/ledgerbridge/devnet"
)

const devnetArguments = "up|status|kill NAME|start NAME|down"

// devnetCommand runs a Fabric network on this machine, or controls a running one.
func devnetCommand(args []string, stdout, stderr io.Writer) int {
	o := devnet.Options{Progress: stderr}
	var orgs int
	var names string
	f := newFlags("devnet", devnetArguments, stderr)
	f.StringVar(&o.Dir, "dir", "aceso-devnet", "`folder` of the network: keys, data, logs, connection profiles")
	f.IntVar(&orgs, "orgs", 0, "up: `number` of organisations, org1, org2 ... (default 1, which is for development only, or what the folder holds)")
	f.StringVar(&names, "org-names", "", "up: `names` of the organisations instead, separated by commas; their MSP ids")
	f.IntVar(&o.Orderers, "orderers", 0, "up: `number` of orderers (default 1, with --bft 4)")
	f.BoolVar(&o.BFT, "bft", false, "up: SmartBFT instead of raft: it tolerates orderers that lie")
	f.DurationVar(&o.BatchTimeout, "batch-timeout", 0, "up: `time` for which an orderer waits for more transactions (default 200ms)")
	f.StringVar(&o.Bin, "bin", "", "up: `folder` of Fabric's own binaries, which are built once if it is not given")
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	switch {
	case len(rest) == 1 && rest[0] == "up":
	case len(rest) == 1 && slices.Contains([]string{"status", "down"}, rest[0]), len(rest) == 2 && slices.Contains([]string{"kill", "start"}, rest[0]):
		return devnetAsk(stdout, stderr, o.Dir, rest[0], append(rest, "")[1])
	default:
		return misuse(stderr, "devnet", "usage: aceso devnet %s", devnetArguments)
	}
	if orgs < 0 || orgs > 0 && names != "" {
		return misuse(stderr, "devnet", "--orgs is a number of organisations, and --org-names their names: give one of them")
	}
	if o.Orgs = split(names); orgs > 0 {
		o.Orgs = devnet.OrgNames(orgs)
	}
	if err := devnetUp(o, stdout); err != nil {
		return fail(stderr, "devnet", err)
	}
	return exitOK
}

// devnetUp runs a network until it is interrupted.
func devnetUp(o devnet.Options, stdout io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o.Chaincode = []string{self, "chaincode"}
	ctx, stop := interruptible()
	defer stop()
	n, err := devnet.Start(ctx, o)
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted before the network was up: run the same command to start over")
	}
	if err != nil {
		return err
	}
	return n.Serve(ctx, func() {
		if s := n.Status(); s.Warning != "" {
			fmt.Fprintf(stdout, "warning: %s\n", s.Warning)
		}
		for _, org := range n.Orgs() {
			fmt.Fprintf(stdout, "profile of %s: %s\n", org, n.Profile(org))
		}
		fmt.Fprintln(stdout, "ready")
	})
}

// devnetAsk controls the process that runs the network, and prints what runs afterwards.
func devnetAsk(stdout, stderr io.Writer, dir, verb, name string) int {
	ctx, stop := interruptible()
	defer stop()
	s, err := devnet.Ask(ctx, dir, verb, name)
	if err != nil {
		return fail(stderr, "devnet "+verb, err)
	}
	fmt.Fprintf(stdout, "%s: %s\n", s.Dir, s.Network)
	if s.Warning != "" {
		fmt.Fprintf(stdout, "warning: %s\n", s.Warning)
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, p := range s.Processes {
		pid := "-"
		if p.PID != 0 {
			pid = fmt.Sprint(p.PID)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.Name, pid, p.Address, p.State)
	}
	if err := w.Flush(); err != nil {
		return fail(stderr, "devnet "+verb, err)
	}
	return exitOK
}
