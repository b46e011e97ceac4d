package fabric

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

const testSource = "clinic/n1/changes.0"

// scene is a record of a clinic on a channel that it shares with a laboratory.
type scene struct {
	t                     testing.TB
	clinic, lab, ordering *organisation
	peers                 []*signing // one of each organisation
	client, orderer       *signing
	vkey                  string

	journal     *ledgerbridge.Journal
	grow        func() // by one record
	commitments []byte
	notes       map[int64]string // anchored checkpoints

	anchor, answer invocation
	block          *common.Block
	consenters     []*common.Consenter
}

// the record that is proven, and the anchor that covers it.
const (
	provenSeq           = 6
	oldSize, provenSize = 5, 9
)

func newScene(t testing.TB, logKey string) *scene {
	s := &scene{t: t, clinic: newOrganisation(t, "clinic"), lab: newOrganisation(t, "lab"), ordering: newOrganisation(t, "orderers"), notes: map[int64]string{}}
	s.client, s.orderer = s.clinic.member("User1", "client"), s.ordering.member("orderer1", "orderer")
	s.peers = []*signing{s.clinic.member("peer0.clinic", "peer"), s.lab.member("peer0.lab", "peer")}
	s.writeLog(logKey)
	state := s.state(oldSize, provenSize)
	s.anchor = invocation{
		channel: "aceso", chaincode: "aceso", creator: s.client, endorsers: s.peers,
		args: [][]byte{[]byte("Anchor"), []byte(`{"origin":"` + testSource + `"}`), s.commitments[oldSize*32 : provenSize*32]},
	}
	state.Transaction = s.anchor.id()
	s.anchor.answer = s.json(map[string]any{"anchor": state, "repeated": false})
	s.answer = invocation{
		channel: "aceso", chaincode: "aceso", creator: s.client, endorsers: s.peers, answer: s.json(state),
		args: [][]byte{[]byte("GetAnchor"), fmt.Appendf(nil, `{"origin":"%s","size":%d}`, testSource, provenSize)},
	}
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) json(v any) []byte {
	s.t.Helper()
	b, err := json.Marshal(v)
	s.must(err)
	return b
}

// writeLog makes the log and its journal.
func (s *scene) writeLog(logKey string) {
	ctx := context.Background()
	sealer, err := ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: "clinic", Node: "n1", Parts: new(logtest.Keys),
		Pseudonyms: ledgerbridge.Secret{ID: "p", Key: bytes.Repeat([]byte{1}, 32)},
		Requests:   []ledgerbridge.Secret{{ID: "r", Key: bytes.Repeat([]byte{2}, 32)}},
	})
	s.must(err)
	log := logtest.New(testSource)
	signer, err := ledgerbridge.NewSigner(testSource, logtest.Key(logKey))
	s.must(err)
	s.vkey, err = ledgerbridge.VerifierKey(testSource, logtest.Key(logKey).Public().(ed25519.PublicKey))
	s.must(err)
	keys, err := ledgerbridge.ParseKeys([]string{s.vkey})
	s.must(err)
	s.journal, err = ledgerbridge.OpenJournal(ctx, ledgerbridge.JournalConfig{Log: log, Ledger: new(logtest.Ledger), Signer: signer, Keys: keys})
	s.must(err)
	s.grow = func() {
		p, err := sealer.Prepare(ctx, ledgerbridge.Draft{Action: "R", Interaction: "read", Organization: "clinic", Type: "Patient", Decision: "permit", Outcome: 200})
		s.must(err)
		row, err := log.Append(p)
		s.must(err)
		s.commitments = append(s.commitments, row.Commitment[:]...)
		c, err := s.journal.Checkpoint(ctx)
		s.must(err)
		s.notes[c.Size] = string(c.Note)
	}
	for range 12 {
		s.grow()
	}
}

// state is what the contract keeps of an anchor.
func (s *scene) state(old, size int64) chaincode.Anchor {
	s.t.Helper()
	c, err := ledgerbridge.ParseCheckpoint([]byte(s.notes[size]))
	s.must(err)
	return chaincode.Anchor{Version: 1, Origin: testSource, OldSize: old, Size: size, Root: c.Root, Commitments: sha256.Sum256(s.commitments[old*32 : size*32]), Checkpoint: s.notes[size]}
}

// bundle is the proof bundle of the record.
func (s *scene) bundle() []byte {
	s.t.Helper()
	p, err := s.journal.ProveUnder(context.Background(), provenSeq, []byte(s.notes[provenSize]))
	s.must(err)
	if s.block == nil {
		other := invocation{channel: "aceso", chaincode: "other", creator: s.client, endorsers: s.peers, args: [][]byte{[]byte("f")}}
		envelopes := [][]byte{other.envelope(s.t), s.anchor.envelope(s.t)}
		s.block = newBlock(s.t, 41, bytes.Repeat([]byte{9}, 32), envelopes, s.orderer)
	}
	evidence, err := newEvidence(s.answer.payload(s.t), s.block, s.consenters)
	s.must(err)
	hash, err := blockHash(s.block.GetHeader())
	s.must(err)
	p.State = ledgerbridge.Anchored
	p.Anchor = &ledgerbridge.AnchorProof{
		Anchor:    ledgerbridge.Anchor{Size: provenSize, Channel: "aceso", Transaction: s.anchor.id(), Block: s.block.GetHeader().GetNumber()},
		Chaincode: "aceso", BlockHash: hash, Evidence: evidence,
	}
	b, err := ledgerbridge.FormatBundle(p, nil)
	s.must(err)
	return b
}

// trust is what a verifier has who knows this channel.
func (s *scene) trust() *Trust {
	s.t.Helper()
	t := &Trust{Channel: "aceso", Chaincode: "aceso"}
	s.must(t.Organizations.Add("clinic", s.clinic.roots))
	s.must(t.Organizations.Add("lab", s.lab.roots))
	s.must(t.Orderers.Add("orderers", s.ordering.roots))
	return t
}

func (s *scene) verify(bundle []byte, t *Trust) (ledgerbridge.Verdict, error) {
	r, err := ledgerbridge.VerifyRecord(bundle, []string{s.vkey}, t)
	return r.Verdict, err
}
