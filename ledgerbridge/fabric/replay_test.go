package fabric

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

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
