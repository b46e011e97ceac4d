package audit

import (
	"bytes"
	"crypto/ed25519"
	"reflect"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

// A point is believed if a key of its node has signed it, and no byte of it was changed.
func TestPointsAreSigned(t *testing.T) {
	key, older := logtest.Key("log"), logtest.Key("older")
	public := func(keys ...ed25519.PrivateKey) (list []ed25519.PublicKey) {
		for _, k := range keys {
			list = append(list, k.Public().(ed25519.PublicKey))
		}
		return list
	}
	p := Point{
		Node: "hospital/n1", Program: "v1", Checks: Checks, Time: time.Date(2026, 5, 4, 1, 2, 3, 0, time.UTC),
		Heads: map[string]ledgerbridge.TreeHead{"hospital/n1/changes.0": {Size: 8, Root: [32]byte{2}}}, Turns: map[string]int64{"x": 1},
		Logs:     map[string]ledgerbridge.TreeHead{"hospital/n1/changes.0": {Size: 7, Root: [32]byte{1}}},
		Versions: Progress{Entries: map[string]int64{"hospital/n1/changes.0": 7}, Versions: 9, Turn: []byte("x")}, Store: []byte("mark"),
	}
	signed, err := p.Sign(older)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenPoint(signed, p.Node, public(key, older))
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := OpenPoint(signed, p.Node, public(key)); err == nil {
		t.Error("a point of a stranger's key was believed")
	}
	if _, err := OpenPoint(signed, "hospital/n2", public(older)); err == nil {
		t.Error("a point of another node was believed")
	}
	for i := range signed {
		changed := bytes.Clone(signed)
		changed[i] ^= 1
		if got, err := OpenPoint(changed, p.Node, public(older)); err == nil && !reflect.DeepEqual(got, p) {
			t.Fatalf("byte %d: %+v", i, got)
		}
		if _, err := OpenPoint(signed[:i], p.Node, public(older)); err == nil {
			t.Fatalf("the first %d bytes are believed", i)
		}
	}
	p.Checks++
	if signed, err = p.Sign(older); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPoint(signed, p.Node, public(older)); err == nil {
		t.Error("a point of other checks was believed")
	}
}

// What a key signed as something else is no point, and a point is no checkpoint.
func TestPointsAreNotCheckpoints(t *testing.T) {
	key := logtest.Key("log")
	signer, err := ledgerbridge.NewSigner("hospital/n1"+pointLog, key)
	if err != nil {
		t.Fatal(err)
	}
	other, err := note.Sign(&note.Note{Text: `{"node":"hospital/n1","checks":1}` + "\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPoint(other, "hospital/n1", []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}); err == nil {
		t.Error("another note was believed")
	}
	signed, err := Point{Node: "hospital/n1", Checks: Checks}.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledgerbridge.ParseCheckpoint(signed); err == nil {
		t.Error("a point passes for a checkpoint")
	}
}
