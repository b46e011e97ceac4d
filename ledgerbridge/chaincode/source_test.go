package chaincode

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

func TestRegisterSource(t *testing.T) {
	l := newLedger(t)
	key := keyOf(t, northLog, 1).verifier
	q := RegisterRequest{Origin: northLog, Key: key}
	l.refuse(Denied, south, "RegisterSource", q)
	l.refuse(Denied, strings.ToUpper(north), "RegisterSource", q)
	l.refuse(Denied, "", "RegisterSource", q)
	l.refuse(Argument, north, "RegisterSource", RegisterRequest{Origin: northLog, Key: keyOf(t, southLog, 1).verifier})
	var s Source
	l.accept(&s, north, "RegisterSource", q)
	if s.Origin != northLog || s.State != open || !slices.Equal(s.Keys, []Key{{Verifier: key}}) {
		t.Errorf("registered as %+v", s)
	}
	if o := l.accept(&s, north, "RegisterSource", q); len(o.writes) > 0 {
		t.Error("registering again writes")
	}
	l.refuse(Exists, north, "RegisterSource", RegisterRequest{Origin: northLog, Key: keyOf(t, northLog, 2).verifier})
	var h Head
	l.accept(&h, south, "Head", OriginRequest{Origin: northLog})
	if h.Size != 0 || h.Root != naiveRoot(nil) || h.Checkpoint != "" || h.Transaction != "" {
		t.Errorf("a new source has head %+v", h)
	}
}

func TestOrigins(t *testing.T) {
	long := strings.Repeat("a", 65)
	for _, origin := range []string{"", north, north + "/n1", northLog + "/x", north + "//changes.0", "/n1/changes.0",
		north + "/n 1/changes.0", north + "/n:1/changes.0", north + "/ñ/changes.0", north + "/n1/changes.0\n", north + "/" + long + "/c", north + "/n\x001/c"} {
		l := newLedger(t)
		for _, function := range []string{"Head", "CloseSource"} {
			l.refuse(Argument, north, function, OriginRequest{Origin: origin})
		}
		l.refuse(Argument, north, "RegisterSource", RegisterRequest{Origin: origin})
		l.refuse(Argument, north, "GetAnchor", AnchorQuery{Origin: origin, Size: 1})
		l.refuse(Argument, north, "ReportFork", ForkRequest{Origin: origin})
		l.refuse(Argument, north, "AddKey", KeyRequest{Origin: origin})
		l.refuse(Argument, north, "RevokeKey", KeyRequest{Origin: origin})
		l.refuse(Argument, north, "Anchor", AnchorRequest{Origin: origin}, make([]byte, 32))
	}
}

func TestKeySpellings(t *testing.T) {
	l := newLedger(t)
	key := keyOf(t, northLog, 1).verifier
	parts := strings.SplitN(key, "+", 3)
	upper := parts[0] + "+" + strings.ToUpper(parts[1]) + "+" + parts[2]
	if upper == key {
		t.Fatal("the key's id has no letters: choose another key")
	}
	for _, wrong := range []string{"", upper, key + "\n", key[:len(key)-8] + "\n" + key[len(key)-8:], key + "@0-5", parts[0] + "+00000000+" + parts[2]} {
		l.refuse(Argument, north, "RegisterSource", RegisterRequest{Origin: northLog, Key: wrong})
	}
}

// A key counts from the size that it was added for until the one it was revoked for.
func TestKeyValidity(t *testing.T) {
	l := newLedger(t)
	log := registered(t, l, north, northLog).add(3, 0).anchored(l, north)
	first, second := log.key, keyOf(t, northLog, 2)
	for _, from := range []int64{-1, 0, 1, 3, maxSize + 1} {
		l.refuse(Size, north, "AddKey", KeyRequest{Origin: northLog, Key: second.verifier, From: from})
		l.refuse(Size, north, "RevokeKey", KeyRequest{Origin: northLog, Key: first.verifier, From: from})
	}
	l.refuse(Denied, south, "AddKey", KeyRequest{Origin: northLog, Key: second.verifier, From: 5})
	l.refuse(Denied, south, "RevokeKey", KeyRequest{Origin: northLog, Key: first.verifier, From: 5})
	l.refuse(NotFound, north, "RevokeKey", KeyRequest{Origin: northLog, Key: second.verifier, From: 5})
	l.refuse(Exists, north, "AddKey", KeyRequest{Origin: northLog, Key: first.verifier, From: 5})
	l.accept(nil, north, "AddKey", KeyRequest{Origin: northLog, Key: second.verifier, From: 5})
	l.refuse(Exists, north, "AddKey", KeyRequest{Origin: northLog, Key: second.verifier, From: 6})
	l.accept(nil, north, "RevokeKey", KeyRequest{Origin: northLog, Key: first.verifier, From: 9})
	l.refuse(Exists, north, "RevokeKey", KeyRequest{Origin: northLog, Key: first.verifier, From: 10})
	l.accept(nil, north, "RevokeKey", KeyRequest{Origin: northLog, Key: first.verifier, From: 6})
	for _, again := range []outcome{
		l.accept(nil, north, "AddKey", KeyRequest{Origin: northLog, Key: second.verifier, From: 5}),
		l.accept(nil, north, "RevokeKey", KeyRequest{Origin: northLog, Key: first.verifier, From: 6}),
	} {
		if len(again.writes) > 0 {
			t.Error("the same change again writes")
		}
	}
	log.add(7, 0)
	for _, step := range []struct {
		size          int64
		first, second bool
	}{{4, true, false}, {5, true, true}, {6, false, true}, {7, false, true}} {
		for key, good := range map[*logKey]bool{&first: step.first, &second: step.second} {
			log.key = *key
			q, rows := log.anchor(step.size-1, step.size)
			trial := &ledger{t: t, state: l.state}
			if o := trial.endorse(north, [][]byte{[]byte("Anchor"), mustEncode(t, q), rows}); good != (o.Status == shim.OK) {
				t.Errorf("size %d, first key %v: %q", step.size, key == &first, o.Message)
			} else if !good && !strings.HasPrefix(o.Message, string(Signature)) {
				t.Errorf("size %d: %q", step.size, o.Message)
			}
		}
		log.key = second
		if step.first {
			log.key = first
		}
		q, rows := log.anchor(step.size-1, step.size)
		l.accept(nil, north, "Anchor", q, rows)
	}
}

func TestManyKeys(t *testing.T) {
	l := newLedger(t)
	registered(t, l, north, northLog)
	for i := range maxKeys - 1 {
		l.accept(nil, north, "AddKey", KeyRequest{Origin: northLog, Key: keyOf(t, northLog, byte(i+2)).verifier, From: 1})
	}
	l.refuse(Size, north, "AddKey", KeyRequest{Origin: northLog, Key: keyOf(t, northLog, 200).verifier, From: 1})
}

func TestCloseSource(t *testing.T) {
	l := newLedger(t)
	log := registered(t, l, north, northLog).add(2, 0).anchored(l, north)
	l.refuse(Denied, south, "CloseSource", OriginRequest{Origin: northLog})
	l.refuse(NotFound, south, "CloseSource", OriginRequest{Origin: southLog})
	last, lastRows := log.anchor(0, 2)
	l.accept(nil, north, "CloseSource", OriginRequest{Origin: northLog})
	if o := l.accept(nil, north, "CloseSource", OriginRequest{Origin: northLog}); len(o.writes) > 0 {
		t.Error("closing again writes")
	}
	q, rows := log.add(1, 0).anchor(2, 3)
	l.refuse(Closed, north, "Anchor", q, rows)
	l.refuse(Closed, north, "AddKey", KeyRequest{Origin: northLog, Key: keyOf(t, northLog, 2).verifier, From: 9})
	l.refuse(Closed, north, "RevokeKey", KeyRequest{Origin: northLog, Key: log.key.verifier, From: 9})
	var a Anchored
	if l.accept(&a, north, "Anchor", last, lastRows); !a.Repeated {
		t.Error("what was anchored before the end is not confirmed")
	}
	l.accept(nil, south, "GetAnchor", AnchorQuery{Origin: northLog, Size: 2})
	l.accept(nil, north, "RegisterSource", RegisterRequest{Origin: northLog, Key: log.key.verifier})
	q, rows = log.anchor(2, 3)
	l.refuse(Closed, north, "Anchor", q, rows)
}

func TestListSources(t *testing.T) {
	l := newLedger(t)
	want := []string{}
	for i := range 2*pageSize + 3 {
		origin := fmt.Sprintf("%s/n%d/changes.0", north, i)
		registered(t, l, north, origin)
		want = append(want, origin)
	}
	registered(t, l, south, southLog)
	want = append(want, southLog)
	slices.Sort(want)
	var got []string
	for page, after := (Sources{More: true}), ""; page.More; after = got[len(got)-1] {
		page = Sources{}
		if o := l.accept(&page, "anybody", "ListSources", ListRequest{After: after}); len(o.writes) > 0 {
			t.Fatal("a list writes")
		}
		for _, s := range page.Sources {
			got = append(got, s.Origin)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d sources listed, want %d in order", len(got), len(want))
	}
	l.refuse(Argument, north, "ListSources", ListRequest{After: "x"})
	var none Sources
	if newLedger(t).accept(&none, north, "ListSources", ListRequest{}); len(none.Sources) > 0 || none.More {
		t.Errorf("an empty ledger lists %+v", none)
	}
}

func mustEncode(t testing.TB, v any) []byte {
	t.Helper()
	data, err := encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
