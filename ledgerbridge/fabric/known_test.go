package fabric

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"
)

// grownChannel is a channel that was inspected before its last anchor.
type grownChannel struct {
	*madeUp
	t       *testing.T
	profile *Profile
	peers   []*speaking
	known   *Known
}

func newGrownChannel(t *testing.T) *grownChannel {
	g := &grownChannel{madeUp: newMadeUp(t), t: t}
	g.profile = g.madeUp.profile()
	for i, name := range []string{"peer.clinic", "peer.lab"} {
		s := g.honest(99)
		g.peers = append(g.peers, s)
		g.profile.Organizations[i].Nodes = []Endpoint{s.serve(t, name)}
	}
	der, err := x509.MarshalPKCS8PrivateKey(g.client.key)
	g.must(err)
	g.profile.Certificate, g.profile.Key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	g.must(os.WriteFile(g.profile.Certificate, encodePEM(g.client.certificate), 0o600))
	g.must(os.WriteFile(g.profile.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	blocks, head := g.blocks, g.head
	g.blocks = blocks[:len(blocks)-1]
	before := g.anchors[9]
	g.head.Size, g.head.Root, g.head.Checkpoint, g.head.Transaction = before.Size, before.Root, before.Checkpoint, before.Transaction
	seen, found := g.inspectFrom(nil, nil)
	if len(found) > 0 || g.known == nil || seen.Before != 0 {
		t.Fatalf("%v, known %+v", found, g.known)
	}
	data, err := json.Marshal(g.known)
	g.must(err)
	g.known = new(Known)
	g.must(json.Unmarshal(data, g.known))
	g.blocks, g.head = blocks, head
	return g
}

// inspectFrom inspects the channel; what is known then is in g.known.
func (g *grownChannel) inspectFrom(from *Known, held Held) (seen Inspected, found []Finding) {
	g.t.Helper()
	seen, known, err := InspectFrom(g.t.Context(), g.profile, longAgo.Add(time.Hour), held, from, func(f Finding) { found = append(found, f) })
	g.must(err)
	g.known = known
	return seen, found
}

// An inspection reads the last known block and what is new, and comes to the same.
func TestInspectionsGoOn(t *testing.T) {
	g := newGrownChannel(t)
	from := g.known
	for _, s := range g.peers {
		s.sent.Store(0)
	}
	seen, found := g.inspectFrom(from, nil)
	if len(found) > 0 || seen.Before != from.Blocks || len(seen.Sources) != 1 || seen.Sources[0].Size != 12 || seen.Sources[0].Anchors != 3 {
		t.Errorf("%v\n%+v", found, seen)
	}
	for _, s := range g.peers {
		if s.sent.Load() != 2 {
			t.Errorf("%d blocks were read", s.sent.Load())
		}
	}
	if again, found := g.inspectFrom(g.known, nil); len(found) > 0 || again.Before != from.Blocks+1 || again.Sources[0].Size != 12 {
		t.Errorf("nothing new: %v\n%+v", found, again)
	}
}

// What was changed after the known blocks is found by going on, what was changed before by
// reading all; a replaced chain, and a shorter one, by both.
func TestInspectionsThatGoOnFindEdits(t *testing.T) {
	for name, c := range map[string]struct {
		edit   func(*grownChannel)
		goesOn string // what going on says, "" if nothing
	}{
		"a new block":  {func(g *grownChannel) { g.blocks[4].Data.Data[0][40] ^= 1 }, "its data are not those of its header"},
		"an old block": {func(g *grownChannel) { g.blocks[2].Data.Data[0][40] ^= 1 }, ""},
		"another chain": {func(g *grownChannel) {
			g.again(3, slices.Concat(g.blocks[3].GetData().GetData(), g.blocks[4].GetData().GetData()))
		}, "the chain was replaced"},
		"a shorter chain": {func(g *grownChannel) { g.blocks = g.blocks[:3] }, "it was restored"},
	} {
		g := newGrownChannel(t)
		from := g.known
		for i, b := range g.blocks { // the edit is of one peer's
			g.blocks[i] = clone(t, b)
		}
		c.edit(g)
		_, found := g.inspectFrom(from, nil)
		if says := slices.ContainsFunc(found, func(f Finding) bool { return c.goesOn != "" && strings.Contains(f.What, c.goesOn) }); says != (c.goesOn != "") || c.goesOn == "" && len(found) > 0 {
			t.Errorf("%s, going on: %v", name, found)
		}
		if len(found) > 0 && g.known != nil {
			t.Errorf("%s: known although something was found", name)
		}
		if _, found := g.inspectFrom(nil, nil); len(found) == 0 {
			t.Errorf("%s, everything: %v", name, found)
		}
	}
}

// What is known counts only for the same peers, the same trust and the same checkpoints.
func TestOtherInspectionsBeginAgain(t *testing.T) {
	g := newGrownChannel(t)
	from := g.known
	held := Held{}
	g.must(held.Add([]byte(g.notes[7])))
	if seen, found := g.inspectFrom(from, held); seen.Before != 0 || len(found) > 0 || seen.Sources[0].Held != 1 {
		t.Errorf("another held checkpoint: %v, %+v", found, seen)
	}
	g.profile.Organizations[0].Nodes[0].Name = "another"
	if seen, _ := g.inspectFrom(from, nil); seen.Before != 0 {
		t.Error("another peer was taken for one that was inspected")
	}
}

func clone(t *testing.T, b *common.Block) *common.Block {
	c := new(common.Block)
	if err := proto.Unmarshal(encode(t, b), c); err != nil {
		t.Fatal(err)
	}
	return c
}
