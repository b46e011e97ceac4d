package policy

import (
	"encoding/binary"
	"sync"
)

// maxMemory limits the cached decisions. A node sees few different questions: one
// per token, interaction and type.
const maxMemory = 8192

// memory caches the decisions of one program. They need no expiry: a program never
// changes, its functions are pure, and programs that can see the time of the
// request have no memory.
type memory struct {
	mu        sync.RWMutex
	decisions map[string]remembered
}

// remembered is a decision, and the question that it answers.
type remembered struct {
	Decision
	asked *question
}

func newMemory() *memory { return &memory{decisions: map[string]remembered{}} }

func (m *memory) get(key []byte) (Decision, bool) {
	if m == nil {
		return Decision{}, false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	d, ok := m.decisions[string(key)]
	d.asked.asked()
	return d.Decision, ok
}

func (m *memory) put(key []byte, d Decision, asked *question) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.decisions) >= maxMemory {
		clear(m.decisions)
	}
	m.decisions[string(key)] = remembered{d, asked}
}

// appendKey appends an input without its time. A length precedes every value, so
// that different inputs have different keys.
func (in *Input) appendKey(key []byte) []byte {
	a := &in.Agent
	for _, s := range [...]string{
		a.Subject, a.Role, a.Organization, a.Patient, a.Client,
		in.Purpose, in.Interaction, in.Action, in.Type, in.Node.Organization,
	} {
		key = appendText(key, s)
	}
	for i := range a.Scopes {
		key = appendText(key, a.Scopes[i].Context)
		key = appendText(key, a.Scopes[i].Type)
		key = appendText(key, a.Scopes[i].Actions)
	}
	return key
}

func appendText(key []byte, s string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))), s...)
}
