package fabric

import (
	"bytes"
	"crypto/sha256"
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
}

func newMadeUp(t testing.TB) *madeUp {
	m := &madeUp{scene: newScene(t, "log")}
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
	i.answer = m.json(chaincode.Anchored{Anchor: a})
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

// Transactions that peers found valid although they should not have.
func TestTransactionsThatShouldNotBe(t *testing.T) {
	ghost := newOrganisation(t, "ghost")
	for name, test := range map[string]struct {
		call func(*madeUp) *invocation
		says string
	}{
		"of another organisation": {func(m *madeUp) *invocation {
			i := m.next()
			i.creator = m.lab.member("User1", "client")
			return m.renamed(i)
		}, "made by lab"},
		"of a stranger": {func(m *madeUp) *invocation {
			i := m.next()
			i.creator = ghost.member("User1", "client")
			return m.renamed(i)
		}, "ghost"},
		"endorsed by one": {func(m *madeUp) *invocation { i := m.next(); i.endorsers = m.peers[:1]; return i }, "only clinic"},
		"endorsed by a stranger": {func(m *madeUp) *invocation {
			i := m.next()
			i.endorsers = []*signing{m.peers[0], ghost.member("p", "peer")}
			return i
		}, "clinic and ghost"},
		"endorsed by nobody": {func(m *madeUp) *invocation { i := m.next(); i.endorsers = nil; return i }, "only"},
		"another root":       {func(m *madeUp) *invocation { return m.nextWith(func(a *chaincode.Anchor) { a.Root[0] ^= 1 }) }, "the same root"},
		"a gap":              {func(m *madeUp) *invocation { return m.nextWith(func(a *chaincode.Anchor) { a.OldSize++ }) }, "not what was sent"},
		"another size":       {func(m *madeUp) *invocation { return m.nextWith(func(a *chaincode.Anchor) { a.Size++ }) }, "as many commitments"},
		"other commitments":  {func(m *madeUp) *invocation { i := m.next(); i.args[2] = bytes.Repeat([]byte{1}, 32); return i }, "not what was sent"},
		"commitments of another root": {func(m *madeUp) *invocation {
			commitments := bytes.Repeat([]byte{1}, 32)
			i := m.nextWith(func(a *chaincode.Anchor) { a.Commitments = sha256.Sum256(commitments) })
			i.args[2] = commitments
			return i
		}, "the same root"},
		"another id": {func(m *madeUp) *invocation { return m.nextWith(func(a *chaincode.Anchor) { a.Transaction = "x" }) }, "not what was sent"},
		"unsigned checkpoint": {func(m *madeUp) *invocation {
			return m.nextWith(func(a *chaincode.Anchor) { a.Checkpoint = strings.Replace(a.Checkpoint, "\n13\n", "\n14\n", 1) })
		}, "no valid signature"},
		"unknown source": {func(m *madeUp) *invocation {
			return m.nextWith(func(a *chaincode.Anchor) { a.Origin = "clinic/n2/changes.0" })
		}, "never registered"},
		"registered by others": {func(m *madeUp) *invocation {
			return m.call("RegisterSource", m.json(chaincode.Source{Version: 1, Origin: "lab/n1/changes.0"}), []byte("{}"))
		}, "made by clinic"},
	} {
		m := newMadeUp(t)
		m.add(test.call(m))
		_, found := m.inspect(nil)
		if len(*found) != 1 || (*found)[0].Block != 5 || !strings.Contains((*found)[0].What, test.says) {
			t.Errorf("%s: %v, want %q", name, *found, test.says)
		}
	}
}

// next is a good fourth anchor, of one record.
func (m *madeUp) next() *invocation { return m.nextWith(func(*chaincode.Anchor) {}) }

func (m *madeUp) nextWith(edit func(*chaincode.Anchor)) *invocation {
	m.t.Helper()
	if m.notes[13] == "" {
		m.grow()
	}
	i := m.call("Anchor", nil, []byte("{}"), m.commitments[12*32:13*32])
	a := m.state(12, 13)
	a.Transaction = i.id()
	edit(&a)
	i.answer = m.json(chaincode.Anchored{Anchor: a})
	return i
}

// renamed tells the answer of a call its id after its creator was changed.
func (m *madeUp) renamed(i *invocation) *invocation {
	a := m.state(12, 13)
	a.Transaction = i.id()
	i.answer = m.json(chaincode.Anchored{Anchor: a})
	return i
}

// What is no anchor, or counts for nothing, does not disturb.
func TestTransactionsThatDoNotCount(t *testing.T) {
	m := newMadeUp(t)
	repeated := m.call("Anchor", m.json(chaincode.Anchored{Anchor: m.state(5, 9), Repeated: true}), []byte("{}"), m.commitments[5*32:9*32])
	question := m.call("Head", []byte("{}"), []byte("{}"))
	other := m.call("Anchor", []byte("nonsense"))
	other.chaincode = "other"
	invalid := m.nextWith(func(a *chaincode.Anchor) { a.Root[0] ^= 1 })
	m.add(repeated, question, other, invalid)
	m.blocks[5].Metadata.Metadata[2][3] = byte(peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE)
	m.add(m.next())
	c, found := m.inspect(nil)
	if len(*found) > 0 || c.logs.logs[testSource].size != 13 {
		t.Errorf("%v, size %d", *found, c.logs.logs[testSource].size)
	}
}

func TestContractState(t *testing.T) {
	m := newMadeUp(t)
	c, _ := m.inspect(nil)
	for name, edit := range map[string]func(*chaincode.Head){
		"size":        func(h *chaincode.Head) { h.Size++ },
		"behind":      func(h *chaincode.Head) { h.Size = 9 },
		"root":        func(h *chaincode.Head) { h.Root[0] ^= 1 },
		"checkpoint":  func(h *chaincode.Head) { h.Checkpoint += "x" },
		"transaction": func(h *chaincode.Head) { h.Transaction = "x" },
		"key": func(h *chaincode.Head) {
			h.Source.Keys = append(slices.Clone(h.Source.Keys), chaincode.Key{Verifier: "x"})
		},
		"life":   func(h *chaincode.Head) { h.Source.State = "closed" },
		"source": func(h *chaincode.Head) { h.Source.Origin = "clinic/n9/changes.0" },
	} {
		h := m.head
		edit(&h)
		if err := c.logs.agree(h); err == nil {
			t.Errorf("%s: agrees", name)
		}
	}
	if err := c.logs.agree(m.head); err != nil {
		t.Error(err)
	}
}

// A peer that is asked while the channel grows may answer from before or after.
func TestContractStateMoves(t *testing.T) {
	m := newMadeUp(t)
	before := m.head
	c, _ := m.inspect(nil)
	m.add(m.next())
	later := m.head.Source
	later.State = "closed"
	m.add(m.call("CloseSource", m.json(later), []byte("{}")))
	for _, b := range m.blocks[5:] {
		m.must(c.block(b))
	}
	if err := c.logs.agree(before); err != nil {
		t.Error(err)
	}
	after := before
	after.Source = later
	a := c.logs.logs[testSource].anchors[3]
	after.Size, after.Root, after.Checkpoint, after.Transaction = a.Size, a.Root, a.Checkpoint, a.Transaction
	if err := c.logs.agree(after); err != nil {
		t.Error(err)
	}
	c.logs.mark()
	if err := c.logs.agree(before); err == nil {
		t.Error("a state from long before agrees")
	}
}

func TestHeldCheckpoints(t *testing.T) {
	m := newMadeUp(t)
	other := newMadeUp(t) // the same key, another history
	held := Held{}
	m.must(held.Add([]byte(other.notes[7])))
	_, found := m.inspect(held)
	if len(*found) != 1 || (*found)[0].Block != 3 || (*found)[0].Source != testSource {
		t.Errorf("%v", *found)
	}
	if err := held.Add([]byte(m.notes[7])); err == nil {
		t.Error("two histories are held")
	}
	if err := held.Add([]byte("nonsense")); err == nil {
		t.Error("nonsense is held")
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

// Many anchors: only the last are kept.
func TestManyAnchors(t *testing.T) {
	l := &replayed{source: chaincode.Source{Origin: testSource}}
	for size := int64(1); size <= 5*keepAnchors; size++ {
		l.keep(chaincode.Anchor{OldSize: size - 1, Size: size, Root: sha256.Sum256([]byte{byte(size)})})
	}
	if l.count != 5*keepAnchors || len(l.anchors) > 2*keepAnchors || len(l.anchors) < keepAnchors {
		t.Errorf("%d of %d are kept", len(l.anchors), l.count)
	}
	if a := l.at(5*keepAnchors - 20); a == nil || a.Size != 5*keepAnchors-20 || l.at(3) != nil {
		t.Errorf("%+v", a)
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
