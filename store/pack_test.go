package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

func TestPack(t *testing.T) {
	for _, body := range []string{"", "{}", strings.Repeat(`{"resourceType":"Patient"}`, 50), string(bytes.Repeat([]byte{0}, 1<<20))} {
		got, err := Unpack(Pack([]byte(body)))
		if err != nil || string(got) != body || got == nil {
			t.Errorf("%d bytes became %d: %v", len(body), len(got), err)
		}
	}
	if b, err := Unpack(Pack(nil)); b != nil || err != nil {
		t.Errorf("nothing became %v: %v", b, err)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(dictionary2)); sum != "ac48ed8452c0f58750875331c1f85bc879acacd789a1b4a4809acbeab704135a" {
		t.Errorf("the dictionary was changed to %s: existing data can no longer be read", sum)
	}
	for _, junk := range [][]byte{{}, {2}, {9, 1}, {packS2}, {packS2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}, {packS2, 10, 1}, {packDictionary, 10, 1}} {
		if b, err := Unpack(junk); err == nil {
			t.Errorf("%x became %x", junk, b)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(Pack([]byte(strings.Repeat("abc", 100))))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = Unpack(b) })
}
