package ledgerbridge

import (
	"crypto/hmac"
	"crypto/sha256"
	"math/rand/v2"
	"testing"
)

func TestHMACAgainstStandardLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(2104, 1))
	for length := range 300 {
		var key sum
		message := make([]byte, length)
		for i := range key {
			key[i] = byte(rng.Uint32())
		}
		for i := range message {
			message[i] = byte(rng.Uint32())
		}
		mac := hmac.New(sha256.New, key[:])
		mac.Write([]byte("label\x00"))
		mac.Write(message)
		got := closeHMAC(&key, append(openHMAC(make([]byte, 0, length%100), &key, "label\x00"), message...))
		if !hmac.Equal(mac.Sum(nil), got[:]) {
			t.Fatalf("message of %d bytes: %x", length, got)
		}
	}
}
