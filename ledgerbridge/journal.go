package ledgerbridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// batchSize bounds one anchor, and so the memory of a catch-up.
const batchSize = 1 << 16

// JournalConfig is what a Journal needs.
type JournalConfig struct {
	Log      Log
	Ledger   Ledger
	Signer   note.Signer   // named after the log's source; see NewSigner; nil for reading only
	Keys     Keys          // public keys whose checkpoints count, Signer's among them
	Interval time.Duration // between checkpoints when there is something new; 0 means one second
	Report   func(error)   // called for each failed checkpoint in Run; may be nil
	Anchors  *Anchors      // on a network's ledger, beside Ledger; nil without one
}

// Journal grows the tree of one log, signs its checkpoints and anchors them. A
// record is journaled once its row is durable, checkpointed once a signed tree
// covers it, anchored once the ledger has that.
type Journal struct {
	cfg   JournalConfig
	grow  sync.Mutex // held while the tree grows
	tree  *tree      // as anchored; guarded by grow
	tried int64      // size of the last batch that was tried; guarded by grow

	mu   sync.Mutex // guards what follows
	last Checkpoint
	err  error
}

// errNoSigner means that a journal can only read: its log is another node's.
var errNoSigner = errors.New("another node makes the checkpoints of this log, and the next one is not there yet")

// State is how far a record has come.
type State string

// The states of a record.
const (
	Journaled    State = "journaled"
	Checkpointed State = "checkpointed"
	Anchored     State = "anchored"
)

// OpenJournal continues a log where its ledger ends. The log must extend the last
// checkpoint: CheckRow checks every row after it, the root checks the tree before it. A
// mismatch is a *Damage, and the node must not serve.
func OpenJournal(ctx context.Context, cfg JournalConfig) (*Journal, error) {
	j := &Journal{cfg: cfg}
	source := cfg.Log.Source()
	if cfg.Signer != nil && cfg.Signer.Name() != source {
		return nil, fmt.Errorf("open journal: the signer of %s cannot sign for %s", cfg.Signer.Name(), source)
	}
	head, err := cfg.Ledger.Head(ctx, source)
	if err != nil {
		return nil, fmt.Errorf("open journal of %s: %w", source, err)
	}
	if err := j.checkHead(head); err != nil {
		return nil, err
	}
	size, err := cfg.Log.Size(ctx)
	if err != nil {
		return nil, fmt.Errorf("open journal of %s: %w", source, err)
	}
	if size < head.Size {
		return nil, cutLog(source, size, head.Size)
	}
	if j.tree, err = openTree(ctx, cfg.Log, head); err != nil {
		return nil, err
	}
	err = eachRow(ctx, cfg.Log, head.Size, size, func(row *Row) error { return CheckRow(source, row.Seq, row) })
	if err != nil {
		return nil, err
	}
	j.last = Checkpoint{Source: source, Size: head.Size, Root: head.Root, Note: head.Checkpoint}
	return j, nil
}

func cutLog(source string, size, head int64) *Damage {
	return &Damage{Source: source, Seq: size, Column: "seq", What: fmt.Sprintf("the log ends here, but a checkpoint covers %d rows: rows were cut off", head)}
}

// checkHead verifies the ledger's checkpoint if the ledger keeps it.
func (j *Journal) checkHead(head Head) error {
	if head.Size == 0 || head.Checkpoint == nil {
		return nil
	}
	source := j.cfg.Log.Source()
	c, err := VerifyCheckpoint(head.Checkpoint, j.cfg.Keys)
	if err == nil && (c.Source != source || c.Size != head.Size || c.Root != head.Root) {
		err = errors.New("it is not for the size and root of the ledger's head")
	}
	if err != nil {
		return &Damage{Source: source, Seq: -1, Column: "checkpoint", What: err.Error()}
	}
	return nil
}

func openTree(ctx context.Context, log Log, head Head) (*tree, error) {
	t, err := loadTree(ctx, log, head.Size)
	if err != nil {
		return nil, err
	}
	if head.Size > 0 && t.root() != head.Root {
		return nil, &Damage{Source: log.Source(), Seq: -1, Column: "tiles", What: fmt.Sprintf("the stored tree of size %d has another root than its checkpoint", head.Size)}
	}
	return t, nil
}

// Source names the journal's log.
func (j *Journal) Source() string { return j.cfg.Log.Source() }

// Last returns the last checkpoint; its size is 0 if there is none.
func (j *Journal) Last() Checkpoint {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Err returns why the last checkpoint failed, nil if it did not.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// State returns how far the record at seq has come. On a ledger that is a file beside
// the log it is checkpointed at most. See Anchor for where it is anchored.
func (j *Journal) State(seq int64) State {
	switch {
	case seq >= j.Last().Size:
		return Journaled
	case j.cfg.Anchors != nil && seq < j.cfg.Anchors.Last().Size:
		return Anchored
	}
	return Checkpointed
}

// Run makes checkpoints until ctx ends, and then a last one. The log MUST stay open
// until Run returns.
func (j *Journal) Run(ctx context.Context) {
	interval := j.cfg.Interval
	if interval <= 0 {
		interval = time.Second
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			j.try(ctx)
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			j.try(end)
			return
		}
	}
}

func (j *Journal) try(ctx context.Context) {
	if _, err := j.Checkpoint(ctx); err != nil && ctx.Err() == nil && j.cfg.Report != nil {
		j.cfg.Report(err)
	}
}

// Checkpoint signs and anchors everything that the log holds. If nothing is new, it
// returns the last checkpoint.
func (j *Journal) Checkpoint(ctx context.Context) (Checkpoint, error) {
	j.grow.Lock()
	defer j.grow.Unlock()
	err := j.catchUp(ctx)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
	return j.last, err
}

func (j *Journal) catchUp(ctx context.Context) error {
	size, err := j.cfg.Log.Size(ctx)
	if err != nil {
		return fmt.Errorf("checkpoint of %s: %w", j.Source(), err)
	}
	if size < j.tree.size() {
		return cutLog(j.Source(), size, j.tree.size())
	}
	if size > j.tree.size() && j.cfg.Signer == nil {
		return fmt.Errorf("checkpoint of %s: %w", j.Source(), errNoSigner)
	}
	for from := j.tree.size(); from < size; from = j.tree.size() {
		to := min(size, from+batchSize)
		if j.tried > from { // the ledger may have it: only the same batch is no fork
			to = j.tried
		}
		j.tried = to
		if err := j.advance(ctx, to); err != nil {
			return err
		}
	}
	return nil
}

// advance brings the rows below to under a checkpoint: tiles first, then the anchor, so
// that an anchored tree can always be read back. Nothing in memory changes until the
// anchor is final, so a failed step is retried as a whole.
func (j *Journal) advance(ctx context.Context, to int64) error {
	grown, err := j.tree.clone()
	if err != nil {
		return fmt.Errorf("checkpoint of %s: %w", j.Source(), err)
	}
	b, err := grown.grow(ctx, j.cfg.Log, to)
	if err != nil {
		return err
	}
	if err := j.cfg.Log.WriteTiles(ctx, grown.take()); err != nil {
		return fmt.Errorf("write tiles of %s: %w", j.Source(), err)
	}
	c, err := j.sign(grown)
	if err != nil {
		return err
	}
	b.Checkpoint = c.Note
	if _, err := j.cfg.Ledger.Anchor(ctx, b); err != nil {
		return fmt.Errorf("anchor checkpoint of %s: %w", j.Source(), err)
	}
	j.tree = grown
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last = c
	return nil
}
