package web

import "time"

// Ledger is the page about all logs of a node.
type Ledger struct {
	Frame
	Organization, Node string
	At                 time.Time
	Sources            []Source
}

// Source is one log.
type Source struct {
	Name         string
	Unknown      bool // nothing but name and state is known
	Size         int64
	Checkpointed int64
	Until        time.Time // of the last record that is checkpointed
	Local        bool      // the ledger is a file of this node
	Elsewhere    bool      // another node anchors it, and knows how far
	Anchor       *Anchor   // the last one on a network's ledger, nil if there is none
	Waiting      int64     // records that the ledger does not hold yet
	Age          time.Duration
	State        string // a word
	Tone         Tone
	Alarm        string // what is wrong, a sentence, or ""
	Newest       string // AuditEvent of the newest record that is checkpointed, or ""
}

// Anchor is where a network's ledger holds a checkpoint.
type Anchor struct {
	Size                 int64
	Channel, Transaction string
	Block                uint64
	BlockHash            string // hexadecimal; "" if there is no evidence, only the node's own note
	Endorsements         int    // peers that signed that they hold the anchor
}

// Tone colours a word about a state.
type Tone string

// The tones.
const (
	Good  Tone = "good"
	Plain Tone = "plain"
	Warn  Tone = "warn"
	Bad   Tone = "bad"
)

// Local reports whether all logs are anchored only in a file of this node.
func (l Ledger) Local() bool {
	for _, s := range l.Sources {
		if !s.Local {
			return false
		}
	}
	return true
}
