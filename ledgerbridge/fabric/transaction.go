package fabric

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// transaction is an endorsed call of a chaincode, from a block or as peers answer it
// without one. Its pieces are hashed and signed byte for byte; the rest is read from
// them.
type transaction struct {
	channelHeader   []byte
	signatureHeader []byte
	proposal        []byte // chaincode proposal payload
	response        []byte // proposal response payload: what peers sign
	endorsements    []*peer.Endorsement

	channel   string
	id        string
	chaincode string
	creator   []byte   // serialized identity
	args      [][]byte // the function's name first
	answer    []byte   // payload of the chaincode's response
}

// headers reads the channel header of an envelope's payload, which tells the envelope's
// type.
func headers(payload []byte) (*common.Payload, *common.ChannelHeader, error) {
	p, h := new(common.Payload), new(common.ChannelHeader)
	if err := proto.Unmarshal(payload, p); err != nil {
		return nil, nil, fmt.Errorf("payload: %w", err)
	}
	if err := proto.Unmarshal(p.GetHeader().GetChannelHeader(), h); err != nil {
		return nil, nil, fmt.Errorf("channel header: %w", err)
	}
	return p, h, nil
}

// readTransaction reads the payload of an envelope and checks that its pieces belong
// together. endorsers and creatorOf check signatures.
func readTransaction(payload []byte) (*transaction, error) {
	t, err := splitTransaction(payload)
	if err != nil {
		return nil, err
	}
	return t, t.read()
}

// splitTransaction splits an envelope's payload into pieces and reads none yet.
func splitTransaction(payload []byte) (*transaction, error) {
	p, _, err := headers(payload)
	if err != nil {
		return nil, err
	}
	var body peer.Transaction
	if err := proto.Unmarshal(p.GetData(), &body); err != nil {
		return nil, fmt.Errorf("transaction: %w", err)
	}
	if len(body.GetActions()) != 1 {
		return nil, fmt.Errorf("transaction: %d actions, not one", len(body.GetActions()))
	}
	action := body.GetActions()[0]
	if !bytes.Equal(action.GetHeader(), p.GetHeader().GetSignatureHeader()) {
		return nil, errors.New("transaction: its two signature headers differ")
	}
	var call peer.ChaincodeActionPayload
	if err := proto.Unmarshal(action.GetPayload(), &call); err != nil {
		return nil, fmt.Errorf("transaction: %w", err)
	}
	return &transaction{
		channelHeader: p.GetHeader().GetChannelHeader(), signatureHeader: p.GetHeader().GetSignatureHeader(),
		proposal: call.GetChaincodeProposalPayload(), response: call.GetAction().GetProposalResponsePayload(),
		endorsements: call.GetAction().GetEndorsements(),
	}, nil
}

// read reads the pieces.
func (t *transaction) read() error {
	for _, read := range []func() error{t.readHeaders, t.readProposal, t.readResponse} {
		if err := read(); err != nil {
			return fmt.Errorf("transaction %s: %w", t.id, err)
		}
	}
	return nil
}

func (t *transaction) readHeaders() error {
	var channel common.ChannelHeader
	var signature common.SignatureHeader
	var extension peer.ChaincodeHeaderExtension
	err := errors.Join(
		proto.Unmarshal(t.channelHeader, &channel),
		proto.Unmarshal(t.signatureHeader, &signature),
		proto.Unmarshal(channel.GetExtension(), &extension),
	)
	if err != nil {
		return fmt.Errorf("headers: %w", err)
	}
	t.channel, t.creator = channel.GetChannelId(), signature.GetCreator()
	t.chaincode = extension.GetChaincodeId().GetName()
	id := sha256.Sum256(append(bytes.Clone(signature.GetNonce()), signature.GetCreator()...))
	t.id = hex.EncodeToString(id[:])
	if channel.GetType() != int32(common.HeaderType_ENDORSER_TRANSACTION) || channel.GetTxId() != t.id {
		return errors.New("the headers are not those of a call with this creator and nonce")
	}
	return nil
}

func (t *transaction) readProposal() error {
	var proposal peer.ChaincodeProposalPayload
	var call peer.ChaincodeInvocationSpec
	if err := errors.Join(proto.Unmarshal(t.proposal, &proposal), proto.Unmarshal(proposal.GetInput(), &call)); err != nil {
		return fmt.Errorf("proposal: %w", err)
	}
	if name := call.GetChaincodeSpec().GetChaincodeId().GetName(); name != t.chaincode {
		return fmt.Errorf("the header is for chaincode %q, the proposal for %q", t.chaincode, name)
	}
	t.args = call.GetChaincodeSpec().GetInput().GetArgs()
	return nil
}

// readResponse checks that the text that peers signed is for the proposal.
func (t *transaction) readResponse() error {
	var response peer.ProposalResponsePayload
	var action peer.ChaincodeAction
	if err := errors.Join(proto.Unmarshal(t.response, &response), proto.Unmarshal(response.GetExtension(), &action)); err != nil {
		return fmt.Errorf("response: %w", err)
	}
	h := sha256.New()
	h.Write(t.channelHeader)
	h.Write(t.signatureHeader)
	h.Write(t.proposal)
	switch {
	case !bytes.Equal(response.GetProposalHash(), h.Sum(nil)):
		return errors.New("the response is for another proposal")
	case action.GetChaincodeId().GetName() != t.chaincode:
		return fmt.Errorf("the response is one of chaincode %q", action.GetChaincodeId().GetName())
	case action.GetResponse().GetStatus() != okStatus:
		return fmt.Errorf("the response has status %d", action.GetResponse().GetStatus())
	}
	t.answer = action.GetResponse().GetPayload()
	return nil
}

// okStatus is the status of a chaincode's successful response.
const okStatus = 200

// is reports whether the transaction calls this function.
func (t *transaction) is(function string, args int) bool {
	return len(t.args) == 1+args && string(t.args[0]) == function
}

// endorsers returns the organisations whose peers signed the response, each once;
// unknown are those that a has no roots of. Every signature that can be checked must
// hold.
func (t *transaction) endorsers(a *Authorities) (endorsed, unknown []string, err error) {
	for _, e := range t.endorsements {
		m, err := a.member(e.GetEndorser())
		if u, ok := errors.AsType[*unknownError](err); ok {
			unknown = append(unknown, u.msp)
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("endorser: %w", err)
		}
		if !m.is(rolePeer) {
			return nil, nil, fmt.Errorf("endorser of %s: %q is not a peer", m.msp, m.certificate.Subject.CommonName)
		}
		if err := m.verify(append(bytes.Clone(t.response), e.GetEndorser()...), e.GetSignature()); err != nil {
			return nil, nil, fmt.Errorf("endorsement by %s: %w", m.msp, err)
		}
		endorsed = append(endorsed, m.msp)
	}
	return distinct(endorsed), distinct(unknown), nil
}

// creatorOf returns the organisation whose member signed an envelope with this payload.
func (t *transaction) creatorOf(a *Authorities, payload, signature []byte) (string, error) {
	m, err := a.member(t.creator)
	if err != nil {
		return "", fmt.Errorf("creator: %w", err)
	}
	if err := m.verify(payload, signature); err != nil {
		return "", fmt.Errorf("creator of %s: %w", m.msp, err)
	}
	return m.msp, nil
}
