package fabric

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/aceso-health/aceso/durable"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// sealed is a batch, fixed before it is first sent, so that every retry sends the same.
// Its commitments are in the log; the root shows that they did not change.
type sealed struct {
	OldSize    int64  `json:"oldSize"`
	Checkpoint string `json:"checkpoint"` // names source, size and root

	size  int64
	root  [32]byte
	batch *ledgerbridge.Batch // nil until it is read again after a restart
}

// outbox is the file of the one batch of a source that may be under way.
type outbox string

// read returns the last sealed batch, nil if there is none. It checks the checkpoint's
// signature: a size or root that the disk changed would look like a cut or forked log,
// and stop the node.
func (o outbox) read(j *ledgerbridge.Journal) (*sealed, error) {
	data, err := os.ReadFile(string(o))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	s := new(sealed)
	var c ledgerbridge.Checkpoint
	if err = json.Unmarshal(data, s); err == nil {
		c, err = j.Verify([]byte(s.Checkpoint))
	}
	if err != nil || s.OldSize >= c.Size || s.OldSize < 0 {
		return nil, fmt.Errorf("the outbox %s does not hold a batch of %s: it was damaged. Nothing is lost with it: remove the file, and the node makes the batch again", string(o), j.Source())
	}
	s.size, s.root = c.Size, c.Root
	return s, nil
}

// seal makes a batch durable.
func (o outbox) seal(b ledgerbridge.Batch) (*sealed, error) {
	s := &sealed{OldSize: b.OldSize, Checkpoint: string(b.Checkpoint), size: b.OldSize + int64(len(b.Commitments)), root: b.Root}
	data, err := json.Marshal(s)
	if err == nil {
		err = durable.WriteFile(string(o), append(data, '\n'))
	}
	if err != nil {
		return nil, fmt.Errorf("seal a batch of %s: %w", b.Source, err)
	}
	return s, nil
}
