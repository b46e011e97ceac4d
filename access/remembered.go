package access

import "sync"

// mostRemembered bounds how many of a kind are remembered.
const mostRemembered = 10_000

// remembered is what a gate need not find again, by key: who callers are, which grants
// stand, what versions satisfy. It says nothing about how long that counts.
type remembered[V any] struct {
	mu    sync.Mutex
	known map[string]V
}

// recall is what is remembered by a key, which may be bytes so that nobody copies it.
func recall[V any, K string | []byte](m *remembered[V], key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, known := m.known[string(key)]
	return v, known
}

// put remembers; if there is no room, something else is forgotten.
func (m *remembered[V]) put(key string, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]V{}
	}
	for victim := range m.known {
		if len(m.known) < mostRemembered {
			break
		}
		delete(m.known, victim)
	}
	m.known[key] = v
}

func (m *remembered[V]) drop(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, key)
}
