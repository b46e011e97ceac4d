package fabric

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// inspectedChain is the chain of one peer.
type inspectedChain struct {
	*chain
	organization, name string
	node               *Endpoint
	findings           int  // that something is wrong
	said               int  // findings of all kinds while it was read
	whole              bool // every block was read
}

// Bounds of what one peer, which may lie, can make an inspection report: how many
// findings, and how many letters of each.
const (
	maxFindings = 1000
	maxWhat     = 1000
)

var errTooMuch = fmt.Errorf("more than %d things were found on this peer: the rest of its blocks was not read", maxFindings)

// found reports a finding while a peer is read, up to maxFindings.
func (i *inspection) found(c *inspectedChain, f Finding) {
	if c.said++; c.said <= maxFindings {
		i.say(c, f)
	}
}

func (i *inspection) say(c *inspectedChain, f Finding) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f.Peer = c.name
	if !f.Unchecked {
		c.findings++
	}
	f.What, f.Source = fmt.Sprintf("%.*s", maxWhat, f.What), fmt.Sprintf("%.*s", maxWhat, f.Source)
	i.report(f)
}

// read checks one peer.
func (i *inspection) read(ctx context.Context, organization string, e *Endpoint) {
	c := &inspectedChain{organization: organization, name: e.Name, node: e}
	c.chain = &chain{
		trust: i.trust, logs: &replay{trust: i.trust, held: i.held, logs: map[string]*replayed{}},
		report: func(block uint64, source, what string) {
			i.found(c, Finding{Block: int64(block), Source: source, What: what})
		},
		unsure: func(block uint64, what string) {
			i.found(c, Finding{Block: int64(block), What: what, Unchecked: true})
		},
	}
	var err error
	if i.from != nil {
		err = c.goOn(i.from)
	}
	if err == nil {
		err = i.readPeer(ctx, c, e)
	}
	if err == nil {
		err = c.enough()
	}
	if c.whole = err == nil; err != nil {
		i.ended(c, err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.chains = append(i.chains, c)
}

// ended reports why a peer was not read to the end.
func (i *inspection) ended(c *inspectedChain, err error) {
	if unserved, ok := errors.AsType[*unservedError](err); ok {
		i.say(c, Finding{Block: int64(unserved.block), What: fmt.Sprintf("the peer says that it has this block and does not serve it (%s)", unserved.status)})
		return
	}
	i.say(c, Finding{Block: -1, What: err.Error(), Unchecked: true})
}

// readPeer asks for the contract's state between two looks at the height, so that the
// blocks that it can come from are known.
func (i *inspection) readPeer(ctx context.Context, c *inspectedChain, e *Endpoint) error {
	p, err := openPeer(i.profile, i.member, c.organization, e)
	if err != nil {
		return err
	}
	defer p.close()
	before, err := p.height(ctx)
	if err != nil {
		return err
	}
	heads, err := p.heads(ctx)
	if err != nil {
		return err
	}
	height, err := p.height(ctx)
	if err != nil {
		return err
	}
	if height == 0 {
		return errors.New("it shows no block of the channel")
	}
	if err := c.stands(ctx, p, height); err != nil || c.broken {
		return err
	}
	if before < c.next {
		c.logs.mark()
	}
	if height > c.next {
		err = p.blocks(ctx, c.next, height, func(b *common.Block) error {
			if c.next == before {
				c.logs.mark()
			}
			return errors.Join(c.block(b), c.enough())
		})
	}
	if err != nil || c.broken {
		return err
	}
	if height == before {
		c.logs.mark()
	}
	return i.stateOf(ctx, p, c, heads)
}

// enough ends the reading of a peer with too many findings.
func (c *inspectedChain) enough() error {
	if c.said > maxFindings {
		return errTooMuch
	}
	return nil
}

// catchUp reads on where another peer has shown more blocks: the channel grew after the
// first peers were read. A peer that does not get there lags behind, or hides blocks.
func (i *inspection) catchUp(ctx context.Context) {
	var most uint64
	for _, c := range i.chains {
		if c.whole && !c.unsound && !c.broken {
			most = max(most, c.next)
		}
	}
	for _, c := range i.chains {
		if !c.whole || c.broken || c.next >= most {
			continue
		}
		if err := i.readOn(ctx, c, most); err != nil {
			i.ended(c, err)
		}
	}
}

func (i *inspection) readOn(ctx context.Context, c *inspectedChain, most uint64) error {
	p, err := openPeer(i.profile, i.member, c.organization, c.node)
	if err != nil {
		return err
	}
	defer p.close()
	height, err := p.height(ctx)
	for try := 0; err == nil && height < most; try++ {
		if try == catchUpTries {
			return fmt.Errorf("it shows %d blocks and no more, others have %d: it lags behind, or hides blocks", height, most)
		}
		sleep(ctx, time.Second)
		height, err = p.height(ctx)
	}
	if err != nil {
		return err
	}
	return p.blocks(ctx, c.next, most, func(b *common.Block) error { return errors.Join(c.block(b), c.enough()) })
}

// catchUpTries is how often a peer is asked, a second apart, whether it has more.
const catchUpTries = 5

// stateOf compares the contract's state on a peer with the peer's own blocks.
func (i *inspection) stateOf(ctx context.Context, p *peerNode, c *inspectedChain, heads []chaincode.Head) error {
	disagrees := func(err error) {
		if f, ok := errors.AsType[*foundError](err); ok {
			i.found(c, Finding{Block: -1, Source: f.source, What: f.what})
		}
	}
	known := map[string]bool{}
	for _, h := range heads {
		known[h.Source.Origin] = true
		disagrees(c.logs.agree(h))
	}
	for origin, l := range c.logs.logs {
		if l.known && !known[origin] {
			disagrees(&foundError{origin, "the contract's state does not have this source, which a transaction registered"})
		}
		for _, a := range l.anchors[max(0, len(l.anchors)-keepAnchors):] {
			var stated chaincode.Anchor
			if err := p.query(ctx, "GetAnchor", chaincode.AnchorQuery{Origin: origin, Size: a.Size}, &stated); err != nil {
				return err
			}
			disagrees(l.agree(stated))
		}
	}
	return nil
}
