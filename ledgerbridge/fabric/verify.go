package fabric

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// Trust is whom a verifier trusts as members of a channel. It is a
// ledgerbridge.AnchorVerifier and needs neither network nor clock.
type Trust struct {
	Channel       string      // only this one; "" accepts any
	Chaincode     string      // only this one; "" accepts any
	Organizations Authorities // whose peers endorse and whose clients anchor
	Orderers      Authorities // without any, blocks cannot be checked
	Quorum        Quorum      // on each block
}

// Quorum is how many orderers must sign a block, and of how many organisations. 0 means
// 1; with SmartBFT it can be more. Organisations count because each of them can make as
// many orderers as it likes.
type Quorum struct{ Signatures, Organizations int }

var _ ledgerbridge.AnchorVerifier = (*Trust)(nil)

// contractVersion is the version of the contract's state that this program knows.
const contractVersion = 1

// VerifyAnchor implements ledgerbridge.AnchorVerifier: peers of two organisations or
// more, one of them not the source's, signed that the channel holds the checkpoint. The
// source's organisation made the transaction that they name; it carries the record's
// commitment at its place and stands in a block that orderers signed.
func (t *Trust) VerifyAnchor(a *ledgerbridge.AnchorProof, record ledgerbridge.Receipt, c ledgerbridge.Checkpoint) error {
	e, err := parseEvidence(a.Evidence)
	if err != nil {
		return err
	}
	v := &verification{trust: t, anchor: a, record: record, checkpoint: c, evidence: e}
	for _, check := range []func() error{v.answered, v.inBlock, v.anchoring, v.ordered} {
		if err := check(); err != nil {
			return err
		}
	}
	if len(v.missing) > 0 {
		return fmt.Errorf("%w: the record is proven, its anchor is not: %s", ledgerbridge.ErrIncomplete, strings.Join(v.missing, "; "))
	}
	return nil
}

// verification is one run of VerifyAnchor.
type verification struct {
	trust      *Trust
	anchor     *ledgerbridge.AnchorProof
	record     ledgerbridge.Receipt
	checkpoint ledgerbridge.Checkpoint
	evidence   *evidence

	answer  []byte // GetAnchor's
	state   chaincode.Anchor
	missing []string // what could not be checked
}

func (v *verification) lacks(format string, args ...any) {
	v.missing = append(v.missing, fmt.Sprintf(format, args...))
}

// organization returns the MSP of the source.
func (v *verification) organization() string {
	organization, _, _ := strings.Cut(v.record.Source, "/")
	return organization
}

// answered checks that the question was GetAnchor for this source and size on this
// channel, and that the answer, signed by peers, holds the checkpoint.
func (v *verification) answered() error {
	t, err := v.evidence.Answer.transaction()
	if err != nil {
		return fmt.Errorf("answer of peers: %w", err)
	}
	if err := v.onChannel(t); err != nil {
		return fmt.Errorf("answer of peers: %w", err)
	}
	question := fmt.Sprintf(`{"origin":%q,"size":%d}`, v.record.Source, v.checkpoint.Size)
	if !t.is("GetAnchor", 1) || string(t.args[1]) != question {
		return errors.New("answer of peers: it is one to another question")
	}
	if err := v.endorsed("answer of peers", t, true); err != nil {
		return fmt.Errorf("answer of peers: %w", err)
	}
	v.answer = t.answer
	if err := json.Unmarshal(t.answer, &v.state); err != nil || v.state.Version != contractVersion {
		return errors.New("answer of peers: it is not an anchor, or one of another version of the contract")
	}
	s := &v.state
	if s.Origin != v.record.Source || s.Size != v.checkpoint.Size || s.Transaction != v.anchor.Transaction ||
		s.Checkpoint != string(v.checkpoint.Note) || s.Root != v.checkpoint.Root {
		return errors.New("answer of peers: the channel holds another anchor than the bundle")
	}
	return nil
}

// onChannel compares a transaction's channel and chaincode with the stated and the
// trusted ones.
func (v *verification) onChannel(t *transaction) error {
	for _, pair := range [][3]string{
		{"channel", t.channel, v.anchor.Channel}, {"chaincode", t.chaincode, v.anchor.Chaincode},
	} {
		if pair[1] != pair[2] {
			return fmt.Errorf("it is of %s %q, the bundle says %q", pair[0], pair[1], pair[2])
		}
	}
	if c := v.trust.Channel; c != "" && c != t.channel {
		return fmt.Errorf("it is of channel %q, not of %q", t.channel, c)
	}
	if c := v.trust.Chaincode; c != "" && c != t.chaincode {
		return fmt.Errorf("it is of chaincode %q, not of %q", t.chaincode, c)
	}
	return nil
}

// endorsed checks that peers of two organisations signed, one of them not the source's.
// In the answer (all) every signer must be known, since nothing else covers a signature.
func (v *verification) endorsed(what string, t *transaction, all bool) error {
	endorsed, unknown, err := t.endorsers(&v.trust.Organizations)
	if err != nil {
		return err
	}
	if len(unknown) > 0 && (all || len(endorsed) < 2) {
		v.lacks("%s: no roots were given for %s", what, strings.Join(unknown, " and "))
		return nil
	}
	if len(endorsed) < 2 {
		v.lacks("%s: only %s endorsed it, and one organisation's word is worth what it says; a network of one is for development", what, strings.Join(endorsed, ""))
	}
	return nil
}

// inBlock checks that the data give the header, and the header the hash.
func (v *verification) inBlock() error {
	b := &v.evidence.Block
	hash, err := blockHash(b.header())
	switch {
	case err != nil:
		return err
	case b.Number != v.anchor.Block:
		return fmt.Errorf("block: it has number %d, the bundle says %d", b.Number, v.anchor.Block)
	case hash != v.anchor.BlockHash:
		return fmt.Errorf("block %d: its header does not have the hash that the bundle states", b.Number)
	case len(b.PreviousHash) != sha256.Size:
		return fmt.Errorf("block %d: it does not continue a block", b.Number)
	case !bytes.Equal(dataHash(b.Data), b.DataHash):
		return fmt.Errorf("block %d: its data are not those of its header", b.Number)
	case slices.ContainsFunc(b.Data, func(raw octets) bool { return !oneEnvelope(raw) }):
		return fmt.Errorf("block %d: its data are not split into envelopes as orderers do", b.Number)
	}
	return nil
}

// oneEnvelope checks that an envelope begins and ends where it says: the data hash covers
// all envelopes as one text. Orderers encode them, and take none without a signature.
func oneEnvelope(raw []byte) bool {
	e := new(common.Envelope)
	if proto.Unmarshal(raw, e) != nil || len(e.GetPayload()) == 0 || len(e.GetSignature()) == 0 {
		return false
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(e)
	return err == nil && bytes.Equal(again, raw)
}

// anchoring checks that the block holds the transaction that the peers named, made by the
// source's organisation and carrying the record. It passes over others with the same id,
// which anyone can put into a block and peers find invalid.
func (v *verification) anchoring() error {
	failed := fmt.Errorf("block %d: transaction %s is not in it", v.evidence.Block.Number, v.anchor.Transaction)
	missing := v.missing
	for _, raw := range v.evidence.Block.Data {
		e := new(common.Envelope)
		if err := proto.Unmarshal(raw, e); err != nil {
			return err // cannot happen: each is an envelope
		}
		if _, h, err := headers(e.GetPayload()); err != nil || h.GetTxId() != v.anchor.Transaction {
			continue
		}
		err := v.anchoredBy(e)
		if err == nil {
			return nil
		}
		v.missing, failed = missing, fmt.Errorf("anchor transaction: %w", err)
	}
	return failed
}

// anchoredBy checks the transaction in one envelope.
func (v *verification) anchoredBy(e *common.Envelope) error {
	t, err := readTransaction(e.GetPayload())
	if err != nil {
		return err
	}
	if err := v.onChannel(t); err != nil {
		return err
	}
	if err := v.made(t, e); err != nil {
		return err
	}
	if err := v.endorsed("anchor transaction", t, false); err != nil {
		return err
	}
	return v.carries(t)
}

// made checks that a member of the source's organisation made the transaction.
func (v *verification) made(t *transaction, e *common.Envelope) error {
	msp, err := t.creatorOf(&v.trust.Organizations, e.GetPayload(), e.GetSignature())
	var unknown *unknownError
	switch {
	case errors.As(err, &unknown) && unknown.msp == v.organization():
		v.lacks("anchor transaction: %v", err)
		return nil
	case errors.As(err, &unknown):
		msp = unknown.msp
	case err != nil:
		return err
	}
	if msp != v.organization() {
		return fmt.Errorf("it was made by %s, the record is one of %s", msp, v.organization())
	}
	return nil
}

// carries checks that the call led to this very anchor, and that it sent the record's
// commitment at the right position.
func (v *verification) carries(t *transaction) error {
	if !t.is("Anchor", 2) || string(t.answer) != `{"anchor":`+string(v.answer)+`,"repeated":false}` {
		return errors.New("it did not lead to this anchor")
	}
	commitments := t.args[2]
	if sha256.Sum256(commitments) != v.state.Commitments {
		return errors.New("the commitments are not those of the anchor")
	}
	at := (v.record.Seq - v.state.OldSize) * sha256.Size
	if v.state.OldSize < 0 || v.record.Seq < v.state.OldSize || v.record.Seq >= v.state.Size || int64(len(commitments)) != (v.state.Size-v.state.OldSize)*sha256.Size {
		return fmt.Errorf("it does not carry row %d", v.record.Seq)
	}
	if !bytes.Equal(commitments[at:at+sha256.Size], v.record.Commitment[:]) {
		return fmt.Errorf("it carries another commitment for row %d", v.record.Seq)
	}
	return nil
}

// ordered checks that orderers signed the block's header.
func (v *verification) ordered() error {
	b := &v.evidence.Block
	if !v.trust.Orderers.Any() {
		v.lacks("block %d: no roots of orderers were given", b.Number)
		return nil
	}
	header, err := headerBytes(b.header())
	if err != nil {
		return err
	}
	if err := b.uncut(); err != nil {
		return fmt.Errorf("block %d: %w", b.Number, err)
	}
	got, unknown, err := signers(&v.trust.Orderers, header, b.Value, b.Signatures)
	if err != nil {
		return fmt.Errorf("block %d: %w", b.Number, err)
	}
	needed := v.trust.Quorum
	switch {
	case len(unknown) > 0:
		v.lacks("block %d: no roots were given for orderers of %s", b.Number, strings.Join(unknown, " and "))
	case got.Signatures < max(1, needed.Signatures):
		v.lacks("block %d: %d orderers signed it, %d are needed", b.Number, got.Signatures, max(1, needed.Signatures))
	case got.Organizations < needed.Organizations:
		v.lacks("block %d: orderers of %d organisations signed it, of %d organisations are needed", b.Number, got.Organizations, needed.Organizations)
	}
	return nil
}
