package chaincode

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

func TestAnchor(t *testing.T) {
	l := newLedger(t)
	a, b := registered(t, l, north, northLog), registered(t, l, south, southLog)
	for i, n := range []int{1, 1, 2, 3, 64, 129, 1000} {
		for salt, log := range []*testLog{a, b} {
			msp := []string{north, south}[salt]
			old := log.size()
			q, rows := log.add(n, byte(salt)).anchor(old, old+int64(n))
			var got Anchored
			o := l.accept(&got, msp, "Anchor", q, rows)
			if len(o.writes) != 2 || o.event != AnchorEvent || !bytes.Equal(o.data, o.Payload) {
				t.Errorf("step %d: %d writes, event %q", i, len(o.writes), o.event)
			}
			var kept Anchor
			l.accept(&kept, "anybody", "GetAnchor", AnchorQuery{Origin: log.origin, Size: log.size()})
			if kept != got.Anchor || got.Repeated || kept.OldSize != old || kept.Root != naiveRoot(log.rows) || kept.Commitments != sha256.Sum256(rows) {
				t.Errorf("step %d: anchored %+v", i, kept)
			}
			var h Head
			l.accept(&h, "anybody", "Head", OriginRequest{Origin: log.origin})
			if h.Size != log.size() || h.Root != kept.Root || h.Checkpoint != q.Checkpoint || h.Transaction != kept.Transaction {
				t.Errorf("step %d: head %+v", i, h)
			}
		}
	}
	l.refuse(NotFound, north, "GetAnchor", AnchorQuery{Origin: northLog, Size: 3})
	l.refuse(NotFound, north, "GetAnchor", AnchorQuery{Origin: north + "/n2/changes.0", Size: 1})
	l.refuse(Size, north, "GetAnchor", AnchorQuery{Origin: northLog})
	l.refuse(Size, north, "GetAnchor", AnchorQuery{Origin: northLog, Size: maxSize + 1})
}

func TestAnchorRefusals(t *testing.T) {
	l := newLedger(t)
	log := registered(t, l, north, northLog).add(5, 0).anchored(l, north)
	registered(t, l, south, southLog)
	log.add(5, 0).anchored(l, north).add(10, 0)
	other := newTestLog(t, northLog, 1).add(20, 9)           // another history, same key
	late := newTestLog(t, northLog, 1).add(10, 0).add(10, 9) // one that leaves after size 10
	stranger := newTestLog(t, northLog, 7).add(20, 0)        // another key, same history
	foreign := newTestLog(t, southLog, 1).add(20, 0)
	type trial struct {
		log       *testLog
		old, size int64
		change    func(*AnchorRequest, *[]byte)
	}
	for name, c := range map[string]struct {
		want Prefix
		trial
	}{
		"gap":                         {Gap, trial{log, 12, 15, nil}},
		"ledger ahead":                {Behind, trial{log, 5, 12, nil}},
		"ledger ahead, smaller":       {Behind, trial{log, 0, 3, nil}},
		"same size, other batch":      {Behind, trial{log, 4, 10, nil}},
		"whole history again":         {Behind, trial{log, 0, 10, nil}},
		"restored, then other rows":   {Fork, trial{other, 5, 10, nil}},
		"fork at an old anchor":       {Fork, trial{other, 0, 5, nil}},
		"other history, new size":     {Fork, trial{other, 10, 15, nil}},
		"other history, behind":       {Behind, trial{other, 5, 12, nil}},
		"stranger's key":              {Signature, trial{stranger, 10, 15, nil}},
		"another organisation's log":  {Denied, trial{foreign, 0, 5, nil}},
		"not registered":              {NotFound, trial{newTestLog(t, north+"/n2/changes.0", 1).add(3, 0), 0, 3, nil}},
		"no commitments":              {Size, trial{log, 10, 10, nil}},
		"one byte short":              {Size, trial{log, 10, 15, func(_ *AnchorRequest, r *[]byte) { *r = (*r)[:len(*r)-1] }}},
		"one commitment short":        {Size, trial{log, 10, 15, func(_ *AnchorRequest, r *[]byte) { *r = (*r)[:len(*r)-32] }}},
		"one commitment more":         {Size, trial{log, 10, 15, func(_ *AnchorRequest, r *[]byte) { *r = log.rows[320:512] }}},
		"too many":                    {Size, trial{log, 10, 15, func(_ *AnchorRequest, r *[]byte) { *r = make([]byte, 32*(MaxCommitments+1)) }}},
		"negative":                    {Size, trial{log, 10, 15, func(q *AnchorRequest, _ *[]byte) { q.OldSize = -1 }}},
		"overflow":                    {Size, trial{log, 10, 15, func(q *AnchorRequest, _ *[]byte) { q.OldSize = 1<<63 - 1 }}},
		"beyond all sizes":            {Size, trial{log, 10, 15, func(q *AnchorRequest, _ *[]byte) { q.OldSize = maxSize - 4 }}},
		"checkpoint of another size":  {Size, trial{log, 10, 15, func(q *AnchorRequest, _ *[]byte) { q.Checkpoint = log.key.sign(t, northLog, 14, q.Root) }}},
		"checkpoint of another root":  {Checkpoint, trial{log, 10, 15, func(q *AnchorRequest, _ *[]byte) { q.Checkpoint = log.key.sign(t, northLog, 15, log.root(14)) }}},
		"checkpoint of another log":   {Checkpoint, trial{log, 10, 15, func(q *AnchorRequest, _ *[]byte) { q.Checkpoint = foreign.key.sign(t, southLog, 15, q.Root) }}},
		"no checkpoint":               {Checkpoint, trial{log, 10, 15, func(q *AnchorRequest, _ *[]byte) { q.Checkpoint = "" }}},
		"root and checkpoint of fork": {Fork, trial{log, 10, 15, func(q *AnchorRequest, _ *[]byte) { *q, _ = late.anchor(10, 15) }}},
		"rows of the fork":            {Fork, trial{log, 10, 15, func(_ *AnchorRequest, r *[]byte) { _, *r = late.anchor(10, 15) }}},
		"rows in another order":       {Fork, trial{log, 10, 12, func(_ *AnchorRequest, r *[]byte) { *r = slices.Concat((*r)[32:], (*r)[:32]) }}},
		"a row twice":                 {Fork, trial{log, 10, 12, func(_ *AnchorRequest, r *[]byte) { *r = slices.Concat((*r)[:32], (*r)[:32]) }}},
		"old rows as new ones":        {Fork, trial{log, 10, 15, func(_ *AnchorRequest, r *[]byte) { *r = log.rows[:5*32] }}},
	} {
		q, rows := c.log.anchor(c.old, c.size)
		if c.change != nil {
			c.change(&q, &rows)
		}
		before := len(l.state)
		t.Run(name, func(t *testing.T) {
			on := &ledger{t: t, state: l.state, transactions: 99}
			on.refuse(c.want, north, "Anchor", q, rows)
		})
		if len(l.state) != before {
			t.Errorf("%s: the state has grown", name)
		}
	}
	q, rows := log.anchor(10, 20)
	l.refuse(Denied, south, "Anchor", q, rows)
	l.accept(nil, north, "Anchor", q, rows)
}

// The largest anchor is accepted, one more is not.
func TestLargestAnchor(t *testing.T) {
	l := newLedger(t)
	log := registered(t, l, north, northLog).add(MaxCommitments+1, 0)
	q, rows := log.anchor(0, MaxCommitments+1)
	l.refuse(Size, north, "Anchor", q, rows)
	q, rows = log.anchor(0, MaxCommitments)
	var a Anchored
	l.accept(&a, north, "Anchor", q, rows)
	if a.Anchor.Size != MaxCommitments || a.Anchor.Root != naiveRoot(rows) {
		t.Error("the root is wrong")
	}
}

// An anchor that is there already is confirmed, however old, and nothing is written.
func TestRepeatedAnchor(t *testing.T) {
	l := newLedger(t)
	log := registered(t, l, north, northLog).add(30, 0)
	for old := int64(0); old < 30; old += 10 {
		q, rows := log.anchor(old, old+10)
		l.accept(nil, north, "Anchor", q, rows)
	}
	for old := int64(0); old < 30; old += 10 {
		q, rows := log.anchor(old, old+10)
		var again Anchored
		o := l.accept(&again, north, "Anchor", q, rows)
		var kept Anchor
		l.accept(&kept, north, "GetAnchor", AnchorQuery{Origin: northLog, Size: old + 10})
		if !again.Repeated || again.Anchor != kept || len(o.writes) > 0 || o.event != "" {
			t.Errorf("size %d: repeated %v, %d writes, event %q", old+10, again.Repeated, len(o.writes), o.event)
		}
		l.refuse(Denied, south, "Anchor", q, rows)
		changed := slices.Clone(rows)
		changed[0] ^= 1
		l.refuse(Behind, north, "Anchor", q, changed)
	}
}

// Whatever byte of an argument is changed, the anchor is refused: before it was
// accepted, and after.
func TestEveryByteOfAnAnchor(t *testing.T) {
	l := newLedger(t)
	log := registered(t, l, north, northLog).add(2, 0).anchored(l, north)
	q, rows := log.add(3, 0).anchor(2, 5)
	request := mustEncode(t, q)
	tries := 0
	for range 2 {
		mutations(request, func(changed []byte) {
			tries++
			l.mustRefuse("Anchor", changed, rows)
		})
		mutations(rows, func(changed []byte) {
			tries++
			l.mustRefuse("Anchor", request, changed)
		})
		if o := l.invoke(north, "Anchor", request, rows); o.Status != shim.OK {
			t.Fatalf("the anchor itself: %s", o.Message)
		}
	}
	if tries < 5000 {
		t.Errorf("only %d mutations", tries)
	}
}

// The same for the other arguments that carry signatures or keys.
func TestEveryByteOfOthers(t *testing.T) {
	l := newLedger(t)
	mutations(mustEncode(t, RegisterRequest{Origin: northLog, Key: keyOf(t, northLog, 1).verifier}), func(changed []byte) {
		l.mustRefuse("RegisterSource", changed)
	})
	log := registered(t, l, north, northLog)
	report := mustEncode(t, ForkRequest{Origin: northLog, First: log.key.sign(t, northLog, 3, Hash{1}), Second: log.key.sign(t, northLog, 3, Hash{2})})
	mutations(report, func(changed []byte) { l.mustRefuse("ReportFork", changed) })
	if o := l.invoke(north, "ReportFork", report); o.Status != shim.OK {
		t.Fatalf("the report itself: %s", o.Message)
	}
}

func (l *ledger) mustRefuse(function string, args ...[]byte) {
	l.t.Helper()
	o := l.endorse(north, append([][]byte{[]byte(function)}, args...))
	if o.Status < shim.ERRORTHRESHOLD || !strings.HasPrefix(o.Message, "ACESO_") || len(o.writes) > 0 || o.event != "" {
		l.t.Errorf("%s(%q): %d %q, %d writes", function, args, o.Status, o.Message, len(o.writes))
	}
}

// mutations visits data with each bit flipped, each byte left out, doubled and
// replaced by some that mean something.
func mutations(data []byte, visit func([]byte)) {
	for i := range data {
		for bit := range 8 {
			changed := slices.Clone(data)
			changed[i] ^= 1 << bit
			visit(changed)
		}
		for _, b := range []byte("0 \n\r\"\x00") {
			if data[i] != b {
				changed := slices.Clone(data)
				changed[i] = b
				visit(changed)
			}
		}
		visit(slices.Delete(slices.Clone(data), i, i+1))
		visit(slices.Insert(slices.Clone(data), i, data[i]))
		visit(slices.Clone(data[:i]))
	}
}
