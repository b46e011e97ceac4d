package node

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store/mongo"
)

// policyPoll is how often a node asks for the policy revision in force.
const policyPoll = 400 * time.Millisecond

// openPolicy puts the revision in force that the database names. A folder proposes
// and activates its own, now and whenever it changes; without one, a node activates the
// built-in policies if nothing else was ever activated.
func (c *cluster) openPolicy(ctx context.Context, n *Node, folder string, options policy.Options) error {
	engine, err := openFolder(ctx, folder, options)
	if err != nil {
		return err
	}
	n.policy = engine
	f := &follower{n: n, all: c.store.Policies()}
	if err := f.begin(ctx, folder); err != nil {
		return fmt.Errorf("policies of all nodes: %w", err)
	}
	n.running.Go(func() { f.run(ctx) })
	return nil
}

// follower brings the policies of a node to the revision in force on all nodes.
type follower struct {
	n     *Node
	all   mongo.Policies
	tried string // revision that this node could not use
}

func (f *follower) begin(ctx context.Context, folder string) error {
	mine := policy.Base()
	if folder != "" {
		mine = os.DirFS(folder)
	}
	if err := f.propose(ctx, mine, folder == "", f.n.policy.Revision()); err != nil {
		return err
	}
	if folder != "" {
		if err := f.watchProposals(ctx, folder); err != nil {
			return err
		}
	}
	return f.look(ctx)
}

// propose activates a folder whose tests passed as the revision admitted. One that has
// changed since is looked at again.
func (f *follower) propose(ctx context.Context, folder fs.FS, builtIn bool, admitted string) error {
	revision, archive, err := policy.Pack(folder)
	if err != nil || revision != admitted {
		return err
	}
	active, err := f.all.Active(ctx)
	if err != nil {
		return err
	}
	if active.Name == revision || builtIn && active.Name != "" && !active.BuiltIn {
		return nil
	}
	return f.all.Activate(ctx, mongo.Revision{Name: revision, BuiltIn: builtIn}, archive, builtIn && active.Name == "")
}

// watchProposals activates a folder whenever it changes and compiles.
func (f *follower) watchProposals(ctx context.Context, folder string) error {
	told := func(admitted string, err error) {
		if err == nil {
			err = f.propose(ctx, os.DirFS(folder), false, admitted)
		}
		if err != nil {
			f.n.log.Error("policies were not activated: the ones before stay in force", "folder", folder, "error", err)
		}
	}
	proposals, err := openFolder(ctx, folder, policy.Options{Reloaded: told})
	if err != nil {
		return err
	}
	f.n.proposed = proposals.Problem
	f.n.running.Go(func() { proposals.Watch(ctx, folder) })
	return nil
}

func (f *follower) run(ctx context.Context) {
	for range every(ctx, policyPoll) {
		if err := f.look(ctx); err != nil && ctx.Err() == nil {
			f.n.log.Error("policies were not activated: the ones before stay in force", "error", err)
		}
	}
}

// look reloads if another revision is in force. It tries one that does not compile here
// only once.
func (f *follower) look(ctx context.Context) error {
	active, err := f.all.Active(ctx)
	if err != nil || active.Name == "" || active.Name == f.n.policy.Revision() || active.Name == f.tried {
		return err
	}
	archive, err := f.all.Archive(ctx, active.Name)
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
