package auth

import (
	"crypto/sha256"
	"sync"
)

const cached = 1024

// cache keeps claims with a valid signature, because to verify one costs more than
// the rest of a request. Each use checks times and audience again. A full cache is
// emptied: simple and bounded.
type cache struct {
	mu     sync.RWMutex
	claims map[[sha256.Size]byte]*Claims
}

func (c *cache) get(token string) (*Claims, bool) {
	sum := sha256.Sum256([]byte(token))
	c.mu.RLock()
	defer c.mu.RUnlock()
	claims, found := c.claims[sum]
	return claims, found
}

func (c *cache) put(token string, claims *Claims) {
	sum := sha256.Sum256([]byte(token))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.claims == nil || len(c.claims) >= cached {
		c.claims = make(map[[sha256.Size]byte]*Claims)
	}
	c.claims[sum] = claims
}
