package auth

import (
	"crypto/sha256"
	"sync"
)

const cached = 1024

// cache remembers claims whose signature held, because verifying costs more than
// everything else in a request. Times and audience are checked again at each
// use. When full it starts afresh: simple, bounded, and right.
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
