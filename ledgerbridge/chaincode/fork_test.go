package chaincode

import (
	"bytes"
	"strings"
	"testing"
)

func TestReportFork(t *testing.T) {
	l := newLedger(t)
	log := registered(t, l, north, northLog).add(4, 0).anchored(l, north)
	foreign := registered(t, l, south, southLog)
	second := keyOf(t, northLog, 2)
	l.accept(nil, north, "AddKey", KeyRequest{Origin: northLog, Key: second.verifier, From: 6})
	sign := func(size int64, root byte) string { return log.key.sign(t, northLog, size, Hash{root}) }
	for name, c := range map[string]struct {
		want Prefix
		q    ForkRequest
	}{
		"same root":             {Checkpoint, ForkRequest{northLog, sign(4, 1), sign(4, 1)}},
		"different sizes":       {Size, ForkRequest{northLog, sign(4, 1), sign(5, 2)}},
		"first not signed":      {Signature, ForkRequest{northLog, keyOf(t, northLog, 7).sign(t, northLog, 4, Hash{1}), sign(4, 2)}},
		"second not signed":     {Signature, ForkRequest{northLog, sign(4, 1), keyOf(t, northLog, 7).sign(t, northLog, 4, Hash{2})}},
		"key not valid yet":     {Signature, ForkRequest{northLog, sign(5, 1), second.sign(t, northLog, 5, Hash{2})}},
		"of another source":     {Checkpoint, ForkRequest{northLog, sign(4, 1), foreign.key.sign(t, southLog, 4, Hash{2})}},
		"laid to another":       {Checkpoint, ForkRequest{southLog, sign(4, 1), sign(4, 2)}},
		"no such source":        {NotFound, ForkRequest{north + "/n9/changes.0", sign(4, 1), sign(4, 2)}},
		"nothing":               {Checkpoint, ForkRequest{Origin: northLog}},
		"two signatures in one": {Checkpoint, ForkRequest{northLog, sign(4, 1), sign(4, 2) + strings.SplitAfter(sign(4, 2), "\n")[4]}},
	} {
		t.Run(name, func(t *testing.T) {
			(&ledger{t: t, state: l.state}).refuse(c.want, south, "ReportFork", c.q)
		})
	}
	q := ForkRequest{Origin: northLog, First: sign(6, 1), Second: second.sign(t, northLog, 6, Hash{2})}
	var s Source
	o := l.accept(&s, south, "ReportFork", q)
	if s.State != forked || s.Fork == nil || s.Fork.First != q.First || s.Fork.Second != q.Second || s.Fork.Reporter != south || s.Fork.Size != 6 {
		t.Errorf("marked as %+v", s)
	}
	if o.event != ForkEvent || !bytes.Equal(o.data, o.Payload) || len(o.writes) != 1 {
		t.Errorf("event %q, %d writes", o.event, len(o.writes))
	}
	if o := l.accept(nil, north, "ReportFork", ForkRequest{northLog, sign(4, 1), sign(4, 2)}); len(o.writes) > 0 || o.event != "" {
		t.Error("a second report changes the first")
	}
	next, rows := log.add(2, 0).anchor(4, 6)
	l.refuse(Marked, north, "Anchor", next, rows)
	l.refuse(Marked, north, "AddKey", KeyRequest{Origin: northLog, Key: keyOf(t, northLog, 3).verifier, From: 9})
	l.refuse(Marked, north, "RevokeKey", KeyRequest{Origin: northLog, Key: log.key.verifier, From: 9})
	l.refuse(Marked, north, "CloseSource", OriginRequest{Origin: northLog})
	l.accept(nil, north, "RegisterSource", RegisterRequest{Origin: northLog, Key: log.key.verifier})
	l.refuse(Marked, north, "Anchor", next, rows)
	foreign.add(3, 0).anchored(l, south) // others go on
	var h Head
	if l.accept(&h, south, "Head", OriginRequest{Origin: northLog}); h.Size != 4 || h.Source.State != forked {
		t.Errorf("head %+v", h)
	}
}

// A checkpoint that the ledger anchored is half of the evidence, and anybody can
// fetch it; a closed source can still be marked.
func TestReportAgainstAnchor(t *testing.T) {
	l := newLedger(t)
	log := registered(t, l, north, northLog).add(4, 0).anchored(l, north)
	l.accept(nil, north, "RevokeKey", KeyRequest{Origin: northLog, Key: log.key.verifier, From: 5})
	l.accept(nil, north, "CloseSource", OriginRequest{Origin: northLog})
	var a Anchor
	l.accept(&a, south, "GetAnchor", AnchorQuery{Origin: northLog, Size: 4})
	var s Source
	l.accept(&s, south, "ReportFork", ForkRequest{northLog, log.key.sign(t, northLog, 4, Hash{9}), a.Checkpoint})
	if s.State != forked {
		t.Errorf("the source is %s", s.State)
	}
}
