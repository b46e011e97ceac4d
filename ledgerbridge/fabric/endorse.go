package fabric

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/protobuf/proto"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

var _ ledgerbridge.AnchorProver = (*Channel)(nil)

// proofTime bounds how long a proof waits for the network.
const proofTime = 10 * time.Second

// ProveAnchor implements ledgerbridge.AnchorProver: it lets peers of its own and of
// another organisation sign GetAnchor's answer, submits nothing, and fetches the block.
// Evaluating would not do: it returns no signatures.
func (c *Channel) ProveAnchor(ctx context.Context, source string, a ledgerbridge.Anchor) (ledgerbridge.AnchorProof, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	proof := ledgerbridge.AnchorProof{Anchor: a, Chaincode: c.profile.Chaincode}
	answer, state, err := c.endorseAnchor(ctx, source, a.Size)
	if err != nil {
		return proof, nil, err
	}
	b, err := c.queryBlock(ctx, "qscc", "GetBlockByTxID", state.Transaction)
	if err != nil {
		return proof, nil, err
	}
	consenters, err := c.consentersOf(ctx, b)
	if err != nil {
		return proof, nil, err
	}
	evidence, err := newEvidence(answer, b, consenters)
	if err != nil {
		return proof, nil, err
	}
	hash, err := blockHash(b.GetHeader())
	if err != nil {
		return proof, nil, err
	}
	proof.Transaction, proof.Block, proof.BlockHash, proof.Evidence = state.Transaction, b.GetHeader().GetNumber(), hash, evidence
	return proof, []byte(state.Checkpoint), nil
}

// Covering implements ledgerbridge.AnchorProver: it goes back from the head, anchor by
// anchor.
func (c *Channel) Covering(ctx context.Context, source string, seq int64) (ledgerbridge.Anchor, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	head, err := c.Head(ctx, source)
	if err != nil || seq >= head.Size {
		return ledgerbridge.Anchor{}, false, err
	}
	for size := head.Size; ; {
		a, err := c.GetAnchor(ctx, source, size)
		if err != nil {
			return ledgerbridge.Anchor{}, false, fmt.Errorf("look for the anchor of row %d of %s: %w", seq, source, err)
		}
		if size = a.OldSize; size <= seq {
			return ledgerbridge.Anchor{OldSize: a.OldSize, Size: a.Size, Channel: c.profile.Channel, Transaction: a.Transaction}, true, nil
		}
	}
}

// endorseAnchor tries the other organisations in turn until a peer of one answers as the
// own peer does.
func (c *Channel) endorseAnchor(ctx context.Context, source string, size int64) (payload []byte, state chaincode.Anchor, err error) {
	partners := c.partners()
	for i, with := range partners {
		left, cancel := context.WithTimeout(ctx, proofTime/time.Duration(len(partners)-i))
		payload, state, err = c.endorseWith(left, with, source, size)
		cancel()
		if err == nil || ctx.Err() != nil {
			return payload, state, err
		}
	}
	return payload, state, err
}

// partners lists the sets of organisations that can endorse together: the own one with
// each other, then pairs of others, should the own chaincode be down. A network of one
// organisation has only that.
func (c *Channel) partners() (sets [][]string) {
	own := c.profile.MSP
	if c.profile.Single() {
		return [][]string{{own}}
	}
	var others []string
	for _, o := range c.profile.Organizations {
		if o.MSP != own {
			others = append(others, o.MSP)
			sets = append(sets, []string{own, o.MSP})
		}
	}
	for i, o := range others {
		for _, with := range others[i+1:] {
			sets = append(sets, []string{o, with})
		}
	}
	return sets
}

func (c *Channel) endorseWith(ctx context.Context, organizations []string, source string, size int64) (payload []byte, state chaincode.Anchor, err error) {
	question := chaincode.AnchorQuery{Origin: source, Size: size}
	endorsed, err := c.endorse(ctx, &state, "GetAnchor", question, client.WithEndorsingOrganizations(organizations...))
	if err != nil {
		return nil, state, err
	}
	payload, err = payloadOf(endorsed)
	return payload, state, err
}

// payloadOf returns the payload of the envelope that a peer's gateway prepared.
func payloadOf(t *client.Transaction) ([]byte, error) {
	raw, err := t.Bytes()
	if err != nil {
		return nil, err
	}
	var prepared gatewaypb.PreparedTransaction
	if err := proto.Unmarshal(raw, &prepared); err != nil {
		return nil, fmt.Errorf("prepared transaction: %w", err)
	}
	return prepared.GetEnvelope().GetPayload(), nil
}

// consentersOf returns the orderers by number, from the configuration in force for a
// block; only SmartBFT needs them to name its signers.
func (c *Channel) consentersOf(ctx context.Context, b *common.Block) ([]*common.Consenter, error) {
	index, needed, err := lastConfiguration(b)
	if err != nil || !needed {
		return nil, err
	}
	configuration, err := c.queryBlock(ctx, "qscc", "GetBlockByNumber", fmt.Sprint(index))
	if err != nil {
		return nil, err
	}
	o, err := configurationOf(configuration)
	if err != nil {
		return nil, err
	}
	return o.consenters, nil
}

func configurationOf(b *common.Block) (*ordering, error) {
	o, err := orderingOf(b)
	if err == nil && o == nil {
		err = errors.New("it holds no configuration")
	}
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", b.GetHeader().GetNumber(), err)
	}
	return o, nil
}

// queryBlock asks the organisation's own peer for a block of the channel, through one of
// Fabric's own chaincodes.
func (c *Channel) queryBlock(ctx context.Context, name, function string, arguments ...string) (*common.Block, error) {
	raw, err := c.query(ctx, name, function, client.WithArguments(append([]string{c.profile.Channel}, arguments...)...))
	if err != nil {
		return nil, err
	}
	b := new(common.Block)
	if err := proto.Unmarshal(raw, b); err != nil {
		return nil, fmt.Errorf("%s: %w", function, err)
	}
	return b, nil
}

// Quorum returns what the channel's current configuration demands of each block.
func (c *Channel) Quorum(ctx context.Context) (q Quorum, err error) {
	b, err := c.queryBlock(ctx, "cscc", "GetConfigBlock")
	if err != nil {
		return q, err
	}
	o, err := configurationOf(b)
	if err != nil {
		return q, err
	}
	return o.quorum(), nil
}
