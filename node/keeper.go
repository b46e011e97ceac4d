package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store/mongo"
)

// keeper finishes the logs of nodes that died: it makes their last checkpoints, signed
// by this node's key, and anchors what waits. It writes no records to them.
type keeper struct {
	n *Node
	s *mongo.Store

	kept    sync.Map // nodes
	working sync.WaitGroup
}

// keep watches the leases of all nodes until ctx ends.
func (c *cluster) keep(ctx context.Context, n *Node) {
	k := &keeper{n: n, s: c.store}
	defer k.working.Wait()
	watch := k.s.Watch()
	for range every(ctx, k.s.LeaseLife()/6) {
		if err := k.look(ctx, watch); err != nil && ctx.Err() == nil {
			n.log.Error("the leases of other nodes cannot be read", "error", err)
		}
	}
}

func (k *keeper) look(ctx context.Context, watch *mongo.Watch) error {
	dead, err := watch.Dead(ctx)
	if err != nil {
		return err
	}
	for _, node := range dead {
		if _, busy := k.kept.LoadOrStore(node, true); busy {
			continue
		}
		sources, err := watch.TakeOver(ctx, node)
		if err != nil {
			k.kept.Delete(node)
			return err
		}
		if len(sources) == 0 {
			k.kept.Delete(node)
			continue
		}
		k.n.log.Warn("a node shows no sign of life: this one finishes its logs", "node", node)
		k.working.Go(func() { k.keep(ctx, node, sources) })
	}
	return nil
}

// keep finishes the logs of a dead node. Damage is logged once and needs a person; after
// any other error the next look tries again.
func (k *keeper) keep(ctx context.Context, node string, sources []string) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var journals []*ledgerbridge.Journal
	for _, source := range sources {
		j, err := k.open(ctx, source)
		if err != nil {
			k.n.log.Error("the log of a dead node cannot be finished", "source", source, "error", err)
			if damage := (*ledgerbridge.Damage)(nil); !errors.As(err, &damage) {
				k.kept.Delete(node)
			}
			return
		}
		journals = append(journals, j)
	}
	defer k.kept.Delete(node)
	var running sync.WaitGroup
	for _, j := range journals {
		running.Go(func() { j.Run(ctx) })
		running.Go(func() { k.n.bridge.ship(ctx, j) })
	}
	if k.await(ctx, node, journals) {
		k.n.log.Info("the logs of a dead node are finished", "node", node)
	}
	stop()
	running.Wait()
}

func (k *keeper) open(ctx context.Context, source string) (*ledgerbridge.Journal, error) {
	if err := k.s.BeginTakeover(ctx, source); err != nil {
		return nil, err
	}
	return k.n.journal(ctx, k.s.Log(source), k.s.Checkpoints())
}

// await waits until the logs are finished, and then releases the node, or until the node
// is back.
func (k *keeper) await(ctx context.Context, node string, journals []*ledgerbridge.Journal) bool {
	for range every(ctx, time.Second) {
		if keeps, err := k.s.Keeps(ctx, node); err == nil && !keeps {
			return false
		}
		if done, err := finished(ctx, journals); err == nil && done {
			return k.s.Release(ctx, node) == nil
		}
	}
	return false
}

// finished reports whether every record has a checkpoint and, with a network's ledger,
// an anchor.
func finished(ctx context.Context, journals []*ledgerbridge.Journal) (bool, error) {
	for _, j := range journals {
		s, err := j.Standing(ctx)
		if err != nil || s.Checkpointed < s.Size || s.Waiting > 0 {
			return false, err
		}
	}
	return true, nil
}
