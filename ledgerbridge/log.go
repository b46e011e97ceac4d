package ledgerbridge

import (
	"context"
	"strings"
	"time"
)

// Log is one append-only log (a source: organisation/node/changes.0) as a store
// keeps it. The store appends (Commit and Record): Seal and insert MUST happen in one
// transaction, and seq MUST be dense from 0.
type Log interface {
	// Source is "organisation/node/changes.0" or ".../accesses.0".
	Source() string
	// Size is the number of durable rows.
	Size(ctx context.Context) (int64, error)
	// Rows visits rows from <= seq < to in order, and stops at visit's error. It skips
	// missing rows: the caller MUST check for gaps.
	Rows(ctx context.Context, from, to int64, visit func(Row) error) error
	// Find returns at most limit matching sequence numbers, newest first, or oldest
	// first if f.Oldest.
	Find(ctx context.Context, f Filter, limit int) ([]int64, error)
	// ReadTile returns a stored tile or nil. Tiles are opaque to the store.
	ReadTile(ctx context.Context, level int, index int64) ([]byte, error)
	// WriteTiles stores tiles durably and replaces existing ones.
	WriteTiles(ctx context.Context, tiles []Tile) error
	// Erase empties all parts of a patient, and returns how many. In each row that has
	// one it MUST change all parts that e.Of names at once, as e.Empty says.
	Erase(ctx context.Context, e Erasure) (int64, error)
}

// BareLog is a Log that can leave out the parts, which the tree does not need: every
// record is read once more to grow it.
type BareLog interface {
	// BareRows is Rows with rows that have no Parts.
	BareRows(ctx context.Context, from, to int64, visit func(Row) error) error
}

// IsChanges tells a change log from an access log by its source.
func IsChanges(source string) bool { return strings.Contains(source, "/changes.") }

// Tile is a stored piece of the tree.
type Tile struct {
	Level int
	Index int64
	Data  []byte
}

// Filter selects rows for which all given fields hold; zero fields select everything.
type Filter struct {
	Patient  string // pseudonym in any part
	Target   string // pseudonym of an item or target in any part (PartRow.Target)
	Agent    string
	Action   string
	From, To time.Time // From <= Time < To

	OutcomeFrom, OutcomeTo int // OutcomeFrom <= Outcome < OutcomeTo; 0 means no limit

	Since, Before int64 // Since <= seq < Before; 0 means no limit
	Oldest        bool  // the oldest first: an order, not a condition
}

// PartKeys keeps the random key of each patient's parts, wrapped by the keyring,
// apart from everything else.
type PartKeys interface {
	// Keys returns the current keys of patients (pseudonyms), in their order, and makes
	// those that are missing. A new key MUST be durable before a record is whose parts
	// were sealed with it; a store MUST NOT write such a record otherwise.
	Keys(ctx context.Context, patients []string) ([]Secret, error)
	// Has says whether a patient has a key.
	Has(ctx context.Context, patient string) (bool, error)
	// Open returns the key with this id; fs.ErrNotExist if it was destroyed.
	Open(ctx context.Context, id string) ([]byte, error)
	// Destroy overwrites and removes all keys of the patient.
	Destroy(ctx context.Context, patient string) error
}

// Ledger anchors checkpoints: local (a signed file, the default) or fabric. Anchor MUST
// be idempotent for an identical batch, MUST refuse a batch that does not extend the
// ledger's head (see Batch.Extends), and MUST NOT return before the anchor is final.
type Ledger interface {
	Anchor(ctx context.Context, b Batch) (Anchor, error)
	// Head is the last anchored state of a source; size 0 if none.
	Head(ctx context.Context, source string) (Head, error)
}

// Batch is what one anchor carries.
type Batch struct {
	Source      string
	OldSize     int64
	Frontier    [][32]byte // roots of the perfect subtrees that cover the first OldSize rows, left to right
	Commitments [][32]byte // of rows OldSize .. OldSize+len-1
	Root        [32]byte   // of the tree after them
	Checkpoint  []byte     // C2SP signed note for size and root
}

// Anchor is where a batch is anchored; its strings are empty on the local ledger.
type Anchor struct {
	OldSize     int64 // the anchor added records OldSize .. Size-1
	Size        int64
	Channel     string
	Transaction string
	Block       uint64
	Time        time.Time // when this node learned of it; not evidence
}

// Head is the ledger's view of a source.
type Head struct {
	Size       int64
	Root       [32]byte
	Checkpoint []byte // nil if the ledger does not keep it
}
