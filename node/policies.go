package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/policy/narrow"
	"github.com/aceso-health/aceso/policy/revision"
	"github.com/aceso-health/aceso/quorum"
)

// policyPoll is how often a node asks what is in force.
const policyPoll = 400 * time.Millisecond

// revisions are the policies that a folder or database keeps.
func (r *records) revisions(k kept.Keeper) (*revision.Service, error) {
	hash, archive, err := policy.Pack(policy.Base())
	if err != nil {
		return nil, err
	}
	return &revision.Service{
		Keeper: k, Now: time.Now, Quorum: &quorum.Quorum{Keeper: k, House: r.organization, Now: time.Now},
		BuiltIn: revision.BuiltIn{Hash: hash, Archive: archive}, Try: policy.Try,
	}, nil
}

// byOperator is a step of an operator's command.
func byOperator(command string, call *kept.Call) revision.By {
	return revision.By{Call: call, Agent: operatorOf(command), Operator: true}
}

// openPolicy puts in force what the folder or database has in force. A folder of policies
// proposes, now and whenever it changes.
func (n *Node) openPolicy(ctx context.Context, folder string) error {
	engine, err := openFolder(ctx, folder, policy.Options{})
	if err != nil {
		return err
	}
	n.policy = engine
	kept, err := n.revisions(operatorRows{keptRows{n.store}, &n.records})
	if err != nil {
		return err
	}
	f := &follower{n: n, kept: kept}
	if err := f.begin(ctx, folder); err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	n.running.Go(func() { f.run(ctx) })
	return nil
}

// follower brings the policies of a node to what is in force on all nodes.
type follower struct {
	n    *Node
	kept *revision.Service
	mu   sync.Mutex // one look at a time
	// tried are the revisions that this node could not use, by what for; used those beside
	// the ones in force.
	tried, used map[string]string
}

func (f *follower) begin(ctx context.Context, folder string) error {
	f.tried, f.used = map[string]string{}, map[string]string{}
	if err := f.takeOver(ctx); err != nil {
		return err
	}
	if folder != "" {
		if err := f.propose(ctx, os.DirFS(folder), f.n.policy.Revision()); err != nil {
			return err
		}
		if err := f.watchProposals(ctx, folder); err != nil {
			return err
		}
	}
	return f.look(ctx)
}

// takeOver keeps, once, what a database of a version before had in force.
func (f *follower) takeOver(ctx context.Context) error {
	former, ok := f.n.store.(interface {
		FormerPolicies(context.Context) ([]byte, error)
	})
	if !ok {
		return nil
	}
	active, err := f.kept.Active(ctx)
	if err != nil || active.Version > 0 {
		return err
	}
	archive, err := former.FormerPolicies(ctx)
	if err != nil || archive == nil {
		return err
	}
	return f.proposes(ctx, revision.Proposal{Archive: archive, Origin: "database", Reason: "They were in force before policies were kept with who wrote and approved them."})
}

// propose brings a folder whose tests passed as the revision admitted. One that has
// changed since is looked at again.
func (f *follower) propose(ctx context.Context, folder fs.FS, admitted string) error {
	hash, archive, err := policy.Pack(folder)
	if err != nil || hash != admitted {
		return err
	}
	return f.proposes(ctx, revision.Proposal{Archive: archive, Origin: "folder", Reason: "The policy folder of node " + f.n.name + "."})
}

// proposes tries again if another node was faster.
func (f *follower) proposes(ctx context.Context, p revision.Proposal) (err error) {
	for range 5 {
		var inForce bool
		inForce, err = f.kept.Propose(ctx, byOperator("aceso serve", new(kept.Call)), p)
		var known *fhir.Error
		switch {
		case err == nil && !inForce:
			f.n.log.Warn("two persons are needed to put policies in force: the proposed ones are a draft until they are approved", "origin", p.Origin)
			return nil
		case err == nil, !errors.As(err, &known) || known.Kind != fhir.Conflict:
			return err
		}
	}
	return err
}

// watchProposals proposes a folder whenever it changes, compiles and passes its tests.
func (f *follower) watchProposals(ctx context.Context, folder string) error {
	told := func(admitted string, err error) {
		if err == nil {
			err = errors.Join(f.propose(ctx, os.DirFS(folder), admitted), f.look(ctx))
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

// look brings this node to what is in force, and to what is tried beside it.
func (f *follower) look(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	active, err := f.kept.Active(ctx)
	if err != nil {
		return err
	}
	if err := f.kept.End(ctx, byOperator("aceso serve", new(kept.Call)), active); err != nil {
		return err
	}
	wants := active.InForce(time.Now())
	err = f.use(ctx, "in force", wants, f.n.policy.Revision(), func(folder fs.FS) error {
		err := f.n.policy.Reload(ctx, folder)
		if err == nil {
			f.n.log.Info("policies activated", "revision", wants)
		}
		return err
	})
	canary, houses := "", []string(nil)
	if c := active.Canary; c != nil && wants == active.Hash {
		canary, houses = c.Hash, c.Organizations
	}
	return errors.Join(err,
		f.beside(ctx, "canary", canary, fmt.Sprint(houses), func(folder fs.FS) error { return f.n.policy.Canary(ctx, folder, houses) }),
		f.beside(ctx, "shadow", active.Shadow, "", func(folder fs.FS) error { return f.n.policy.Shadow(ctx, folder) }))
}

// beside uses a revision beside those in force, or ends that.
func (f *follower) beside(ctx context.Context, what, hash, more string, put func(fs.FS) error) error {
	now := f.used[what]
	if hash+more == now || hash == "" && now == "" {
		return nil
	}
	if hash == "" {
		f.used[what] = ""
		return put(nil)
	}
	err := f.use(ctx, what, hash, "", put)
	if err == nil && f.tried[what] == "" {
		f.used[what] = hash + more
	}
	return err
}

// use puts a revision to a use, if it is not so already. It tries one that this node cannot
// use only once.
func (f *follower) use(ctx context.Context, what, wants, has string, put func(fs.FS) error) error {
	if wants == has {
		f.tried[what] = ""
		return nil
	}
	if wants == f.tried[what] {
		return nil
	}
	archive, err := f.kept.Archive(ctx, wants)
	if err != nil {
		return err
	}
	f.tried[what] = wants
	folder, err := policy.Unpack(archive)
	if err != nil {
		return err
	}
	if err := put(folder); err != nil {
		return err
	}
	f.tried[what] = ""
	return nil
}

// policies are those that people change with tokens: the policy decides, and a person is who
// the gate finds her to be.
func (n *Node) policies() (*revision.Service, error) {
	s, err := n.revisions(gateRows{keptRows{n.store}, n.gate})
	if err != nil {
		return nil, err
	}
	s.Quorum.People = n.gate.Person
	s.Narrows, s.Weigh, s.Shadowing = narrow.Narrows, n.weigh(session.NewUsers(gateRows{keptRows{n.store}, n.gate}, time.Now)), n.policy.Shadowing
	if n.try != nil {
		s.Try = n.try
	}
	s.Refused = func(ctx context.Context, archive []byte) (refused, permitted int, err error) {
		folder, err := policy.Unpack(archive)
		if err != nil {
			return 0, 0, err
		}
		return n.policy.Refused(ctx, folder)
	}
	return s, nil
}

// ChangePolicies lets an operator list or change the policies of a folder that is not being
// served, or of the database that its node shares; try checks drafts. It returns the
// receipts of the records.
func ChangePolicies(ctx context.Context, data Folder, database Database, try func(context.Context, []byte, bool) policy.Trial, change func(*revision.Service, revision.By) error) ([]string, error) {
	return operate(ctx, data, database, func(r *records, call *kept.Call, _ string) error {
		s, err := r.revisions(operatorRows{keptRows{r.store}, r})
		if err != nil {
			return err
		}
		s.Try, s.Narrows, s.Weigh = try, narrow.Narrows, proofAlone
		return change(s, byOperator("aceso policy", call))
	})
}
