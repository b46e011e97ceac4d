package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// Event is what the contract did to a log in a valid transaction.
type Event struct {
	Block       uint64
	Transaction string
	Origin      string            // the log
	Anchor      *chaincode.Anchor // that it took, or
	Fork        *chaincode.Source // the source that it marked
}

// eventOf reads an event of the contract.
func eventOf(e *client.ChaincodeEvent) (Event, bool) {
	seen := Event{Block: e.BlockNumber, Transaction: e.TransactionID}
	switch e.EventName {
	case chaincode.AnchorEvent:
		var a chaincode.Anchored
		if json.Unmarshal(e.Payload, &a) != nil {
			return seen, false
		}
		seen.Origin, seen.Anchor = a.Anchor.Origin, &a.Anchor
	case chaincode.ForkEvent:
		seen.Fork = new(chaincode.Source)
		if json.Unmarshal(e.Payload, seen.Fork) != nil {
			return seen, false
		}
		seen.Origin = seen.Fork.Origin
	}
	return seen, seen.Origin != ""
}

// Follow implements Contract on the organisation's own peer. All followed logs share one
// stream of blocks.
func (c *Channel) Follow(ctx context.Context, origin string, block uint64, visit func(Event) error) error {
	return c.follower.follow(ctx, origin, block, visit)
}

// stream visits the events of all logs from a block on.
func (c *Channel) stream(ctx context.Context, block uint64, visit func(Event) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	at := c.current.Load()
	g := c.gateways[int(at)%len(c.gateways)]
	events, err := g.gateway.GetNetwork(c.profile.Channel).ChaincodeEvents(ctx, c.profile.Chaincode, client.WithStartBlock(block))
	if err != nil {
		return c.explain("events", err)
	}
	defer func() { // the sender must not block on a reader that left
		cancel()
		for range events {
		}
	}()
	for e := range events {
		if seen, ok := eventOf(e); ok {
			if err := visit(seen); err != nil {
				return err
			}
		}
	}
	if ctx.Err() == nil {
		c.current.CompareAndSwap(at, at+1)
	}
	return fmt.Errorf("the events of channel %s from %s ended", c.profile.Channel, g.name)
}

// watch is the second witness: it follows the channel and checks every anchor of the
// source, whether this node sent it or not. It also refills a lost list of anchors.
func (s *Shipper) watch(ctx context.Context) {
	for try := 0; ctx.Err() == nil; try++ {
		err := s.Contract.Follow(ctx, s.source, s.Anchors.Listed().Block, func(e Event) error {
			try = 0
			return s.see(ctx, e)
		})
		if c, ok := errors.AsType[*ledgerbridge.Contradiction](err); ok {
			s.alarm(c)
			return
		}
		sleep(ctx, s.Pause(try))
	}
}

// Fill follows the channel until ctx ends, and lists the anchors of a log that another
// node anchors. It has no log to compare them with; the network's evidence proves what a
// proof takes from the list.
func Fill(ctx context.Context, c Contract, source string, list *ledgerbridge.Anchors) {
	for try := 0; ctx.Err() == nil; try++ {
		_ = c.Follow(ctx, source, list.Listed().Block, func(e Event) error { // after an error, again
			try = 0
			if e.Anchor == nil {
				return nil
			}
			return list.Add(e.anchor())
		})
		sleep(ctx, usualPause(try))
	}
}

// anchor returns the anchor of an event for the list.
func (e Event) anchor() ledgerbridge.Anchor {
	return ledgerbridge.Anchor{OldSize: e.Anchor.OldSize, Size: e.Anchor.Size, Transaction: e.Transaction, Block: e.Block, Time: time.Now()}
}

func (s *Shipper) see(ctx context.Context, e Event) error {
	if e.Fork != nil {
		return s.matches(ctx, chaincode.Head{Source: *e.Fork})
	}
	a := e.Anchor
	size, err := s.cover(ctx, a.Size)
	if err != nil {
		return err
	}
	if size < a.Size {
		return s.ahead(ctx, chaincode.Head{Size: a.Size}, size)
	}
	if err := s.agrees(ctx, a.Size, a.Root, a.Checkpoint); err != nil {
		return err
	}
	if a.Size > s.mine.Load() && a.Size != s.under.Load() {
		s.Metrics.alarms.WithLabelValues(s.source).Set(1)
		s.Log.Error("ALARM: somebody else anchors this log, with this organisation's identity and the same records so far: two processes, or a stolen key",
			"source", s.source, "size", a.Size, "transaction", e.Transaction, "block", e.Block)
	}
	return s.Anchors.Add(e.anchor())
}
