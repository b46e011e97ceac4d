package fabric

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// A channel that is made up: organisations with authorities of their own, whose
// members sign what the test wants. Real ones are in the tests with a network.

// organisation has an authority and members.
type organisation struct {
	t     testing.TB
	msp   string
	roots string // PEM
	ca    *x509.Certificate
	key   *ecdsa.PrivateKey
}

// signing is a member that signs.
type signing struct {
	certificate *x509.Certificate
	serialized  []byte
	key         *ecdsa.PrivateKey
}

// long ago: certificates of these tests have expired, and are good for proofs.
var longAgo = time.Date(2020, 5, 4, 12, 0, 0, 0, time.UTC)

func newOrganisation(t testing.TB, mspID string) *organisation {
	t.Helper()
	o := &organisation{t: t, msp: mspID}
	template := certificate("ca."+mspID, "")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	o.key = newKey(t)
	o.ca = issue(t, template, template, &o.key.PublicKey, o.key)
	o.roots = string(encodePEM(o.ca))
	return o
}

func certificate(name, role string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: longAgo, NotAfter: longAgo.AddDate(1, 0, 0),
	}
	if role != "" {
		c.Subject.OrganizationalUnit = []string{role}
	}
	return c
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func issue(t testing.TB, template, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func encodePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// member issues an identity with a role, or several.
func (o *organisation) member(name string, roles ...string) *signing {
	o.t.Helper()
	s := &signing{key: newKey(o.t)}
	template := certificate(name, "")
	template.Subject.OrganizationalUnit = roles
	s.certificate = issue(o.t, template, o.ca, &s.key.PublicKey, o.key)
	s.serialized = serialized(o.t, o.msp, s.certificate)
	return s
}

func encode(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sign signs as Fabric does, with the lower S.
func (s *signing) sign(message []byte) []byte {
	digest := sha256.Sum256(message)
	r, v, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		panic(err)
	}
	if n := s.key.Params().N; v.Cmp(new(big.Int).Rsh(n, 1)) > 0 {
		v.Sub(n, v)
	}
	signature, err := asn1.Marshal(struct{ R, S *big.Int }{r, v})
	if err != nil {
		panic(err)
	}
	return signature
}

// invocation is a call of a chaincode and its answer, as a test wants them.
type invocation struct {
	channel, chaincode string
	creator            *signing
	args               [][]byte
	answer             []byte
	endorsers          []*signing

	nonce []byte
	edit  func(*invocationParts) // before anybody signs
}

type invocationParts struct {
	channel  *common.ChannelHeader
	call     *peer.ChaincodeInvocationSpec
	action   *peer.ChaincodeAction
	response *peer.ProposalResponsePayload
}

// id is the transaction's.
func (i *invocation) id() string {
	if i.nonce == nil {
		i.nonce = make([]byte, 24)
		rand.Read(i.nonce)
	}
	id := sha256.Sum256(append(append([]byte(nil), i.nonce...), i.creator.serialized...))
	return hex.EncodeToString(id[:])
}

// payload is that of the transaction's envelope.
func (i *invocation) payload(t testing.TB) []byte {
	t.Helper()
	name := &peer.ChaincodeID{Name: i.chaincode}
	parts := &invocationParts{
		channel: &common.ChannelHeader{
			Type: int32(common.HeaderType_ENDORSER_TRANSACTION), ChannelId: i.channel, TxId: i.id(),
			Extension: encode(t, &peer.ChaincodeHeaderExtension{ChaincodeId: name}),
		},
		call: &peer.ChaincodeInvocationSpec{ChaincodeSpec: &peer.ChaincodeSpec{ChaincodeId: name, Input: &peer.ChaincodeInput{Args: i.args}}},
		action: &peer.ChaincodeAction{
			ChaincodeId: &peer.ChaincodeID{Name: i.chaincode, Version: "1"}, Response: &peer.Response{Status: 200, Payload: i.answer},
		},
		response: &peer.ProposalResponsePayload{},
	}
	if i.edit == nil {
		i.edit = func(*invocationParts) {}
	}
	i.edit(parts)
	channel := encode(t, parts.channel)
	signature := encode(t, &common.SignatureHeader{Creator: i.creator.serialized, Nonce: i.nonce})
	proposal := encode(t, &peer.ChaincodeProposalPayload{Input: encode(t, parts.call)})
	hash := sha256.Sum256(append(append(append([]byte(nil), channel...), signature...), proposal...))
	if parts.response.ProposalHash == nil {
		parts.response.ProposalHash = hash[:]
	}
	parts.response.Extension = encode(t, parts.action)
	response := encode(t, parts.response)
	action := &peer.ChaincodeEndorsedAction{ProposalResponsePayload: response}
	for _, e := range i.endorsers {
		action.Endorsements = append(action.Endorsements, &peer.Endorsement{
			Endorser: e.serialized, Signature: e.sign(append(append([]byte(nil), response...), e.serialized...)),
		})
	}
	call := encode(t, &peer.ChaincodeActionPayload{ChaincodeProposalPayload: proposal, Action: action})
	return encode(t, &common.Payload{
		Header: &common.Header{ChannelHeader: channel, SignatureHeader: signature},
		Data:   encode(t, &peer.Transaction{Actions: []*peer.TransactionAction{{Header: signature, Payload: call}}}),
	})
}

// envelope is the transaction as its creator submits it.
func (i *invocation) envelope(t testing.TB) []byte {
	t.Helper()
	payload := i.payload(t)
	return encode(t, &common.Envelope{Payload: payload, Signature: i.creator.sign(payload)})
}

// newBlock makes a block that orderers have signed as with Raft.
func newBlock(t testing.TB, number uint64, previous []byte, envelopes [][]byte, by ...*signing) *common.Block {
	t.Helper()
	b := &common.Block{
		Header:   &common.BlockHeader{Number: number, PreviousHash: previous, DataHash: dataHash(envelopes)},
		Data:     &common.BlockData{Data: envelopes},
		Metadata: &common.BlockMetadata{Metadata: [][]byte{nil, nil, make([]byte, len(envelopes)), nil, nil}},
	}
	m := &common.Metadata{Value: encode(t, &common.OrdererBlockMetadata{LastConfig: &common.LastConfig{Index: 0}})}
	for _, o := range by {
		header := encode(t, &common.SignatureHeader{Creator: o.serialized, Nonce: []byte("nonce")})
		m.Signatures = append(m.Signatures, &common.MetadataSignature{SignatureHeader: header, Signature: o.sign(signedBytes(t, m.Value, header, b.Header))})
	}
	b.Metadata.Metadata[common.BlockMetadataIndex_SIGNATURES] = encode(t, m)
	return b
}

// signSmartBFT replaces the signatures by those of numbered consenters.
func signSmartBFT(t testing.TB, b *common.Block, by map[uint32]*signing) {
	t.Helper()
	m := &common.Metadata{Value: encode(t, &common.OrdererBlockMetadata{LastConfig: &common.LastConfig{Index: 0}})}
	for id, o := range by {
		header := encode(t, &common.IdentifierHeader{Identifier: id, Nonce: []byte("nonce")})
		m.Signatures = append(m.Signatures, &common.MetadataSignature{IdentifierHeader: header, Signature: o.sign(signedBytes(t, m.Value, header, b.Header))})
	}
	b.Metadata.Metadata[common.BlockMetadataIndex_SIGNATURES] = encode(t, m)
}

func signedBytes(t testing.TB, value, header []byte, h *common.BlockHeader) []byte {
	t.Helper()
	der, err := headerBytes(h)
	if err != nil {
		t.Fatal(err)
	}
	return append(append(append([]byte(nil), value...), header...), der...)
}

// configuration is a channel's configuration block; consenters make it a SmartBFT one.
func configuration(t testing.TB, number uint64, previous []byte, consenters []*common.Consenter, by ...*signing) *common.Block {
	t.Helper()
	kind := "etcdraft"
	if consenters != nil {
		kind = smartBFT
	}
	config := &common.ConfigEnvelope{Config: &common.Config{ChannelGroup: &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{
		"Orderer": {Values: map[string]*common.ConfigValue{
			"ConsensusType": {Value: encode(t, &orderer.ConsensusType{Type: kind})},
			"Orderers":      {Value: encode(t, &common.Orderers{ConsenterMapping: consenters})},
		}},
	}}}}
	payload := encode(t, &common.Payload{
		Header: &common.Header{ChannelHeader: encode(t, &common.ChannelHeader{Type: int32(common.HeaderType_CONFIG), ChannelId: "aceso"})},
		Data:   encode(t, config),
	})
	return newBlock(t, number, previous, [][]byte{encode(t, &common.Envelope{Payload: payload})}, by...)
}

func serialized(t testing.TB, mspID string, c *x509.Certificate) []byte {
	t.Helper()
	return encode(t, &msp.SerializedIdentity{Mspid: mspID, IdBytes: encodePEM(c)})
}

// twin makes of an ECDSA signature the other one that fits wherever it does.
func twin(signature *octets) {
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(*signature, &pair); err != nil {
		panic(err)
	}
	pair.S.Sub(elliptic.P256().Params().N, pair.S)
	b, err := asn1.Marshal(pair)
	if err != nil {
		panic(err)
	}
	*signature = b
}

// twinCertificate is a certificate with the other signature of its authority that fits.
func twinCertificate(t testing.TB, c *x509.Certificate) []byte {
	t.Helper()
	var parts struct {
		Signed, Algorithm asn1.RawValue
		Signature         asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.Raw, &parts); err != nil {
		t.Fatal(err)
	}
	signature := octets(parts.Signature.Bytes)
	twin(&signature)
	parts.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	der, err := asn1.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
