package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/aceso-health/aceso/durable"
	"github.com/aceso-health/aceso/store"
)

// keyFile is the file of all wrapped part keys, in slots. New keys wait in memory until
// settle writes them, all with one sync; a writer settles before it commits, and what was
// sealed with a key that still waits is not written. A destroyed key is overwritten where
// it stands, and its slot used again. No key ever moves or is copied, so that is the only place.
// Rows of a database are none such: copies stay in its free pages and its log.
type keyFile struct {
	dir      string
	readOnly bool // another process may be writing the file
	fault    func(op string) error

	writing sync.Mutex // held by who writes the file; taken before mu

	mu        sync.Mutex
	file      *os.File // nil: there is none yet
	count     int      // slots that the file has
	at        map[keyOwner]int
	twins     map[keyOwner][]int // further slots of owners with more than one
	free      []int              // rising
	fresh     map[keyOwner]*freshKey
	failed    error          // why fresh keys wait
	destroyed int64          // counts
	dead      map[keyID]bool // destroyed by this process: what was sealed with one is not written
	read      time.Time
}

// openKeyFile opens the folder's file for writing, and makes it if it is not there.
func openKeyFile(dir string, o Options) (*keyFile, error) {
	k := &keyFile{dir: dir, fault: o.Fault}
	err := k.create()
	if err == nil {
		err = k.clearHalf(o.Report)
	}
	if err == nil {
		err = k.takeOldKeys(o.Report)
	}
	if err != nil {
		return k, fmt.Errorf("open keys of parts: %w", err)
	}
	return k, nil
}

func (k *keyFile) path() string { return filepath.Join(k.dir, keysFile) }

// probe writes what waits, and the head anew.
func (k *keyFile) probe() error {
	if err := k.settle(); err != nil {
		return err
	}
	k.writing.Lock()
	defer k.writing.Unlock()
	err := k.allowed("write")
	if err == nil {
		err = k.writeHead()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", keysFile, err)
	}
	return durable.SyncData(k.file)
}

func (k *keyFile) writeHead() error {
	var head slot
	copy(head[:], keyHead)
	_, err := k.file.WriteAt(head[:], 0)
	return err
}

// create opens the file, and begins it if it has not been begun: a crash may have left
// less than one slot.
func (k *keyFile) create() (err error) {
	if k.file, err = os.OpenFile(k.path(), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	info, err := k.file.Stat()
	if err != nil || info.Size() >= slotSize {
		return err
	}
	if err = k.writeHead(); err == nil {
		err = k.file.Sync()
	}
	if err != nil {
		return err
	}
	return durable.SyncFolder(k.dir)
}

// index reads which keys the file has. It returns the slots at the end that were not
// written whole: what is damaged between whole ones is left to the check.
func (k *keyFile) index() (half []int, err error) {
	info, err := k.file.Stat()
	if err != nil {
		return nil, err
	}
	k.at, k.twins = make(map[keyOwner]int, info.Size()/slotSize), map[keyOwner][]int{}
	k.free, k.count, k.read = nil, 0, time.Now()
	err = k.scan(func(n int, s *slot) error {
		k.count = n + 1
		switch {
		case n == 0:
			return nil
		case s.free():
			k.free = append(k.free, n)
			return nil
		case s.whole():
			half = half[:0]
		default:
			half = append(half, n)
		}
		k.place(s.id().owner(), n)
		return nil
	})
	return half, err
}

func (k *keyFile) place(owner keyOwner, n int) {
	if _, taken := k.at[owner]; taken {
		k.twins[owner] = append(k.twins[owner], n)
		return
	}
	k.at[owner] = n
}

// scan visits all whole slots; slot 0 must be the head.
func (k *keyFile) scan(visit func(n int, s *slot) error) error {
	if k.file == nil {
		return nil
	}
	const atOnce = 4096
	buffer := make([]byte, atOnce*slotSize)
	for first := 0; ; first += atOnce {
		size, err := k.file.ReadAt(buffer, int64(first)*slotSize)
		for i := range size / slotSize {
			s := (*slot)(buffer[i*slotSize:])
			if first+i == 0 && string(s[:len(keyHead)]) != keyHead {
				return &store.Finding{File: keysFile, Table: "slots", Row: "0", What: "is no file of keys of parts, or one of a newer version"}
			}
			if err := visit(first+i, s); err != nil {
				return err
			}
		}
		if size < len(buffer) {
			return unlessEnd(err)
		}
	}
}

// clearHalf empties what a power cut left half written at the end. No record was sealed
// with such a key.
func (k *keyFile) clearHalf(report func(string)) error {
	half, err := k.index()
	if err != nil || len(half) == 0 {
		return err
	}
	report(fmt.Sprintf("%s ends with %d keys that were not written whole, and that no record can have used: they are removed", keysFile, len(half)))
	for _, n := range half {
		if err := k.clear(n); err != nil {
			return err
		}
	}
	if err := durable.SyncData(k.file); err != nil {
		return err
	}
	_, err = k.index()
	return err
}

func (k *keyFile) clear(n int) error {
	if err := k.allowed("clear"); err != nil {
		return err
	}
	_, err := k.file.WriteAt(make([]byte, slotSize), int64(n)*slotSize)
	return err
}

func (k *keyFile) allowed(op string) error {
	if k.readOnly {
		return errReadOnly
	}
	if k.fault == nil {
		return nil
	}
	return k.fault(keysFile + " " + op)
}

// slots are the places of an owner's keys.
func (k *keyFile) slots(owner keyOwner) []int {
	first, ok := k.at[owner]
	if !ok {
		return nil
	}
	return append([]int{first}, k.twins[owner]...)
}

func (k *keyFile) load(n int) (s slot, err error) {
	_, err = k.file.ReadAt(s[:], int64(n)*slotSize)
	return s, unlessEnd(err)
}

func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// find returns the first key of an owner for which wanted holds; fs.ErrNotExist if there
// is none. One that is damaged counts as none: nothing can be opened with it.
func (k *keyFile) find(owner keyOwner, wanted func(keyID) bool) (id keyID, wrapped []byte, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	id, wrapped, err = k.look(owner, wanted)
	if errors.Is(err, fs.ErrNotExist) && k.readOnly {
		changed, failed := k.refresh()
		if failed != nil {
			return id, nil, failed
		}
		if changed {
			return k.look(owner, wanted)
		}
	}
	return id, wrapped, err
}

func (k *keyFile) look(owner keyOwner, wanted func(keyID) bool) (id keyID, wrapped []byte, err error) {
	if f := k.fresh[owner]; f != nil && wanted(f.id) {
		wrapped, err = f.data.wrapped()
		return f.id, wrapped, err
	}
	for _, n := range k.slots(owner) {
		s, err := k.load(n)
		if err != nil {
			return id, nil, err
		}
		if id = s.id(); id.owner() != owner || !wanted(id) {
			continue
		}
		if wrapped, err = s.wrapped(); err == nil {
			return id, wrapped, nil
		}
	}
	return id, nil, fs.ErrNotExist
}

// refresh reads the file again if another process may have written it since.
func (k *keyFile) refresh() (changed bool, err error) {
	there, err := k.opened()
	if err != nil || !there {
		return false, err
	}
	info, err := k.file.Stat()
	if err != nil || k.at != nil && info.ModTime().Before(k.read.Add(-clockStep)) {
		return false, err
	}
	_, err = k.index()
	return true, err
}

// opened opens the file for reading, if there is one with a head.
func (k *keyFile) opened() (bool, error) {
	if k.file == nil {
		f, err := os.Open(k.path())
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		k.file = f
	}
	info, err := k.file.Stat()
	return err == nil && info.Size() >= slotSize, err
}

// clockStep is more than a file system's clock may be behind.
const clockStep = time.Second

// freshMost bounds the keys that wait while the disk is full. A transaction may have
// 50,000 entries.
const freshMost = 200_000

// destroy overwrites all keys of an owner where they stand, those too that were written
// by an attempt that failed, and says whether there were any.
func (k *keyFile) destroy(owner keyOwner) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.destroyed++
	all := k.slots(owner)
	if f := k.fresh[owner]; f != nil && f.slot != 0 {
		all = append(all, f.slot)
	}
	if err := k.bury(owner, all); err != nil {
		return err
	}
	for _, n := range all {
		if err := k.clear(n); err != nil {
			return err
		}
	}
	if len(all) > 0 {
		if err := durable.SyncData(k.file); err != nil {
			return err
		}
	}
	delete(k.fresh, owner)
	delete(k.at, owner)
	delete(k.twins, owner)
	k.free = append(k.free, all...)
	slices.Sort(k.free)
	return nil
}

// bury remembers which keys are being destroyed: records that were sealed with one may be on
// their way to be written.
func (k *keyFile) bury(owner keyOwner, slots []int) error {
	if k.dead == nil {
		k.dead = map[keyID]bool{}
	}
	if f := k.fresh[owner]; f != nil {
		k.dead[f.id] = true
	}
	for _, n := range slots {
		s, err := k.load(n)
		if err != nil {
			return err
		}
		k.dead[s.id()] = true
	}
	return nil
}

// each visits the durable keys.
func (k *keyFile) each(visit func(id keyID, wrapped []byte) error) error {
	return k.scan(func(n int, s *slot) error {
		if n == 0 || s.free() {
			return nil
		}
		wrapped, err := s.wrapped()
		if err != nil {
			return fmt.Errorf("%s slot %d: %w", keysFile, n, err)
		}
		return visit(s.id(), wrapped)
	})
}

func anyKey(keyID) bool { return true }

// erasures counts what was destroyed.
func (k *keyFile) erasures() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.destroyed
}

func (k *keyFile) close() error {
	if k == nil || k.file == nil {
		return nil
	}
	return k.file.Close()
}
