package auth

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/aceso-health/aceso/agent"
)

const cached = 1024

// verified is a token with a valid signature, whose times and audience held at a moment.
type verified struct {
	claims *Claims
	since  time.Time
	caller *agent.Agent // of a request that chooses no purpose of use; nil if it must, or is refused

	by      *trusted // who has signed it ...
	edition uint64   // ... with one of these keys
}

// signed says that the key which has signed the token still counts.
func (v *verified) signed() bool {
	edition, counts := v.by.edition()
	return counts && edition == v.edition
}

// holds says that times and audience hold at another moment, too. Otherwise they are
// checked again.
func (v *verified) holds(now time.Time) bool {
	return !now.Before(v.since) && now.Before(v.claims.Expires)
}

// cache keeps tokens with a valid signature, because to verify one costs more than
// the rest of a request. A full cache is emptied: simple and bounded.
type cache struct {
	mu     sync.RWMutex
	tokens map[[sha256.Size]byte]*verified
}

// fingerprint does not copy a token of the usual length to the heap.
func fingerprint(token string) [sha256.Size]byte {
	var room [1536]byte
	return sha256.Sum256(append(room[:0], token...))
}

func (c *cache) get(token string) *verified {
	sum := fingerprint(token)
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tokens[sum]
}

func (c *cache) put(token string, v *verified) {
	sum := fingerprint(token)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tokens == nil || len(c.tokens) >= cached {
		c.tokens = make(map[[sha256.Size]byte]*verified)
	}
	c.tokens[sum] = v
}
