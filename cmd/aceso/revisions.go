package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store/mongo"
)

// policyPoll is how often a node looks which revision of the policies is in force on
// all nodes.
const policyPoll = 400 * time.Millisecond

// sharePolicies puts the revision in force that the database names. A folder proposes
// and activates its own, now and whenever it changes; without one, a node activates the
// built-in policies if nothing else was ever activated.
func (n *openedNode) sharePolicies(ctx context.Context, folder string, options policy.Options) (err error) {
	mine := policy.Base()
	if folder != "" {
		mine = os.DirFS(folder)
	}
	if n.policy, err = policy.New(ctx, mine, options); err != nil {
		return err
	}
	if err := n.propose(ctx, mine, folder == ""); err != nil {
		return err
	}
	if folder != "" {
		if err := n.watchProposals(ctx, folder); err != nil {
			return err
		}
	}
	f := &follower{n: n}
	if err := f.look(ctx); err != nil {
		return err
	}
	n.running.Go(func() { f.run(ctx) })
	return nil
}

// propose activates a folder that has compiled.
func (n *openedNode) propose(ctx context.Context, folder fs.FS, builtIn bool) error {
	revision, archive, err := policy.Pack(folder)
	if err != nil {
		return err
	}
	active, err := n.shared.Policies().Active(ctx)
	if err != nil {
		return err
	}
	if active.Name == revision || builtIn && active.Name != "" && !active.BuiltIn {
		return nil
	}
	return n.shared.Policies().Activate(ctx, mongo.Revision{Name: revision, BuiltIn: builtIn}, archive, builtIn && active.Name == "")
}

// watchProposals activates a folder whenever it changes and compiles.
func (n *openedNode) watchProposals(ctx context.Context, folder string) error {
	told := func(_ string, err error) {
		if err == nil {
			err = n.propose(ctx, os.DirFS(folder), false)
		}
		if err != nil {
			n.log.Error("policies were not activated: the ones before stay in force", "folder", folder, "error", err)
		}
	}
	proposals, err := policy.New(ctx, os.DirFS(folder), policy.Options{Reloaded: told})
	if err != nil {
		return err
	}
	n.running.Go(func() { proposals.Watch(ctx, folder) })
	return nil
}

// follower brings the policies of a node to the revision in force.
type follower struct {
	n     *openedNode
	tried string // revision that this node could not use
}

func (f *follower) run(ctx context.Context) {
	tick := time.NewTicker(policyPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := f.look(ctx); err != nil && ctx.Err() == nil {
			f.n.log.Error("policies were not activated: the ones before stay in force", "error", err)
		}
	}
}

// look reloads if another revision is in force. One that does not compile here is
// tried once.
func (f *follower) look(ctx context.Context) error {
	active, err := f.n.shared.Policies().Active(ctx)
	if err != nil || active.Name == "" || active.Name == f.n.policy.Revision() || active.Name == f.tried {
		return err
	}
	archive, err := f.n.shared.Policies().Archive(ctx, active.Name)
	if err != nil {
		return err
	}
	f.tried = active.Name
	folder, err := policy.Unpack(archive)
	if err != nil {
		return err
	}
	if err := f.n.policy.Reload(ctx, folder); err != nil {
		return err
	}
	if now := f.n.policy.Revision(); now != active.Name {
		return fmt.Errorf("the database holds policies of revision %s under the name %s: they were changed", now, active.Name)
	}
	f.tried = ""
	f.n.log.Info("policies activated", "revision", active.Name)
	return nil
}
