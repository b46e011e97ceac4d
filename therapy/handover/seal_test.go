package handover

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aceso-health/aceso/therapy/engine"
)

// A code is read as it was made, and no other text is taken for one.
func TestCodesAreRead(t *testing.T) {
	s, err := New("SEAL-0042", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	code := s.Code()
	if read, err := Parse(" " + strings.ToLower(code) + "\n"); err != nil || read != s {
		t.Errorf("%s is read as %v: %v", code, read, err)
	}
	if strings.Trim(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ:-") != "" || len(code) > 90 {
		t.Errorf("%s does not fit the alphanumeric mode of a QR code", code)
	}
	for i := range code {
		other := []byte(code)
		other[i] = map[bool]byte{true: '0', false: '1'}[other[i] != '0']
		if _, err := Parse(string(other)); err == nil && string(other) != code {
			t.Errorf("%s is taken for a code", other)
		}
	}
	checked := func(text string) string { return text + ":" + check(text) }
	for _, bad := range []string{"", "ACS1", checked("ACS2:1:" + s.Nonce), checked("ACS1::" + s.Nonce), checked("ACS1:1:" + s.Nonce[2:]),
		checked("ACS1:1:2:" + s.Nonce), checked("ACS1:é:" + s.Nonce), checked("ACS1:1:" + strings.Repeat("U", 32))} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is taken for a code", bad)
		}
	}
}

// Nonces are random, and without randomness there is no seal.
func TestNoncesAreRandom(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		s, err := New("1", rand.Reader)
		if err != nil || seen[s.Nonce] {
			t.Fatalf("%v: %v", s, err)
		}
		seen[s.Nonce] = true
	}
	if s, err := New("1", iotest.ErrReader(errors.New("empty"))); err == nil || s != (Seal{}) {
		t.Errorf("without randomness: %v", s)
	}
	for _, number := range []string{"", "a", "1:2", strings.Repeat("1", 41)} {
		if _, err := New(number, rand.Reader); err == nil {
			t.Errorf("%q is taken for a number", number)
		}
	}
}

// Giver and receiver come to the same commitment if and only if they read the same.
func TestCommitmentsAreEqualIfReadingsAre(t *testing.T) {
	s, err := New("7", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	given, err := Commitment(Scans(s, "coi", "product", "bag", "1", "logger"))
	if err != nil {
		t.Fatal(err)
	}
	scans := Scans(s, "coi", "product", "bag", "1", "logger")
	for i := range scans {
		other := append([]engine.Scan(nil), scans...)
		other[i].Value += "x"
		if taken, err := Commitment(other); err != nil || taken == given {
			t.Errorf("another %s gives the same commitment: %v", scans[i].What, err)
		}
		if _, err := Commitment(append(other[:i:i], other[i+1:]...)); err == nil || !strings.Contains(err.Error(), scans[i].What+" was not scanned") {
			t.Errorf("without %s: %v", scans[i].What, err)
		}
	}
	if taken, err := Commitment(scans); err != nil || taken != given {
		t.Errorf("the same reading gives another commitment: %v", err)
	}
}
