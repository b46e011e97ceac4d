package chaincode

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

var functions = []string{"RegisterSource", "AddKey", "RevokeKey", "CloseSource", "Anchor", "ReportFork", "Head", "GetAnchor", "ListSources"}

func TestArguments(t *testing.T) {
	l := newLedger(t)
	registered(t, l, north, northLog)
	check := func(o outcome) {
		t.Helper()
		if !strings.HasPrefix(o.Message, string(Argument)+": ") {
			t.Errorf("%d %q", o.Status, o.Message)
		}
		l.untouched(o)
	}
	check(l.endorse(north, nil))
	check(l.invoke(north, ""))
	check(l.invoke(north, "head", []byte("{}")))
	check(l.invoke(north, strings.Repeat("x", 1<<20)))
	for _, f := range functions {
		check(l.invoke(north, f))
		check(l.invoke(north, f, nil, nil, nil))
		for _, wrong := range []string{"", "null", "[]", "1", "{", "{} ", "{}{}", "{\"x\":1}", "\xff", strings.Repeat(" ", maxRequest+1)} {
			args := [][]byte{[]byte(wrong)}
			if f == "Anchor" {
				args = append(args, make([]byte, 32))
			}
			check(l.invoke(north, f, args...))
		}
	}
	for _, wrong := range []string{
		`{"origin": "` + northLog + `"}`, `{"Origin":"` + northLog + `"}`, `{"origin":"` + northLog + `"}` + "\n",
		`{"origin":"x","origin":"` + northLog + `"}`, `{"origin":"` + northLog + `","more":1}`, `{"origin":"\u006eorth-hospital/n1/changes.0"}`,
	} {
		check(l.invoke(north, "Head", []byte(wrong)))
	}
	l.refuse(Argument, north, "ReportFork", ForkRequest{Origin: northLog, First: strings.Repeat("x", maxRequest)})
	l.refuse(Denied, "", "Head", OriginRequest{Origin: northLog})
	if o := l.invoke(north, "Head", []byte(`{"origin":"`+northLog+`"}`)); o.Status != shim.OK {
		t.Errorf("the canonical form is refused: %s", o.Message)
	}
}

// The names and forms that other programs depend on.
func TestForms(t *testing.T) {
	l := newLedger(t)
	log := newTestLog(t, northLog, 1).add(3, 0)
	l.invoke(north, "RegisterSource", []byte(`{"origin":"`+northLog+`","key":"`+log.key.verifier+`"}`))
	q, rows := log.anchor(0, 3)
	o := l.accept(nil, north, "Anchor", q, rows)
	root, _ := q.Root.MarshalText()
	sent := sha256.Sum256(rows)
	quoted := string(mustEncode(t, q.Checkpoint))
	anchor := `{"v":1,"origin":"` + northLog + `","oldSize":0,"size":3,"root":"` + string(root) + `","commitments":"` +
		base64.StdEncoding.EncodeToString(sent[:]) + `","checkpoint":` + quoted + `,"transaction":"tx2"}`
	source := `{"v":1,"origin":"` + northLog + `","state":"open","keys":[{"key":"` + log.key.verifier + `","from":0,"until":0}]}`
	if got, want := string(o.Payload), `{"anchor":`+anchor+`,"repeated":false}`; got != want {
		t.Errorf("answer of Anchor\n%s, want\n%s", got, want)
	}
	if o.event != "anchor" || string(o.data) != string(o.Payload) {
		t.Errorf("event %s: %s", o.event, o.data)
	}
	keys := slices.Sorted(maps.Keys(l.state))
	if want := []string{"anchor:" + northLog + ":0000000000000003", "head:" + northLog, "source:" + northLog}; !slices.Equal(keys, want) {
		t.Errorf("keys %q, want %q", keys, want)
	}
	if got := string(l.state[keys[0]]); got != anchor {
		t.Errorf("state of the anchor\n%s", got)
	}
	if got := string(l.state[keys[2]]); got != source {
		t.Errorf("state of the source\n%s", got)
	}
	head := l.accept(nil, south, "Head", OriginRequest{Origin: northLog})
	if got, want := string(head.Payload), `{"source":`+source+`,"size":3,"root":"`+string(root)+`","checkpoint":`+quoted+`,"transaction":"tx2"}`; got != want {
		t.Errorf("answer of Head\n%s, want\n%s", got, want)
	}
	if got := string(l.accept(nil, south, "GetAnchor", AnchorQuery{Origin: northLog, Size: 3}).Payload); got != anchor {
		t.Errorf("answer of GetAnchor\n%s", got)
	}
}

// State that this version did not write is not interpreted.
func TestForeignState(t *testing.T) {
	for _, key := range []string{sourceKey(northLog), headKey(northLog), anchorKey(northLog, 2)} {
		for _, change := range [][2]string{{`"v":1`, `"v":2`}, {`}`, ` }`}, {`{`, `[`}} {
			l := newLedger(t)
			log := registered(t, l, north, northLog).add(2, 0).anchored(l, north).add(1, 0)
			l.state[key] = []byte(strings.Replace(string(l.state[key]), change[0], change[1], 1))
			l.refuse(State, north, "Head", OriginRequest{Origin: northLog})
			if key == anchorKey(northLog, 2) {
				l.refuse(State, north, "GetAnchor", AnchorQuery{Origin: northLog, Size: 2})
				continue
			}
			q, rows := log.anchor(2, 3)
			l.refuse(State, north, "Anchor", q, rows)
			if key == sourceKey(northLog) {
				l.refuse(State, north, "ListSources", ListRequest{})
			}
		}
	}
	l := newLedger(t)
	log := registered(t, l, north, northLog).add(3, 0).anchored(l, north).add(1, 0)
	l.state[headKey(northLog)] = []byte(strings.Replace(string(l.state[headKey(northLog)]), `"size":3`, `"size":4`, 1))
	q, rows := log.add(1, 0).anchor(4, 5)
	l.refuse(State, north, "Anchor", q, rows)
}

// Whichever call to the peer fails, the function is refused as a whole.
func TestFailingPeer(t *testing.T) {
	l := newLedger(t)
	log := registered(t, l, north, northLog).add(2, 0).anchored(l, north)
	key := log.key.verifier
	q, rows := log.add(2, 0).anchor(2, 4)
	for function, args := range map[string][][]byte{
		"RegisterSource": {mustEncode(t, RegisterRequest{Origin: north + "/n2/changes.0", Key: keyOf(t, north+"/n2/changes.0", 1).verifier})},
		"AddKey":         {mustEncode(t, KeyRequest{Origin: northLog, Key: keyOf(t, northLog, 2).verifier, From: 5})},
		"RevokeKey":      {mustEncode(t, KeyRequest{Origin: northLog, Key: key, From: 5})},
		"CloseSource":    {mustEncode(t, OriginRequest{Origin: northLog})},
		"Anchor":         {mustEncode(t, q), rows},
		"ReportFork":     {mustEncode(t, ForkRequest{northLog, log.key.sign(t, northLog, 4, Hash{1}), log.key.sign(t, northLog, 4, Hash{2})})},
		"Head":           {mustEncode(t, OriginRequest{Origin: northLog})},
		"GetAnchor":      {mustEncode(t, AnchorQuery{Origin: northLog, Size: 2})},
		"ListSources":    {mustEncode(t, ListRequest{})},
	} {
		args = append([][]byte{[]byte(function)}, args...)
		failures := 0
		for at := 1; ; at++ {
			o := (&ledger{t: t, state: l.state, failAt: at}).endorse(north, args)
			if o.Status == shim.OK {
				break
			}
			failures++
			if !strings.HasPrefix(o.Message, string(State)+": ") || o.Status != 500 || at > 20 {
				t.Fatalf("%s, call %d: %d %q", function, at, o.Status, o.Message)
			}
		}
		if failures < 2 {
			t.Errorf("%s made only %d calls", function, failures)
		}
	}
}
