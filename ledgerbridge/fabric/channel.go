package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// Head asks the organisation's own peer for a source and the last state of its log. The
// error is a *Refusal with chaincode.NotFound if it is not registered.
func (c *Channel) Head(ctx context.Context, origin string) (chaincode.Head, error) {
	var h chaincode.Head
	err := c.evaluate(ctx, "Head", chaincode.OriginRequest{Origin: origin}, &h)
	if err == nil && h.Source.Version != contractVersion {
		err = &Misconfigured{fmt.Sprintf("the chaincode %q keeps sources of version %d, this program knows %d", c.profile.Chaincode, h.Source.Version, contractVersion)}
	}
	return h, err
}

// GetAnchor asks the organisation's own peer for the anchor that led to a size. Going
// back from anchor to anchor ends, whatever the peer says.
func (c *Channel) GetAnchor(ctx context.Context, origin string, size int64) (chaincode.Anchor, error) {
	var a chaincode.Anchor
	err := c.evaluate(ctx, "GetAnchor", chaincode.AnchorQuery{Origin: origin, Size: size}, &a)
	if err == nil && (a.Origin != origin || a.Size != size || a.OldSize < 0 || a.OldSize >= size) {
		err = fmt.Errorf("the contract was asked for the anchor of %s at size %d and answered with another", origin, size)
	}
	return a, err
}

// Sources lists every source of the channel.
func (c *Channel) Sources(ctx context.Context) ([]chaincode.Source, error) {
	var all []chaincode.Source
	err := eachSource(func(after string) (page chaincode.Sources, err error) {
		return page, c.evaluate(ctx, "ListSources", chaincode.ListRequest{After: after}, &page)
	}, func(s chaincode.Source) error {
		all = append(all, s)
		return nil
	})
	return all, err
}

// Check asks whether channel and chaincode exist, in a version that this program
// understands. The error is a *Misconfigured if they certainly do not. A peer that has
// just started may not know its chaincode yet: Check asks again for some seconds.
func (c *Channel) Check(ctx context.Context) (err error) {
	for range 5 {
		err = c.evaluate(ctx, "ListSources", chaincode.ListRequest{}, new(chaincode.Sources))
		if err == nil || !strings.Contains(err.Error(), noPeers) {
			return err
		}
		sleep(ctx, time.Second)
	}
	return err
}

// Register opens a source with its first key.
func (c *Channel) Register(ctx context.Context, origin, key string) error {
	_, _, err := c.submit(ctx, new(chaincode.Source), "RegisterSource", chaincode.RegisterRequest{Origin: origin, Key: key})
	return err
}

// AddKey lets another key sign for sizes from a size on.
func (c *Channel) AddKey(ctx context.Context, origin, key string, from int64) error {
	_, _, err := c.submit(ctx, new(chaincode.Source), "AddKey", chaincode.KeyRequest{Origin: origin, Key: key, From: from})
	return err
}

// RevokeKey ends a key of a source from a size on, which must be above the head's.
func (c *Channel) RevokeKey(ctx context.Context, origin, key string, from int64) error {
	_, _, err := c.submit(ctx, new(chaincode.Source), "RevokeKey", chaincode.KeyRequest{Origin: origin, Key: key, From: from})
	return err
}

// CloseSource closes a source for ever: it takes no more anchors and keys.
func (c *Channel) CloseSource(ctx context.Context, origin string) error {
	_, _, err := c.submit(ctx, new(chaincode.Source), "CloseSource", chaincode.OriginRequest{Origin: origin})
	return err
}

// ReportFork shows the channel two contradicting checkpoints; it marks their source for
// ever.
func (c *Channel) ReportFork(ctx context.Context, q chaincode.ForkRequest) (chaincode.Source, error) {
	var s chaincode.Source
	_, _, err := c.submit(ctx, &s, "ReportFork", q)
	if err == nil && s.Fork == nil {
		err = errors.New("the contract has marked nothing")
	}
	return s, err
}

// Anchor sends a batch and returns when its transaction is valid in a block of the
// organisation's own peer. It does not send an anchored batch again: the anchor then
// names the first transaction, and block 0, since only following the channel tells it.
func (c *Channel) Anchor(ctx context.Context, b ledgerbridge.Batch) (ledgerbridge.Anchor, error) {
	q := chaincode.AnchorRequest{Origin: b.Source, OldSize: b.OldSize, Root: b.Root, Checkpoint: string(b.Checkpoint)}
	commitments := make([]byte, 0, 32*len(b.Commitments))
	for i := range b.Commitments {
		commitments = append(commitments, b.Commitments[i][:]...)
	}
	var answer chaincode.Anchored
	tx, block, err := c.submit(ctx, &answer, "Anchor", q, commitments)
	if err != nil {
		return ledgerbridge.Anchor{}, err
	}
	anchor := ledgerbridge.Anchor{
		OldSize: b.OldSize, Size: b.OldSize + int64(len(b.Commitments)), Channel: c.profile.Channel,
		Transaction: tx, Block: block, Time: time.Now(),
	}
	if answer.Repeated {
		anchor.Transaction, anchor.Block = answer.Anchor.Transaction, 0
	}
	return anchor, nil
}

func (c *Channel) evaluate(ctx context.Context, function string, q, answer any) error {
	argument, err := json.Marshal(q)
	if err != nil {
		return err
	}
	result, err := c.query(ctx, c.profile.Chaincode, function, client.WithBytesArguments(argument))
	if err != nil {
		return err
	}
	return c.decode(function, result, answer)
}

// query evaluates a function of a chaincode on the organisation's own peer.
func (c *Channel) query(ctx context.Context, name, function string, arguments client.ProposalOption) (result []byte, err error) {
	err = c.use(ctx, c.deadlines.evaluate, func(ctx context.Context, n *client.Network) error {
		p, err := n.GetContract(name).NewProposal(function, arguments, client.WithEndorsingOrganizations(c.profile.MSP))
		if err == nil {
			result, err = p.EvaluateWithContext(ctx)
		}
		return err
	})
	if err != nil {
		return nil, c.explain(function, err)
	}
	return result, nil
}

// endorse lets peers sign what the contract answers to q; option adds arguments, or says
// whose peers.
func (c *Channel) endorse(ctx context.Context, answer any, function string, q any, option client.ProposalOption) (endorsed *client.Transaction, err error) {
	argument, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	err = c.use(ctx, c.deadlines.endorse, func(ctx context.Context, n *client.Network) error {
		p, err := n.GetContract(c.profile.Chaincode).NewProposal(function, client.WithBytesArguments(argument), option)
		if err == nil {
			endorsed, err = p.EndorseWithContext(ctx)
		}
		return err
	})
	if err != nil {
		return nil, c.explain(function, err)
	}
	return endorsed, c.decode(function, endorsed.Result(), answer)
}

// submit endorses, orders and waits for the commit. Only the status VALID is success: an
// orderer that takes a transaction may still lose it.
func (c *Channel) submit(ctx context.Context, answer any, function string, q any, more ...[]byte) (tx string, block uint64, err error) {
	endorsed, err := c.endorse(ctx, answer, function, q, client.WithBytesArguments(more...))
	if err != nil {
		return "", 0, err
	}
	if a, ok := answer.(*chaincode.Anchored); ok && a.Repeated {
		return endorsed.TransactionID(), 0, nil
	}
	block, err = c.commit(ctx, endorsed)
	if err != nil {
		return "", 0, c.explain(function, err)
	}
	return endorsed.TransactionID(), block, nil
}

func (c *Channel) commit(ctx context.Context, endorsed *client.Transaction) (block uint64, err error) {
	var commit *client.Commit
	err = c.use(ctx, c.deadlines.submit, func(ctx context.Context, _ *client.Network) (err error) {
		commit, err = endorsed.SubmitWithContext(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	var end *client.Status
	err = c.use(ctx, c.deadlines.status, func(ctx context.Context, _ *client.Network) (err error) {
		end, err = commit.StatusWithContext(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	if !end.Successful {
		return 0, &Invalid{Code: end.Code, Transaction: end.TransactionID}
	}
	return end.BlockNumber, nil
}

// decode reads only answers of this version of the contract.
func (c *Channel) decode(function string, data []byte, answer any) error {
	if err := decodeWhole(data, answer); err != nil {
		return &Misconfigured{fmt.Sprintf("the chaincode %q answers %s unlike this version of Aceso's contract: install the version that belongs to this program (%v)", c.profile.Chaincode, function, err)}
	}
	return nil
}
