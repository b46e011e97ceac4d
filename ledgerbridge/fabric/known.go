package fabric

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"

	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// Known is what an inspection that found nothing leaves for the next one: the blocks that
// every peer had, and what their transactions led to. Whoever keeps it MUST keep it from
// being forged.
type Known struct {
	Blocks     uint64     `json:"blocks"`
	Last       [32]byte   `json:"last"`    // hash of the last header
	Profile    [32]byte   `json:"profile"` // sums up whom the inspection trusted, and which peers it read
	Held       [32]byte   `json:"held"`    // sums up the checkpoints that were compared
	Consenters [][]byte   `json:"consenters,omitempty"`
	Logs       []KnownLog `json:"logs"`
}

// KnownLog is one log of the channel.
type KnownLog struct {
	Source  chaincode.Source   `json:"source"`
	Size    int64              `json:"size"`
	Hashes  [][]byte           `json:"hashes"` // the right edge of its tree
	Count   int                `json:"count"`
	Anchors []chaincode.Anchor `json:"anchors"`
	Held    int                `json:"held"`
}

// usable says whether an inspection may go on from k: it trusts the same, reads the same
// peers and compares the same checkpoints.
func (i *inspection) usable(k *Known) bool {
	return k != nil && k.Blocks > 0 && k.Profile == i.profile.sum() && k.Held == i.held.sum(k.Logs)
}

// sum sums up what an inspection trusts and reads.
func (p *Profile) sum() [32]byte {
	data, err := json.Marshal([]any{p.Channel, p.Chaincode, p.Organizations, p.Orderers})
	if err != nil {
		return [32]byte{} // cannot happen: they are texts
	}
	return sha256.Sum256(data)
}

// sum sums up the held checkpoints that a replay of these logs has compared.
func (h Held) sum(logs []KnownLog) [32]byte {
	var all []string
	for _, l := range logs {
		for size, root := range h[l.Source.Origin] {
			if size <= l.Size {
				all = append(all, fmt.Sprintf("%s %d %x\n", l.Source.Origin, size, root))
			}
		}
	}
	slices.Sort(all)
	sum := sha256.New()
	for _, text := range all {
		sum.Write([]byte(text))
	}
	return [32]byte(sum.Sum(nil))
}

// goOn makes a chain begin after what is known.
func (c *chain) goOn(k *Known) error {
	c.next, c.last = k.Blocks, k.Last
	for _, data := range k.Consenters {
		one := new(common.Consenter)
		if err := proto.Unmarshal(data, one); err != nil {
			return err
		}
		if c.ordering == nil {
			c.ordering = new(ordering)
		}
		c.ordering.consenters = append(c.ordering.consenters, one)
	}
	for _, l := range k.Logs {
		if err := c.logs.change(l.Source); err != nil {
			return err
		}
		tree, err := ranges.NewRange(0, uint64(l.Size), slices.Clone(l.Hashes)) // a tree grows in place
		if err != nil {
			return err
		}
		r := c.logs.logs[l.Source.Origin]
		r.tree, r.size, r.count, r.held, r.anchors = tree, l.Size, l.Count, l.Held, slices.Clone(l.Anchors)
	}
	return nil
}

// stands checks that a peer still has the last block that is known.
func (c *inspectedChain) stands(ctx context.Context, p *peerNode, height uint64) error {
	if c.next == 0 {
		return nil
	}
	if height < c.next {
		return fmt.Errorf("it shows %d blocks and no more, and %d were there when the channel was inspected before: it was restored, lags behind, or hides blocks", height, c.next)
	}
	return p.blocks(ctx, c.next-1, c.next, func(b *common.Block) error {
		hash, err := blockHash(b.GetHeader())
		if err == nil && hash != c.last {
			c.unsound, c.broken = true, true
			c.report(c.next-1, "", "is not the block that was there when the channel was inspected before: the chain was replaced")
		}
		return err
	})
}

// known is what an inspection without any finding leaves.
func (i *inspection) known() *Known {
	if i.said || len(i.chains) == 0 {
		return nil
	}
	c := slices.MaxFunc(i.chains, func(a, b *inspectedChain) int { return cmp.Compare(a.next, b.next) })
	k := &Known{Blocks: c.next, Last: c.last, Profile: i.profile.sum()}
	for _, other := range i.chains {
		if !other.whole || other.next != c.next || other.last != c.last {
			return nil
		}
	}
	if c.ordering != nil {
		for _, one := range c.ordering.consenters {
			data, err := proto.Marshal(one)
			if err != nil {
				return nil
			}
			k.Consenters = append(k.Consenters, data)
		}
	}
	for _, l := range c.logs.logs {
		k.Logs = append(k.Logs, KnownLog{l.source, l.size, l.tree.Hashes(), l.count, l.anchors[max(0, len(l.anchors)-keepAnchors):], l.held})
	}
	slices.SortFunc(k.Logs, func(a, b KnownLog) int { return cmp.Compare(a.Source.Origin, b.Source.Origin) })
	k.Held = i.held.sum(k.Logs)
	return k
}
