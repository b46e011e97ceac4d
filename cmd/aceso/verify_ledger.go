package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
	"github.com/aceso-health/aceso/node"
)

// ledger checks a channel as an organisation sees it: every block of every reachable
// peer, as far as it was not inspected before, every log's tree, and the checkpoints that
// this organisation holds.
func (v *verification) ledger() int {
	if v.profile == "" {
		return v.unchecked(errors.New("give the connection profile with --profile"))
	}
	p, err := fabric.ReadProfile(v.profile)
	if err != nil {
		return v.unchecked(err)
	}
	ctx, stop := interruptible()
	defer stop()
	held, err := node.Held(ctx, node.Folder(v.data), v.data != defaultData, v.witness)
	var damage *ledgerbridge.Damage
	switch {
	case errors.As(err, &damage):
		return v.tampered(err)
	case err != nil:
		return v.unchecked(err)
	}
	t := &tally{stderr: v.stderr}
	seen, err := node.InspectChannel(ctx, node.Folder(v.data), v.database, p, held, extent(v.all, v.stderr), t.add)
	if err == nil {
		v.show(p, seen)
		err = node.CompareChannel(ctx, node.Folder(v.data), v.database, seen.Sources, t.add)
	}
	switch {
	case t.tampered > 0:
		return v.tampered(errors.Join(&findings{t.tampered}, err))
	case err != nil:
		return v.unchecked(err)
	case t.unchecked > 0:
		return v.unchecked(fmt.Errorf("%d places could not be checked", t.unchecked))
	case p.Single():
		return v.unchecked(errors.New("the network has one organisation, which could rewrite all of it; it is for development"))
	}
	fmt.Fprintf(v.stdout, "ok: channel %s is whole\n", p.Channel)
	return exitWhole
}

// tally prints findings as they come, and counts them.
type tally struct {
	stderr              io.Writer
	tampered, unchecked int
}

func (t *tally) add(f fabric.Finding) {
	if f.Unchecked {
		t.unchecked++
		fmt.Fprintf(t.stderr, "not checked: %s\n", oneLine(f.String()))
		return
	}
	t.tampered++
	fmt.Fprintf(t.stderr, "tampered: %s\n", oneLine(f.String()))
}

// show prints what the inspection saw, by peer and by log.
func (v *verification) show(p *fabric.Profile, seen fabric.Inspected) {
	for _, peer := range seen.Peers {
		fmt.Fprintf(v.stdout, "peer %s of %s: %d blocks, head %x\n", peer.Name, peer.Organization, peer.Blocks, peer.Head)
	}
	for _, s := range seen.Sources {
		if s.Size == 0 {
			fmt.Fprintf(v.stdout, "source %s: %s, no records\n", oneLine(s.Origin), oneLine(s.State))
			continue
		}
		fmt.Fprintf(v.stdout, "source %s: %s, %d records in %d anchors, root %x, %d held checkpoints compared\n",
			oneLine(s.Origin), oneLine(s.State), s.Size, s.Anchors, s.Root, s.Held)
	}
}
