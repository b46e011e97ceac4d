package fabric

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// madeUp is a channel of the scene's organisations: its configuration, the source's
// registration, and three anchors.
type madeUp struct {
	*scene
	blocks     []*common.Block
	consenters map[uint32]*signing // with SmartBFT
	head       chaincode.Head
	anchors    map[int64]chaincode.Anchor // by size
}

func newMadeUp(t testing.TB) *madeUp {
	m := &madeUp{scene: newScene(t, "log"), anchors: map[int64]chaincode.Anchor{}}
	m.blocks = append(m.blocks, configuration(t, 0, nil, nil))
	source := chaincode.Source{Version: 1, Origin: testSource, State: "open", Keys: []chaincode.Key{{Verifier: m.vkey}}}
	m.head.Source = source
	m.add(m.call("RegisterSource", m.json(source), []byte("{}")))
	for _, step := range [][2]int64{{0, 5}, {5, 9}, {9, 12}} {
		m.add(m.anchoring(step[0], step[1]))
	}
	return m
}

// call is an invocation as the scene's client makes it.
func (m *madeUp) call(function string, answer []byte, args ...[]byte) *invocation {
	return &invocation{
		channel: "aceso", chaincode: "aceso", creator: m.client, endorsers: m.peers,
		args: append([][]byte{[]byte(function)}, args...), answer: answer,
	}
}

func (m *madeUp) anchoring(old, size int64) *invocation {
	i := m.call("Anchor", nil, []byte("{}"), m.commitments[old*32:size*32])
	a := m.state(old, size)
	a.Transaction = i.id()
	i.answer, m.anchors[size] = m.json(chaincode.Anchored{Anchor: a}), a
	m.head.Size, m.head.Root, m.head.Checkpoint, m.head.Transaction = a.Size, a.Root, a.Checkpoint, a.Transaction
	return i
}

// add makes the next block.
func (m *madeUp) add(calls ...*invocation) {
	var envelopes [][]byte
	for _, i := range calls {
		envelopes = append(envelopes, i.envelope(m.t))
	}
	m.append(envelopes)
}

func (m *madeUp) append(envelopes [][]byte) {
	last, err := blockHash(m.blocks[len(m.blocks)-1].GetHeader())
	m.must(err)
	b := newBlock(m.t, uint64(len(m.blocks)), last[:], envelopes, m.orderer)
	if m.consenters != nil {
		signSmartBFT(m.t, b, m.consenters)
	}
	m.blocks = append(m.blocks, b)
}

// again makes block n and those after it again, with other data in block n.
func (m *madeUp) again(n int, envelopes [][]byte) {
	rest := m.blocks[n:]
	m.blocks = m.blocks[:n]
	m.append(envelopes)
	for _, b := range rest[1:] {
		m.append(b.GetData().GetData())
	}
}

// peerOf is a peer that serves these blocks.
func (m *madeUp) peerOf(i *inspection, name string) *inspectedChain {
	c := &inspectedChain{name: name}
	c.chain = &chain{
		trust: i.trust, logs: &replay{trust: i.trust, held: i.held, logs: map[string]*replayed{}},
		report: func(block uint64, source, what string) {
			i.found(c, Finding{Block: int64(block), Source: source, What: what})
		},
		unsure: func(block uint64, what string) {
			i.found(c, Finding{Block: int64(block), What: what, Unchecked: true})
		},
	}
	for _, b := range m.blocks {
		m.must(c.block(b))
	}
	c.logs.mark()
	c.whole = true
	i.chains = append(i.chains, c)
	return c
}

// inspect looks at one peer.
func (m *madeUp) inspect(held Held) (*inspectedChain, *[]Finding) {
	found := new([]Finding)
	i := &inspection{trust: m.trust(), held: held, report: func(f Finding) { *found = append(*found, f) }}
	return m.peerOf(i, "peer"), found
}

func TestChainIsWhole(t *testing.T) {
	m := newMadeUp(t)
	held := Held{}
	m.must(held.Add([]byte(m.notes[7])))
	m.must(held.Add([]byte(m.notes[12])))
	c, found := m.inspect(held)
	if len(*found) > 0 {
		t.Fatal(*found)
	}
	l := c.logs.logs[testSource]
	if l.size != 12 || l.count != 3 || l.held != 2 {
		t.Errorf("%+v", l)
	}
	if err := c.logs.agree(m.head); err != nil {
		t.Error(err)
	}
}

// Whatever is edited in the blocks of a peer is found, and the block is named.
func TestEditedBlocks(t *testing.T) {
	for name, edit := range map[string]func(*common.Block){
		"number":             func(b *common.Block) { b.Header.Number = 7 },
		"hash before":        func(b *common.Block) { b.Header.PreviousHash[3] ^= 1 },
		"hash of the data":   func(b *common.Block) { b.Header.DataHash[3] ^= 1 },
		"no envelope":        func(b *common.Block) { b.Data.Data = nil },
		"an envelope more":   func(b *common.Block) { b.Data.Data = append(b.Data.Data, []byte("x")) },
		"no metadata":        func(b *common.Block) { b.Metadata = nil },
		"no signature":       func(b *common.Block) { b.Metadata.Metadata[0] = nil },
		"a signature's byte": func(b *common.Block) { s := b.Metadata.Metadata[0]; s[len(s)-1] ^= 1 },
		"no flags":           func(b *common.Block) { b.Metadata.Metadata[2] = nil },
	} {
		m := newMadeUp(t)
		edit(m.blocks[3])
		_, found := m.inspect(nil)
		if !slices.ContainsFunc(*found, func(f Finding) bool { return f.Block == 3 && f.Peer == "peer" && !f.Unchecked }) {
			t.Errorf("%s: %v", name, *found)
		}
	}
	m := newMadeUp(t)
	m.blocks[3] = newBlock(t, 3, bytes.Repeat([]byte{1}, 32), m.blocks[3].GetData().GetData(), m.orderer)
	if _, found := m.inspect(nil); len(*found) != 2 || (*found)[0].Block != 3 || !strings.Contains((*found)[0].What, "continue") {
		t.Errorf("a signed block of another chain: %v", *found)
	}
	m = newMadeUp(t)
	size := len(m.blocks[3].Data.Data[0])
	for at := 0; at < size; at += max(1, size/200) {
		m.blocks[3].Data.Data[0][at] ^= 1
		if _, found := m.inspect(nil); len(*found) != 1 || (*found)[0].Block != 3 {
			t.Errorf("byte %d of an envelope: %v", at, *found)
		}
		m.blocks[3].Data.Data[0][at] ^= 1
	}
}

// What no hash covers differs between peers; the one that is alone is named.
func TestPeersDiffer(t *testing.T) {
	for name, edit := range map[string]func(*madeUp){
		"flags":           func(m *madeUp) { m.blocks[4].Metadata.Metadata[2][0] = byte(peer.TxValidationCode_MVCC_READ_CONFLICT) },
		"commit hash":     func(m *madeUp) { m.blocks[4].Metadata.Metadata[4] = []byte("x") },
		"another history": func(m *madeUp) { m.again(4, [][]byte{m.anchoring(9, 11).envelope(m.t)}) },
	} {
		m := newMadeUp(t)
		var found []Finding
		i := &inspection{trust: m.trust(), report: func(f Finding) { found = append(found, f) }}
		m.peerOf(i, "one")
		m.peerOf(i, "three")
		edit(m)
		m.peerOf(i, "two")
		seen := i.compare()
		if len(found) != 1 || found[0].Peer != "two" || found[0].Block != 4 {
			t.Errorf("%s: %v", name, found)
		}
		if len(seen.Sources) != 1 || seen.Sources[0].Size != 12 {
			t.Errorf("%s: the sources are not those of the others: %+v", name, seen.Sources)
		}
	}
	m := newMadeUp(t)
	var found []Finding
	i := &inspection{trust: m.trust(), report: func(f Finding) { found = append(found, f) }}
	m.peerOf(i, "one")
	m.again(4, [][]byte{m.anchoring(9, 11).envelope(m.t)})
	m.peerOf(i, "two")
	i.compare()
	if len(found) != 2 || found[0].Peer == found[1].Peer {
		t.Errorf("one against one: %v", found)
	}
}

// With SmartBFT a block needs a quorum of the orderers that the configuration names.
func TestSmartBFTChain(t *testing.T) {
	m := newMadeUp(t)
	by := map[uint32]*signing{}
	var named []*common.Consenter
	for id := uint32(1); id <= 4; id++ {
		by[id] = m.ordering.member(fmt.Sprintf("orderer%d", id), "orderer")
		named = append(named, &common.Consenter{Id: id, MspId: "orderers", Identity: encodePEM(by[id].certificate)})
	}
	data := m.blocks[1].GetData().GetData()
	m.blocks = []*common.Block{configuration(t, 0, nil, named)}
	m.consenters = map[uint32]*signing{1: by[1], 2: by[2], 4: by[4]}
	m.append(data)
	if _, found := m.inspect(nil); len(*found) > 0 {
		t.Fatal(*found)
	}
	m.consenters = map[uint32]*signing{1: by[1], 2: by[2]}
	m.append(data)
	if _, found := m.inspect(nil); len(*found) == 0 || (*found)[0].Block != 2 || !strings.Contains((*found)[0].What, "3 are needed") {
		t.Error(*found)
	}
	m.blocks = m.blocks[:2]
	m.consenters = map[uint32]*signing{1: by[1], 2: by[2], 3: by[1]}
	m.append(data)
	if _, found := m.inspect(nil); len(*found) == 0 || (*found)[0].Block != 2 {
		t.Error(*found)
	}
}

// FuzzChain: whatever a peer sends, it is answered with findings.
func FuzzChain(f *testing.F) {
	m := newMadeUp(f)
	for _, b := range m.blocks {
		f.Add(encode(f, b))
	}
	trust := m.trust()
	f.Fuzz(func(t *testing.T, raw []byte) {
		i := &inspection{trust: trust, report: func(Finding) {}}
		b := new(common.Block)
		if proto.Unmarshal(raw, b) != nil {
			return
		}
		c := (&madeUp{scene: m.scene}).peerOf(i, "peer")
		_ = c.block(b)
		_ = c.block(b)
	})
}

// BenchmarkChain checks blocks of one anchor of one record each.
func BenchmarkChain(b *testing.B) {
	m := newMadeUp(b)
	i := &inspection{trust: m.trust(), report: func(f Finding) { b.Fatal(f) }}
	for b.Loop() {
		m.peerOf(i, "peer")
	}
	b.ReportMetric(float64(len(m.blocks)*b.N)/b.Elapsed().Seconds(), "blocks/s")
}
