package mongo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// A lease is the right of one process to be a node and write its logs: a document of
// the collection nodes. Its holder increments beat; a node that has watched a lease for
// leaseLife without seeing it beat takes its holder for dead. Clocks of two machines are
// never compared, only time that one process has measured itself.
type lease struct {
	Node    string `bson:"_id"`
	Process string `bson:"process"` // that holds it; "" after a clean end and after a takeover
	Owner   string `bson:"owner"`   // what Options.Owner of that process was
	Beat    int64  `bson:"beat"`
	Fence   int64  `bson:"fence"`  // incremented whenever the lease changes hands
	Keeper  string `bson:"keeper"` // node that finishes the logs of a dead one, or ""
}

// leaseLife is how long a lease may go without a beat. The fences of the logs keep a
// holder that was only slow from writing afterwards.
const leaseLife = 9 * time.Second

// unchanged says whether a lease is as it was seen before.
func (l lease) unchanged() bson.D {
	return bson.D{{Key: "_id", Value: l.Node}, {Key: "process", Value: l.Process}, {Key: "beat", Value: l.Beat}, {Key: "fence", Value: l.Fence}}
}

// free says whether the lease can be taken at once: its process ended by itself, was
// fenced off by a keeper, or was an earlier one of the same owner.
func (l lease) free(owner string) bool {
	return l.Process == "" || owner != "" && l.Owner == owner
}

// takeLease makes this process the node of the options. It refuses if another
// process is that node and alive, which may take leaseLife to find out.
func (s *Store) takeLease(ctx context.Context) error {
	first, err := s.readLease(ctx, s.opts.Node)
	if err != nil {
		return err
	}
	var quiet watched
	for now, try := first, 0; ; try++ {
		switch {
		case now.free(s.opts.Owner), now == first && quiet.total > s.opts.LeaseLife:
			if taken, err := s.replaceLease(ctx, now); err != nil || taken {
				return err
			}
		case now != first:
			return fmt.Errorf("node %q is being served by another process: stop that one, or give this one another name with --node", s.opts.Node)
		case try == 0:
			s.opts.Report(fmt.Sprintf("node %s did not end cleanly elsewhere: waiting up to %v to see whether it is still alive", s.opts.Node, s.opts.LeaseLife))
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
		if now, err = s.readLease(ctx, s.opts.Node); err != nil {
			return err
		}
		quiet.add(s.opts.LeaseLife)
	}
}

// watched is for how long something was watched. Time in which the database could not be
// read counts for little: nobody could beat either.
type watched struct {
	last  time.Time
	total time.Duration
}

func (p *watched) add(life time.Duration) (step time.Duration) {
	if !p.last.IsZero() {
		step = min(time.Since(p.last), life/3)
	}
	p.last = time.Now()
	p.total += step
	return step
}

func (s *Store) readLease(ctx context.Context, node string) (l lease, err error) {
	_, err = found(s.nodes.FindOne(ctx, bson.D{{Key: "_id", Value: node}}).Decode(&l))
	l.Node = node
	if err != nil {
		return l, fmt.Errorf("read the lease of node %s: %w", node, err)
	}
	return l, nil
}

// replaceLease takes a lease that is still as it was seen; false if it is not.
func (s *Store) replaceLease(ctx context.Context, seen lease) (bool, error) {
	mine := lease{Node: seen.Node, Process: s.process, Owner: s.opts.Owner, Beat: seen.Beat + 1, Fence: seen.Fence + 1}
	var err error
	var r *mongo.UpdateResult
	if seen.Fence == 0 {
		_, err = s.nodes.InsertOne(ctx, mine)
		r = &mongo.UpdateResult{MatchedCount: 1}
		if mongo.IsDuplicateKeyError(err) {
			return false, nil
		}
	} else {
		r, err = s.nodes.ReplaceOne(ctx, seen.unchanged(), mine)
	}
	if err != nil {
		return false, fmt.Errorf("take the lease of node %s: %w", seen.Node, err)
	}
	return r.MatchedCount == 1, nil
}

// keepLease beats until the store is closed or the lease is lost.
func (s *Store) keepLease(ctx context.Context) {
	tick := time.NewTicker(s.opts.LeaseLife / 6)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if held, err := s.beat(ctx); err == nil && !held {
			close(s.lost)
			return
		}
	}
}

// beat shows that this process is alive; held says whether it still has the lease.
func (s *Store) beat(ctx context.Context) (held bool, err error) {
	once, cancel := context.WithTimeout(ctx, s.opts.LeaseLife/3) // one that got lost leaves time for others
	defer cancel()
	mine := bson.D{{Key: "_id", Value: s.opts.Node}, {Key: "process", Value: s.process}}
	r, err := s.nodes.UpdateOne(once, mine, bson.D{{Key: "$inc", Value: bson.D{{Key: "beat", Value: int64(1)}}}})
	return err == nil && r.MatchedCount > 0, err
}

// Probe beats once more: the servers that make a beat durable can make a record durable.
func (s *Store) Probe(ctx context.Context) error {
	held, err := s.beat(ctx)
	if err == nil && !held {
		err = errors.New("another process has this node's lease")
	}
	return unavailable(err)
}

// Lost is closed when another process has become this node, or a keeper has fenced it
// off: nothing can be written any more.
func (s *Store) Lost() <-chan struct{} { return s.lost }

// Abandon ends the store as the death of its process would: the lease is not given back.
func (s *Store) Abandon() {
	s.end()
	s.ended.Wait()
	s.end = nil
}

// LeaseLife is how long a node's lease may go without a beat.
func (s *Store) LeaseLife() time.Duration { return s.opts.LeaseLife }

// Watch is what a node has seen of the leases of others. It is not safe for
// concurrent use.
type Watch struct {
	s       *Store
	watched watched
	seen    map[string]sighting
}

type sighting struct {
	lease
	quiet time.Duration // without a beat
}

// Watch begins to watch the leases of all nodes.
func (s *Store) Watch() *Watch { return &Watch{s: s, seen: map[string]sighting{}} }

// Dead lists the nodes whose lease has not beaten for its whole life, those whose
// keeper has not, and those that this node keeps. It MUST be called several times
// during the life of a lease.
func (w *Watch) Dead(ctx context.Context) ([]string, error) {
	leases, err := all[lease](ctx, w.s.nodes, bson.D{}, options.Find().SetSort(byID))
	if err != nil {
		return nil, fmt.Errorf("read the leases of nodes: %w", unavailable(err))
	}
	step := w.watched.add(w.s.opts.LeaseLife)
	dead := map[string]bool{}
	for _, l := range leases {
		now := sighting{lease: l}
		if before, known := w.seen[l.Node]; known && before.lease == l {
			now.quiet = before.quiet + step
			dead[l.Node] = l.Process == "" || now.quiet > w.s.opts.LeaseLife
		}
		w.seen[l.Node] = now
	}
	var list []string
	for _, l := range leases {
		orphan := l.Process != "" && dead[l.Node] || l.Keeper != "" && (l.Keeper == w.s.opts.Node || dead[l.Keeper])
		if orphan && l.Node != w.s.opts.Node {
			list = append(list, l.Node)
		}
	}
	return list, nil
}

// TakeOver fences a dead node off and makes this one the keeper of its logs: after
// that, no transaction of the old process can commit, should it only have been slow. It
// returns the sources of the logs, none if another node or the old one was faster.
func (w *Watch) TakeOver(ctx context.Context, node string) ([]string, error) {
	seen := w.seen[node].lease
	kept := seen
	kept.Process, kept.Keeper, kept.Fence = "", w.s.opts.Node, seen.Fence+1
	r, err := w.s.nodes.ReplaceOne(ctx, append(seen.unchanged(), bson.E{Key: "keeper", Value: seen.Keeper}), kept)
	if err != nil {
		return nil, fmt.Errorf("take over node %s: %w", node, unavailable(err))
	}
	if r.MatchedCount == 0 {
		return nil, nil
	}
	var sources []string
	for _, log := range []string{changesLog, accessesLog} {
		source := w.s.identity.Organization + "/" + node + "/" + log
		_, err := w.s.raiseFence(ctx, bson.D{{Key: "_id", Value: source}})
		if errors.Is(err, mongo.ErrNoDocuments) { // it never had that log
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("take over the log %s: %w", source, unavailable(err))
		}
		sources = append(sources, source)
	}
	return sources, nil
}

// Keeps says whether this node is still the keeper of another one.
func (s *Store) Keeps(ctx context.Context, node string) (bool, error) {
	l, err := s.readLease(ctx, node)
	return err == nil && l.Process == "" && l.Keeper == s.opts.Node, unavailable(err)
}

// Release stops keeping another node, whose logs need nothing more.
func (s *Store) Release(ctx context.Context, node string) error {
	_, err := s.nodes.UpdateOne(ctx, bson.D{{Key: "_id", Value: node}, {Key: "process", Value: ""}, {Key: "keeper", Value: s.opts.Node}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "keeper", Value: ""}}}})
	return unavailable(err)
}

// leasing is what a Store needs to hold a lease.
type leasing struct {
	nodes *mongo.Collection
	lost  chan struct{}
	end   context.CancelFunc
	ended sync.WaitGroup
}

// startLease takes the lease and keeps it until stopLease.
func (s *Store) startLease(ctx context.Context) error {
	if err := s.takeLease(ctx); err != nil {
		return err
	}
	beating, end := context.WithCancel(context.Background())
	s.end = end
	s.ended.Go(func() { s.keepLease(beating) })
	s.ended.Go(func() { s.keepLocks(beating) })
	return nil
}

// stopLease gives the lease back, so that the next process can be this node at once. The logs MUST be closed before.
func (s *Store) stopLease(ctx context.Context) error {
	if s.end == nil {
		return nil
	}
	s.end()
	s.ended.Wait()
	_, err := s.nodes.UpdateOne(ctx, bson.D{{Key: "_id", Value: s.opts.Node}, {Key: "process", Value: s.process}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "process", Value: ""}}}})
	return err
}
