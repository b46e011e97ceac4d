package fabric

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Finding names what is wrong on a channel, and where.
type Finding struct {
	Peer      string // "" if it is not one peer's
	Block     int64  // -1 if it is not one block's
	Source    string // "" if it is not one source's
	What      string // a sentence
	Unchecked bool   // nothing is known to be wrong, but it could not be checked
}

// String says where and what in one line.
func (f Finding) String() string {
	var where []string
	if f.Peer != "" {
		where = append(where, f.Peer)
	}
	if f.Block >= 0 {
		where = append(where, fmt.Sprintf("block %d", f.Block))
	}
	if f.Source != "" {
		where = append(where, "source "+f.Source)
	}
	return strings.Join(where, ", ") + ": " + f.What
}

// Inspected is what an inspection read.
type Inspected struct {
	Peers   []InspectedPeer
	Sources []InspectedSource
	Before  uint64 // blocks that were inspected before and not read again
}

// InspectedPeer is a peer with all blocks read.
type InspectedPeer struct {
	Organization, Name string
	Blocks             uint64
	Head               [32]byte // hash of the last header
}

// InspectedSource is a log, recomputed from the channel's transactions.
type InspectedSource struct {
	Origin  string
	State   string // open, closed, forked
	Size    int64
	Root    [32]byte
	Anchors int
	Held    int // checkpoints held by the verifier that were compared
}

// Inspect reads every block from every peer of every organisation of a profile and
// checks data hashes, the chain of headers, orderers' signatures, who made and endorsed
// each transaction of the contract, every log's tree, the contract's state on each peer,
// and the held checkpoints. Then it compares the peers. It needs 64 bytes of memory for
// each block of each peer. It calls report for each finding, from one goroutine at a
// time. The error says why nothing could be inspected.
func Inspect(ctx context.Context, p *Profile, now time.Time, held Held, report func(Finding)) (Inspected, error) {
	seen, _, err := InspectFrom(ctx, p, now, held, nil, report)
	return seen, err
}

// InspectFrom is Inspect of the blocks after those that an earlier inspection left as
// known: of those it reads the last, which every peer must still have. It reads all if from
// is nil, or of another profile or other held checkpoints. What it returns as known is
// nil if anything was found or could not be checked.
func InspectFrom(ctx context.Context, p *Profile, now time.Time, held Held, from *Known, report func(Finding)) (Inspected, *Known, error) {
	m, err := p.identity(now)
	if err != nil {
		return Inspected{}, nil, err
	}
	trust, err := p.Trust()
	if err != nil {
		return Inspected{}, nil, err
	}
	i := &inspection{profile: p, member: m, trust: trust, held: held}
	i.report = func(f Finding) {
		i.said = true
		report(f)
	}
	if i.usable(from) {
		i.from = from
	}
	var reading sync.WaitGroup
	for _, o := range p.Organizations {
		if len(o.Nodes) == 0 {
			i.report(Finding{Peer: o.MSP, Block: -1, What: "the profile has no peer of this organisation, so what its peers hold is not known", Unchecked: true})
		}
		for _, e := range o.Nodes {
			reading.Go(func() { i.read(ctx, o.MSP, &e) })
		}
	}
	reading.Wait()
	i.catchUp(ctx)
	if err := ctx.Err(); err != nil {
		return Inspected{}, nil, err
	}
	seen := i.compare()
	return seen, i.known(), nil
}

type inspection struct {
	profile *Profile
	member  *member
	trust   *Trust
	held    Held
	from    *Known // nil: the first block

	mu     sync.Mutex
	report func(Finding)
	said   bool // something was found, or could not be checked
	chains []*inspectedChain
}

// compare compares the peers.
func (i *inspection) compare() (seen Inspected) {
	slices.SortFunc(i.chains, func(a, b *inspectedChain) int {
		return slices.Compare([]string{a.organization, a.name}, []string{b.organization, b.name})
	})
	highest := 0
	for _, c := range i.chains {
		highest = max(highest, len(c.sums))
		if c.whole {
			seen.Peers = append(seen.Peers, InspectedPeer{c.organization, c.name, c.next, c.last})
		}
	}
	odd := map[*inspectedChain]bool{}
	for _, c := range i.chains {
		odd[c] = c.unsound // it does not count in the comparison
	}
	for n := range highest {
		i.compareBlock(n, odd)
	}
	seen.Sources, seen.Before = i.sources(), i.before()
	return seen
}

// before is how many blocks are not read again.
func (i *inspection) before() uint64 {
	if i.from == nil {
		return 0
	}
	return i.from.Blocks
}

// compareBlock reports the peers whose nth block that was read is not that of most; each once, at the
// first block where it differs.
func (i *inspection) compareBlock(n int, odd map[*inspectedChain]bool) {
	count := map[blockSum]int{}
	for _, c := range i.chains {
		if n < len(c.sums) && !odd[c] {
			count[c.sums[n]]++
		}
	}
	if len(count) < 2 {
		return
	}
	most := 0
	for _, k := range count {
		most = max(most, k)
	}
	for _, c := range i.chains {
		if n >= len(c.sums) || odd[c] || count[c.sums[n]] == most && most > 1 {
			continue
		}
		odd[c] = true
		i.say(c, Finding{Block: int64(i.before()) + int64(n), What: "it is not the block that other peers have, or this peer found other transactions in it valid"})
	}
}

// sources lists the logs of the longest chain without findings.
func (i *inspection) sources() (list []InspectedSource) {
	var best *inspectedChain
	for _, c := range i.chains {
		if c.findings == 0 && c.whole && (best == nil || c.next > best.next) {
			best = c
		}
	}
	if best == nil {
		return nil
	}
	for origin, l := range best.logs.logs {
		root, err := l.root()
		if l.size > 0 && err != nil {
			continue // cannot happen: the tree was grown from leaves
		}
		list = append(list, InspectedSource{origin, l.source.State, l.size, root, l.count, l.held})
		if f := l.source.Fork; f != nil {
			i.report(Finding{Block: -1, Source: origin, What: fmt.Sprintf("is marked as forked at size %d: its keys signed two histories, as %s showed by transaction %s", f.Size, f.Reporter, f.Transaction)})
		}
	}
	slices.SortFunc(list, func(a, b InspectedSource) int { return slices.Compare([]string{a.Origin}, []string{b.Origin}) })
	return list
}
