package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/aceso-health/aceso/durable"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// freshKey is a key that is not yet durable. Its slot is 0 before the first attempt to
// write it, after which the file may hold it.
type freshKey struct {
	id   keyID
	data slot
	slot int
}

// grow is how many slots at least the file grows by. They are written as zeros: to
// write into what is there already costs the file system no entry in its journal.
const grow = 512

// ensure adds a key unless the owner has one, and returns the owner's.
func (k *keyFile) ensure(id keyID, wrapped []byte) (keyID, []byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	has, there, err := k.look(id.owner(), anyKey)
	if errors.Is(err, fs.ErrNotExist) {
		return id, wrapped, k.add(id, wrapped)
	}
	return has, there, err
}

// add lets a key wait for settle; the caller holds mu.
func (k *keyFile) add(id keyID, wrapped []byte) error {
	if k.readOnly {
		return errReadOnly
	}
	data, err := newSlot(id, wrapped)
	if err != nil {
		return err
	}
	if len(k.fresh) >= freshMost {
		return store.Unavailable(fmt.Errorf("%d keys of new patients wait to be written: %w", freshMost, k.failed))
	}
	if k.fresh == nil {
		k.fresh = map[keyOwner]*freshKey{}
	}
	k.fresh[id.owner()] = &freshKey{id: id, data: data}
	return nil
}

// errDestroyed says that a part was sealed with a key that no longer exists.
var errDestroyed = errors.New("a record was sealed with a key that has been destroyed since")

// durable fails if one of the parts was sealed with a key that is not durable, or that has
// been destroyed since.
func (k *keyFile) durable(parts []ledgerbridge.PartRow) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.fresh) == 0 && len(k.dead) == 0 {
		return nil
	}
	for i := range parts {
		id, ok := parseKeyID(parts[i].Key)
		if !ok {
			continue
		}
		if k.dead[id] {
			return store.Unavailable(errDestroyed)
		}
		if f := k.fresh[id.owner()]; f != nil && f.id == id {
			return store.Unavailable(fmt.Errorf("the key of a new patient is not durable: %w", k.failed))
		}
	}
	return nil
}

// settle makes the keys durable that wait. If it fails they go on waiting, and durable
// tells.
func (k *keyFile) settle() error {
	k.writing.Lock()
	defer k.writing.Unlock()
	batch, err := k.batch()
	if len(batch) == 0 {
		return err
	}
	if err == nil {
		err = k.write(batch)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed = err; err != nil {
		return fmt.Errorf("write %s: %w", keysFile, err)
	}
	for _, f := range batch {
		delete(k.fresh, f.id.owner())
		k.place(f.id.owner(), f.slot)
	}
	return nil
}

// batch gives each key that waits a slot.
func (k *keyFile) batch() (batch []*freshKey, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range k.fresh {
		batch = append(batch, f)
	}
	for _, f := range batch {
		if f.slot != 0 {
			continue
		}
		if len(k.free) == 0 {
			if err := k.extend(len(batch)); err != nil {
				k.failed = err
				return batch, err
			}
		}
		f.slot, k.free = k.free[0], k.free[1:]
	}
	slices.SortFunc(batch, func(a, b *freshKey) int { return a.slot - b.slot })
	return batch, nil
}

// extend adds free slots at the end.
func (k *keyFile) extend(n int) error {
	n = max(n, grow)
	if err := k.allowed("grow"); err != nil {
		return err
	}
	if _, err := k.file.WriteAt(make([]byte, n*slotSize), int64(k.count)*slotSize); err != nil {
		return err
	}
	for range n {
		k.free = append(k.free, k.count)
		k.count++
	}
	return nil
}

// write writes a batch, neighbours at once, and syncs.
func (k *keyFile) write(batch []*freshKey) error {
	if err := k.allowed("write"); err != nil {
		return err
	}
	for len(batch) > 0 {
		first, n := batch[0].slot, 1
		data := batch[0].data[:]
		for n < len(batch) && batch[n].slot == first+n {
			data = append(data, batch[n].data[:]...)
			n++
		}
		if _, err := k.file.WriteAt(data, int64(first)*slotSize); err != nil {
			return err
		}
		batch = batch[n:]
	}
	if err := k.allowed("sync"); err != nil {
		return err
	}
	return durable.SyncData(k.file)
}
