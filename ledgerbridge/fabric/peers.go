package fabric

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// peerNode is one peer of any organisation, asked directly: a gateway's answer may come
// from another peer.
type peerNode struct {
	organization string
	name         string
	profile      *Profile
	member       *member
	gateway      *gateway
	received     int // bytes of answers
}

// maxMessage is more than orderers let a block have; gRPC's own limit is 4 MB.
const maxMessage = 128 << 20

// Bounds in bytes of a peer's answers, other than blocks: to one question, and about all
// sources together, which stay in memory.
const (
	maxAnswer = 8 << 20
	maxHeads  = 256 << 20
)

// stallTime is how long a peer may take for one answer or one block. An inspection is
// not urgent, so it is long.
const stallTime = 30 * time.Second

func openPeer(p *Profile, m *member, organization string, e *Endpoint) (*peerNode, error) {
	g, err := open(e, m)
	if err != nil {
		return nil, err
	}
	return &peerNode{organization: organization, name: e.Name, profile: p, member: m, gateway: g}, nil
}

func (p *peerNode) close() error {
	return errors.Join(p.gateway.gateway.Close(), p.gateway.conn.Close())
}

// ask evaluates a function on this very peer.
func (p *peerNode) ask(ctx context.Context, contract, function string, arguments ...[]byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, stallTime)
	defer cancel()
	proposal, err := p.propose(contract, function, arguments)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", function, err)
	}
	answer, err := peer.NewEndorserClient(p.gateway.conn).ProcessProposal(ctx, proposal, grpc.MaxCallRecvMsgSize(maxAnswer))
	if err != nil {
		return nil, &trouble{words: function + ": " + plain(status.Convert(err).Message()), err: err}
	}
	if r := answer.GetResponse(); r.GetStatus() != okStatus {
		return nil, fmt.Errorf("%s: %s", function, plain(r.GetMessage()))
	}
	p.received += len(answer.GetResponse().GetPayload())
	return answer.GetResponse().GetPayload(), nil
}

// propose makes a signed proposal.
func (p *peerNode) propose(contract, function string, arguments [][]byte) (*peer.SignedProposal, error) {
	made, err := p.gateway.gateway.GetNetwork(p.profile.Channel).GetContract(contract).NewProposal(function, client.WithBytesArguments(arguments...))
	if err != nil {
		return nil, err
	}
	raw, err := made.Bytes()
	if err != nil {
		return nil, err
	}
	var proposed gatewaypb.ProposedTransaction
	if err := proto.Unmarshal(raw, &proposed); err != nil {
		return nil, err
	}
	signed := proposed.GetProposal()
	signed.Signature, err = p.member.sign(hash.SHA256(signed.GetProposalBytes()))
	return signed, err
}

// query asks the contract.
func (p *peerNode) query(ctx context.Context, function string, q, answer any) error {
	argument, err := json.Marshal(q)
	if err != nil {
		return err
	}
	data, err := p.ask(ctx, p.profile.Chaincode, function, argument)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("%s: %w", function, err)
	}
	return nil
}

// heads returns all sources and their last state, as the contract on this peer has them.
func (p *peerNode) heads(ctx context.Context) (heads []chaincode.Head, err error) {
	err = eachSource(func(after string) (page chaincode.Sources, err error) {
		return page, p.query(ctx, "ListSources", chaincode.ListRequest{After: after}, &page)
	}, func(s chaincode.Source) error {
		var h chaincode.Head
		if err := p.query(ctx, "Head", chaincode.OriginRequest{Origin: s.Origin}, &h); err != nil {
			return err
		}
		if p.received > maxHeads {
			return fmt.Errorf("what the peer answers about its sources has more than %d MB", maxHeads>>20)
		}
		heads = append(heads, h)
		return nil
	})
	return heads, err
}

// eachSource goes through the pages of ListSources. A lying peer cannot lead it in a
// circle.
func eachSource(ask func(after string) (chaincode.Sources, error), visit func(chaincode.Source) error) error {
	for after, more := "", true; more; {
		page, err := ask(after)
		if err != nil {
			return err
		}
		if more = page.More; more && len(page.Sources) == 0 {
			return errors.New("ListSources: it promises more and sends nothing")
		}
		for _, s := range page.Sources {
			if s.Origin <= after {
				return errors.New("ListSources: the sources are not in order")
			}
			if err := visit(s); err != nil {
				return err
			}
			after = s.Origin
		}
	}
	return nil
}

// height is the number of this peer's blocks.
func (p *peerNode) height(ctx context.Context) (uint64, error) {
	data, err := p.ask(ctx, "qscc", "GetChainInfo", []byte(p.profile.Channel))
	if err != nil {
		return 0, err
	}
	var info common.BlockchainInfo
	if err := proto.Unmarshal(data, &info); err != nil {
		return 0, fmt.Errorf("GetChainInfo: %w", err)
	}
	return info.GetHeight(), nil
}

// blocks visits the blocks from a number on, below height. A block that the peer cannot
// serve is an *unservedError.
func (p *peerNode) blocks(ctx context.Context, from, height uint64, visit func(*common.Block) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(stallTime, func() { cancel(errStalled) })
	defer stalled.Stop()
	seek, err := p.seek(from, height)
	if err != nil {
		return err
	}
	stream, err := peer.NewDeliverClient(p.gateway.conn).Deliver(ctx)
	if err == nil {
		err = stream.Send(seek)
	}
	if err != nil {
		return fmt.Errorf("blocks: %w", err)
	}
	for next := from; next < height; next++ {
		answer, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("block %d: %w", next, cmp.Or(context.Cause(ctx), err))
		}
		stalled.Stop()
		b := answer.GetBlock()
		if b == nil {
			return &unservedError{next, answer.GetStatus()}
		}
		if err := visit(b); err != nil {
			return err
		}
		stalled.Reset(stallTime)
	}
	return nil
}

var errStalled = fmt.Errorf("the peer sent nothing for %s", stallTime)

// unservedError means that a peer has a block and does not serve it.
type unservedError struct {
	block  uint64
	status common.Status
}

func (e *unservedError) Error() string { return fmt.Sprintf("block %d: %s", e.block, e.status) }

// seek makes the signed request for the blocks from a number on, below height.
func (p *peerNode) seek(from, height uint64) (*common.Envelope, error) {
	at := func(n uint64) *orderer.SeekPosition {
		return &orderer.SeekPosition{Type: &orderer.SeekPosition_Specified{Specified: &orderer.SeekSpecified{Number: n}}}
	}
	nonce := make([]byte, 24)
	rand.Read(nonce)
	var failed error
	encoded := func(m proto.Message) []byte {
		b, err := proto.Marshal(m)
		failed = errors.Join(failed, err)
		return b
	}
	payload := encoded(&common.Payload{
		Header: &common.Header{
			ChannelHeader: encoded(&common.ChannelHeader{
				Type: int32(common.HeaderType_DELIVER_SEEK_INFO), ChannelId: p.profile.Channel, Timestamp: timestamppb.Now(),
			}),
			SignatureHeader: encoded(&common.SignatureHeader{
				Nonce:   nonce,
				Creator: encoded(&msp.SerializedIdentity{Mspid: p.member.id.MspID(), IdBytes: p.member.id.Credentials()}),
			}),
		},
		Data: encoded(&orderer.SeekInfo{Start: at(from), Stop: at(height - 1), Behavior: orderer.SeekInfo_FAIL_IF_NOT_READY}),
	})
	if failed != nil {
		return nil, failed
	}
	signature, err := p.member.sign(hash.SHA256(payload))
	return &common.Envelope{Payload: payload, Signature: signature}, err
}
