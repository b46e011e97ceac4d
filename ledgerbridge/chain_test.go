package ledgerbridge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Every record of every small tree, and some of a larger one, climbs to its root.
func TestChainLeadsToTheRoot(t *testing.T) {
	n := newNode(t)
	j := n.journal()
	for size := int64(1); size <= 20; size++ {
		n.add(1)
		checkpoint(t, j)
		for seq := range size {
			climbs(t, n.bundle(j, seq, 0), seq, size)
		}
	}
	n.add(280)
	checkpoint(t, j)
	for _, seq := range []int64{0, 1, 19, 255, 256, 298, 299} {
		climbs(t, n.bundle(j, seq), seq, 300)
	}
}

func climbs(t *testing.T, bundle []byte, seq, size int64) {
	t.Helper()
	c, err := ledgerbridge.ReadChain(bundle)
	if err != nil {
		t.Fatalf("row %d of %d: %v", seq, size, err)
	}
	top, below := c.Leaf, ledgerbridge.Span{From: seq, To: seq + 1}
	for _, s := range c.Path {
		joined := ledgerbridge.Span{From: below.From, To: s.Beside.To}
		if s.Left {
			joined = ledgerbridge.Span{From: s.Beside.From, To: below.To}
		}
		if s.Left && s.Beside.To != below.From || !s.Left && s.Beside.From != below.To || s.Below != joined {
			t.Errorf("row %d of %d: %v beside %v gives %v", seq, size, s.Beside, below, s.Below)
		}
		top, below = s.Node, s.Below
	}
	if top != c.Checkpoint.Root || below != (ledgerbridge.Span{To: size}) || c.Checkpoint.Size != size || c.Entry.Seq != seq {
		t.Errorf("row %d of %d: %+v", seq, size, c)
	}
	for i, s := range c.Path {
		if size&(size-1) == 0 && s.Left != (seq>>i&1 == 1) { // in a full tree the bits of the position are the sides
			t.Errorf("row %d of %d: step %d is on the wrong side", seq, size, i)
		}
	}
}

// A chain shows what was disclosed of the request, and of patients how many there are.
func TestChainKeepsPatientsClosed(t *testing.T) {
	n := newNode(t)
	n.add(1)
	j := n.journal()
	open, err := ledgerbridge.ReadChain(n.bundle(j, 0, 0))
	if err != nil || open.Request == nil || open.Patients != 2 || open.Anchor != nil {
		t.Errorf("%+v, %v", open, err)
	}
	closed, err := ledgerbridge.ReadChain(n.bundle(j, 0))
	if err != nil || closed.Request != nil || closed.Patients != 2 {
		t.Errorf("%+v, %v", closed, err)
	}
}

// Whatever byte is changed, nothing is shown that does not fit; only the signature is
// left to those who hold keys.
func TestChainOfChangedBundle(t *testing.T) {
	n := newNode(t)
	n.add(9)
	b := n.bundle(n.journal(), 5, 0, 1)
	signature := bytes.LastIndex(b, []byte("\u2014"))
	accepted := 0
	for i := range b {
		changed := bytes.Clone(b)
		changed[i] ^= 1
		if _, err := ledgerbridge.ReadChain(changed); err == nil && (i < signature || i > signature+200) {
			t.Errorf("byte %d (%q) can be changed", i, b[max(0, i-20):min(len(b), i+20)])
		} else if err == nil {
			accepted++
		}
	}
	if accepted == 0 {
		t.Error("not even the signature could be changed: the test looks in the wrong place")
	}
}

// A bundle from a real channel names its block and counts who endorsed it.
func TestChainOfAChannel(t *testing.T) {
	data, err := os.ReadFile("fabric/testdata/anchored-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var kept struct{ Bundle string }
	if err := json.Unmarshal(data, &kept); err != nil {
		t.Fatal(err)
	}
	c, err := ledgerbridge.ReadChain([]byte(kept.Bundle))
	if err != nil || c.State != ledgerbridge.Anchored || c.Anchor == nil || c.Anchor.Block != 6 || c.Endorsements != 2 || c.Waits() {
		t.Fatalf("%+v, %v", c, err)
	}
	size := fmt.Sprintf(`"size":%d,`, c.Anchor.Size)
	other := strings.Replace(kept.Bundle, size, fmt.Sprintf(`"size":%d,`, c.Anchor.Size+1), 1)
	if _, err := ledgerbridge.ReadChain([]byte(other)); other == kept.Bundle || err == nil {
		t.Error("an anchor of another tree is shown")
	}
}
