package ledgerbridge

import (
	"errors"
	"fmt"
	"slices"

	"github.com/transparency-dev/merkle/rfc6962"
)

// ErrRefused says that a ledger refused a batch for what it says: the log was
// forked, cut or skipped ahead. Trying again does not help.
var ErrRefused = errors.New("ledger: batch refused")

// Extends checks that a batch continues head: the frontier is that of the head, and
// frontier and commitments together give the root that the checkpoint states. A
// batch that is already the head is reported as repeated.
func (b *Batch) Extends(head Head) (repeated bool, err error) {
	refuse := func(why string) (bool, error) {
		return false, fmt.Errorf("%w: %s at size %d: %s", ErrRefused, b.Source, b.OldSize, why)
	}
	size := b.OldSize + int64(len(b.Commitments))
	c, err := ParseCheckpoint(b.Checkpoint)
	if err != nil || c.Source != b.Source || c.Size != size || c.Root != b.Root {
		return refuse("the checkpoint is not for these rows")
	}
	if size == head.Size && b.Root == head.Root {
		return true, nil
	}
	if b.OldSize != head.Size {
		return refuse(fmt.Sprintf("the ledger is at size %d", head.Size))
	}
	if len(b.Commitments) == 0 {
		return refuse("nothing is new")
	}
	tree, err := ranges.NewRange(0, uint64(b.OldSize), slices.Clone(slicesOf(b.Frontier)))
	if err != nil {
		return refuse("the frontier has the wrong length")
	}
	if b.OldSize > 0 && rootOf(tree) != head.Root {
		return refuse("the rows before are not those of the ledger")
	}
	for _, commitment := range b.Commitments {
		if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(commitment[:]), nil); err != nil {
			return refuse(err.Error())
		}
	}
	if rootOf(tree) != b.Root {
		return refuse("the new rows do not give the new root")
	}
	return false, nil
}
