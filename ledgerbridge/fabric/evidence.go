package fabric

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// evidence is the network's part of a proof bundle, as docs/record-format.md describes
// it. Members are sorted and bytes are base64, so encoding/json writes the one canonical
// form. A hash or a signature covers each piece.
type evidence struct {
	Answer evidenceAnswer `json:"answer"`
	Block  evidenceBlock  `json:"block"`
}

// octets are bytes as base64 in JSON. An empty value is "", never null: one form only.
type octets []byte

// MarshalText encodes the bytes.
func (o octets) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, o), nil
}

// UnmarshalText accepts only what MarshalText writes.
func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = base64.StdEncoding.Strict().DecodeString(string(text))
	return err
}

// evidenceAnswer is GetAnchor, answered and signed by peers of several organisations.
type evidenceAnswer struct {
	ChannelHeader   octets                `json:"channel_header"`
	Endorsements    []evidenceEndorsement `json:"endorsements"`
	Proposal        octets                `json:"proposal"`
	Response        octets                `json:"response"`
	SignatureHeader octets                `json:"signature_header"`
}

type evidenceEndorsement struct {
	Endorser  octets `json:"endorser"`
	Signature octets `json:"signature"`
}

// evidenceBlock is the block of the anchor's transaction. Its data hash covers all
// envelopes, so all are there.
type evidenceBlock struct {
	Data         []octets         `json:"data"`
	DataHash     octets           `json:"data_hash"`
	Number       uint64           `json:"number"`
	PreviousHash octets           `json:"previous_hash"`
	Signatures   []blockSignature `json:"signatures"`
	Value        octets           `json:"value"` // signed together with the header
}

// maxEvidence bounds the envelopes of a block that goes into a bundle.
const maxEvidence = 32 << 20

// newEvidence makes the evidence from the payload of an endorsed GetAnchor and the
// block of the anchor.
func newEvidence(answer []byte, b *common.Block, consenters []*common.Consenter) (json.RawMessage, error) {
	t, err := splitTransaction(answer)
	if err != nil {
		return nil, fmt.Errorf("answer of peers: %w", err)
	}
	value, signatures, err := blockSignatures(b, consenters)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", b.GetHeader().GetNumber(), err)
	}
	e := evidence{
		Answer: evidenceAnswer{
			ChannelHeader: t.channelHeader, Proposal: t.proposal, Response: t.response, SignatureHeader: t.signatureHeader,
			Endorsements: []evidenceEndorsement{},
		},
		Block: evidenceBlock{
			DataHash: b.GetHeader().GetDataHash(), Number: b.GetHeader().GetNumber(),
			PreviousHash: b.GetHeader().GetPreviousHash(), Signatures: signatures, Value: value,
		},
	}
	size := 0
	for _, d := range b.GetData().GetData() {
		e.Block.Data = append(e.Block.Data, d)
		size += len(d)
	}
	if size > maxEvidence {
		return nil, fmt.Errorf("block %d has %d bytes, a proof holds at most %d", e.Block.Number, size, maxEvidence)
	}
	for _, one := range t.endorsements {
		e.Answer.Endorsements = append(e.Answer.Endorsements, evidenceEndorsement{one.GetEndorser(), one.GetSignature()})
	}
	return json.Marshal(e)
}

// parseEvidence accepts exactly what newEvidence writes.
func parseEvidence(data []byte) (*evidence, error) {
	e := new(evidence)
	if err := ledgerbridge.DecodeCanonical(data, e, func() ([]byte, error) { return json.Marshal(e) }); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	return e, nil
}

// transaction reads the answer as a transaction that was never submitted.
func (a *evidenceAnswer) transaction() (*transaction, error) {
	t := &transaction{
		channelHeader: a.ChannelHeader, signatureHeader: a.SignatureHeader, proposal: a.Proposal, response: a.Response,
	}
	for _, e := range a.Endorsements {
		t.endorsements = append(t.endorsements, &peer.Endorsement{Endorser: e.Endorser, Signature: e.Signature})
	}
	return t, t.read()
}

// uncut checks that value and headers end where they say: orderers sign value, header
// and the block's header as one text.
func (b *evidenceBlock) uncut() error {
	failed := whole(b.Value, new(common.OrdererBlockMetadata))
	for _, s := range b.Signatures {
		if len(s.Certificate) > 0 {
			failed = errors.Join(failed, whole(s.Header, new(common.IdentifierHeader)))
			continue
		}
		failed = errors.Join(failed, whole(s.Header, new(common.SignatureHeader)))
	}
	return failed
}

// whole checks that text is the one encoding of a message, without unknown fields.
func whole(text []byte, m proto.Message) error {
	if err := proto.Unmarshal(text, m); err != nil {
		return fmt.Errorf("signed metadata: %w", err)
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil || len(m.ProtoReflect().GetUnknown()) > 0 || !bytes.Equal(again, text) {
		return errors.New("signed metadata: not in canonical form, so they were changed")
	}
	return nil
}

func (b *evidenceBlock) header() *common.BlockHeader {
	return &common.BlockHeader{Number: b.Number, PreviousHash: b.PreviousHash, DataHash: b.DataHash}
}
