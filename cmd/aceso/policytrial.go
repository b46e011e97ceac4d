package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"slices"

	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/policy"
)

// trialCommand is no command for people: this program is started again with it, to check
// the policies of a draft within limits of its own.
const trialCommand = "policy-trial"

// mostTried is the largest archive that a trial reads.
const mostTried = 1 << 20

// tryApart is how drafts are checked: by this program, started again.
func tryApart() (func(context.Context, []byte, bool) policy.Trial, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return node.TryApart(program, trialCommand), nil
}

// policyTrial reads packed policies and writes what is found.
func policyTrial(args []string, archive io.Reader, stdout io.Writer) int {
	if limitTrial() != nil {
		return exitFailed
	}
	packed, err := io.ReadAll(io.LimitReader(archive, mostTried))
	if err != nil {
		return exitFailed
	}
	found := policy.Try(context.Background(), packed, slices.Equal(args, []string{"true"}))
	if err := json.NewEncoder(stdout).Encode(found); err != nil {
		return exitFailed
	}
	return exitOK
}
