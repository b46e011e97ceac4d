package fabric

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"google.golang.org/protobuf/proto"
)

// headerBytes encodes a block's header as it is hashed and signed: ASN.1 DER of number,
// hash of the previous header, and hash of the data.
func headerBytes(h *common.BlockHeader) ([]byte, error) {
	b, err := asn1.Marshal(struct {
		Number       *big.Int
		PreviousHash []byte
		DataHash     []byte
	}{new(big.Int).SetUint64(h.GetNumber()), h.GetPreviousHash(), h.GetDataHash()})
	if err != nil {
		return nil, fmt.Errorf("header of block %d: %w", h.GetNumber(), err)
	}
	return b, nil
}

// blockHash returns the hash that the next block's header holds.
func blockHash(h *common.BlockHeader) ([32]byte, error) {
	b, err := headerBytes(h)
	return sha256.Sum256(b), err
}

// dataHash is the hash of all envelopes of a block, one after the other.
func dataHash[T ~[]byte](envelopes []T) []byte {
	h := sha256.New()
	for _, e := range envelopes {
		h.Write(e)
	}
	return h.Sum(nil)
}

// blockSignature is an orderer's signature of a block's header.
type blockSignature struct {
	Certificate octets `json:"certificate"` // DER, from the channel's configuration, if Header only has the consenter's number
	Header      octets `json:"header"`      // signature header, or identifier header of SmartBFT
	MSP         string `json:"msp"`         // with Certificate
	Signature   octets `json:"signature"`
}

// blockSignatures reads the signatures of a block and the value that they cover together
// with the header. SmartBFT names signers only by number: then consenters come from the
// channel's configuration, and only they sign.
func blockSignatures(b *common.Block, consenters []*common.Consenter) (value []byte, signatures []blockSignature, err error) {
	var m common.Metadata
	if err := proto.Unmarshal(metadata(b, common.BlockMetadataIndex_SIGNATURES), &m); err != nil {
		return nil, nil, fmt.Errorf("signatures: %w", err)
	}
	for _, s := range m.GetSignatures() {
		if len(consenters) == 0 && len(s.GetIdentifierHeader()) == 0 {
			signatures = append(signatures, blockSignature{Header: s.GetSignatureHeader(), Signature: s.GetSignature()})
			continue
		}
		signed, err := bySmartBFT(s, consenters)
		if err != nil {
			return nil, nil, err
		}
		signatures = append(signatures, signed)
	}
	return m.GetValue(), signatures, nil
}

func bySmartBFT(s *common.MetadataSignature, consenters []*common.Consenter) (blockSignature, error) {
	var h common.IdentifierHeader
	if err := proto.Unmarshal(s.GetIdentifierHeader(), &h); err != nil {
		return blockSignature{}, fmt.Errorf("signatures: %w", err)
	}
	i := slices.IndexFunc(consenters, func(c *common.Consenter) bool { return c.GetId() == h.GetIdentifier() })
	if i < 0 {
		return blockSignature{}, fmt.Errorf("signatures: the channel has no consenter %d", h.GetIdentifier())
	}
	certificate, _ := pem.Decode(consenters[i].GetIdentity())
	if certificate == nil {
		return blockSignature{}, fmt.Errorf("signatures: consenter %d has no certificate", h.GetIdentifier())
	}
	return blockSignature{
		Certificate: certificate.Bytes, Header: s.GetIdentifierHeader(),
		MSP: consenters[i].GetMspId(), Signature: s.GetSignature(),
	}, nil
}

func metadata(b *common.Block, i common.BlockMetadataIndex) []byte {
	list := b.GetMetadata().GetMetadata()
	if int(i) >= len(list) {
		return nil
	}
	return list[i]
}

// signer returns who made a signature over header and value.
func (s *blockSignature) signer(orderers *Authorities, header, value []byte) (*signatory, error) {
	m, err := s.identity(orderers)
	if err != nil {
		return nil, fmt.Errorf("orderer: %w", err)
	}
	if !m.is(roleOrderer) {
		return nil, fmt.Errorf("orderer of %s: %q is not an orderer", m.msp, m.certificate.Subject.CommonName)
	}
	if err := m.verify(slices.Concat(value, s.Header, header), s.Signature); err != nil {
		return nil, fmt.Errorf("orderer of %s: %w", m.msp, err)
	}
	return m, nil
}

func (s *blockSignature) identity(orderers *Authorities) (*signatory, error) {
	if len(s.Certificate) > 0 {
		return orderers.certified(s.MSP, s.Certificate)
	}
	var h common.SignatureHeader
	if err := proto.Unmarshal(s.Header, &h); err != nil {
		return nil, err
	}
	if s.MSP != "" {
		return nil, fmt.Errorf("%q is stated without a certificate", s.MSP)
	}
	return orderers.member(h.GetCreator())
}

// signers counts the orderers that signed; unknown are the organisations of others.
// Every signature that can be checked must hold. An orderer is its key, however many
// certificates it has: one authority issues several, and each certificate has a twin,
// with the other value of S in the authority's signature.
func signers(orderers *Authorities, header, value []byte, signatures []blockSignature) (got Quorum, unknown []string, err error) {
	var signed [][]byte // keys
	var organizations []string
	for i := range signatures {
		m, err := signatures[i].signer(orderers, header, value)
		var u *unknownError
		switch {
		case errors.As(err, &u):
			unknown = append(unknown, u.msp)
		case err != nil:
			return got, nil, err
		case !slices.ContainsFunc(signed, func(key []byte) bool { return bytes.Equal(key, m.certificate.RawSubjectPublicKeyInfo) }):
			signed = append(signed, m.certificate.RawSubjectPublicKeyInfo)
			organizations = append(organizations, m.msp)
		}
	}
	return Quorum{len(signed), len(distinct(organizations))}, distinct(unknown), nil
}

// lastConfiguration is the number of the configuration block that was in force for a
// block; needed says that the block's signers are named by number only.
func lastConfiguration(b *common.Block) (index uint64, needed bool, err error) {
	var m common.Metadata
	var o common.OrdererBlockMetadata
	err = proto.Unmarshal(metadata(b, common.BlockMetadataIndex_SIGNATURES), &m)
	if err == nil {
		err = proto.Unmarshal(m.GetValue(), &o)
	}
	if err != nil {
		return 0, false, fmt.Errorf("block %d: signatures: %w", b.GetHeader().GetNumber(), err)
	}
	needed = slices.ContainsFunc(m.GetSignatures(), func(s *common.MetadataSignature) bool { return len(s.GetIdentifierHeader()) > 0 })
	return o.GetLastConfig().GetIndex(), needed, nil
}

// ordering is what a configuration block says about the channel's orderers.
type ordering struct {
	consenters []*common.Consenter // with SmartBFT only
}

// quorum is one orderer that saw a block through Raft, or with SmartBFT as many as are
// correct in any case.
func (o *ordering) quorum() Quorum {
	n := len(o.consenters)
	if n == 0 {
		return Quorum{1, 1}
	}
	faulty := (n - 1) / 3
	signatures := (n + faulty + 2) / 2
	return Quorum{signatures, o.organizations(signatures)}
}

// organizations is of how many organisations so many orderers are at least.
func (o *ordering) organizations(signatures int) (least int) {
	count := map[string]int{}
	for _, c := range o.consenters {
		count[c.GetMspId()]++
	}
	largest := slices.Sorted(maps.Values(count))
	for ; signatures > 0; signatures -= largest[len(largest)-least] {
		least++
	}
	return least
}

// smartBFT is how a configuration calls it.
const smartBFT = "BFT"

// orderingOf reads a configuration block; it is nil for every other block.
func orderingOf(b *common.Block) (*ordering, error) {
	if len(b.GetData().GetData()) != 1 {
		return nil, nil
	}
	var e common.Envelope
	if err := proto.Unmarshal(b.GetData().GetData()[0], &e); err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	p, h, err := headers(e.GetPayload())
	if err != nil || h.GetType() != int32(common.HeaderType_CONFIG) {
		return nil, err
	}
	var config common.ConfigEnvelope
	if err := proto.Unmarshal(p.GetData(), &config); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	values := config.GetConfig().GetChannelGroup().GetGroups()["Orderer"].GetValues()
	var kind orderer.ConsensusType
	var o common.Orderers
	if err := errors.Join(proto.Unmarshal(values["ConsensusType"].GetValue(), &kind), proto.Unmarshal(values["Orderers"].GetValue(), &o)); err != nil {
		return nil, fmt.Errorf("configuration: orderers: %w", err)
	}
	if kind.GetType() != smartBFT {
		return &ordering{}, nil
	}
	return &ordering{consenters: o.GetConsenterMapping()}, nil
}

// distinct is a list without repetitions, sorted.
func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
