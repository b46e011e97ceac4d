package web

import "time"

// Proof is the page about one record.
type Proof struct {
	Frame
	AuditEvent  string
	Source      string
	Seq         int64
	Commitment  [32]byte
	At          time.Time // of the record
	Facts       []Fact    // what else it says
	Leaf        [32]byte
	Path        []Step // from the leaf to the root
	Size        int64  // of the tree under the checkpoint
	Root        [32]byte
	Checkpoint  string  // the signed note
	Waits       bool    // for its anchor on a network's ledger
	Anchor      *Anchor // nil if the proof names no place on a network's ledger
	Receipt     string  // the reader's, "" if none
	ReceiptFits bool
}

// Fact is one line about a record.
type Fact struct {
	Name, Value string
	Mono        bool // a code, not a word
}

// Step is one level of the path.
type Step struct {
	Sibling    [32]byte
	Left       bool
	BesideFrom int64
	BesideTo   int64
	Node       [32]byte
	BelowFrom  int64
	BelowTo    int64
}

// Picture draws the proof.
func (p Proof) Picture() Picture { return draw(p) }
