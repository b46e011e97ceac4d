package ledgerbridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"
)

// Anchors lists the anchors of one log on a network's ledger, as this node saw them
// become final, from size 0 on and without a gap. The file has lines of one length, so
// bisection finds the anchor that covers a record. It copies what the channel holds:
// following the channel fills a lost file again, so nothing is synced and a damaged
// end is cut off.
//
// Clients that wait for an anchor meet the shipper here. Anchors never asks the ledger.
type Anchors struct {
	channel string

	mu      sync.Mutex
	file    *os.File
	count   int64         // lines
	listed  Anchor        // the last line
	last    Anchor        // the last one known; ahead of listed while the list is being filled
	changed chan struct{} // closed and replaced when last or listed changes
	failed  error
	oldest  struct {
		seq  int64
		time time.Time
	}

	wanted chan struct{} // holds a value while a client waits
}

const (
	anchorLine   = "%016d %016d %016d %s %64s"
	anchorLength = 3*17 + len(anchorTime) + 1 + 64 + 1 + 8 + 1
	anchorTime   = "2006-01-02T15:04:05Z"
)

// OpenAnchors opens or creates the list of a log's anchors on a channel.
func OpenAnchors(path, channel string) (*Anchors, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open anchors: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open anchors: %w", err)
	}
	a := &Anchors{channel: channel, file: f, changed: make(chan struct{}), wanted: make(chan struct{}, 1)}
	if err := a.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open anchors: %w", err), f.Close())
	}
	return a, nil
}

// load finds the last intact line.
func (a *Anchors) load() error {
	info, err := a.file.Stat()
	if err != nil {
		return err
	}
	for a.count = info.Size() / int64(anchorLength); a.count > 0; a.count-- {
		if a.listed, err = a.read(a.count - 1); err == nil {
			break
		}
	}
	a.last = a.listed
	return a.file.Truncate(a.count * int64(anchorLength))
}

func (a *Anchors) read(i int64) (Anchor, error) {
	line := make([]byte, anchorLength)
	if _, err := a.file.ReadAt(line, i*int64(anchorLength)); err != nil {
		return Anchor{}, err
	}
	found := Anchor{Channel: a.channel}
	var at string
	if _, err := fmt.Sscanf(string(line), anchorLine, &found.OldSize, &found.Size, &found.Block, &at, &found.Transaction); err != nil {
		return Anchor{}, fmt.Errorf("line %d of the list of anchors: %w", i+1, err)
	}
	var err error
	if found.Time, err = time.Parse(anchorTime, at); err != nil || !bytes.Equal(found.line(), line) {
		return Anchor{}, fmt.Errorf("line %d of the list of anchors is damaged; remove the file, and the node rebuilds it", i+1)
	}
	return found, nil
}

func (a Anchor) line() []byte {
	text := fmt.Appendf(nil, anchorLine, a.OldSize, a.Size, a.Block, a.Time.UTC().Format(anchorTime), a.Transaction)
	return fmt.Appendf(text, " %08x\n", crc32.ChecksumIEEE(text))
}

// Add lists a final anchor. A known one changes nothing; one that leaves a gap is
// only kept as the last.
func (a *Anchors) Add(anchor Anchor) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	anchor.Channel = a.channel
	if anchor.Size > a.last.Size {
		a.last = anchor
		a.tell()
	}
	if anchor.OldSize != a.listed.Size || anchor.Size <= a.listed.Size {
		return nil
	}
	line := anchor.line()
	if len(line) != anchorLength {
		return fmt.Errorf("transaction %q of an anchor is not one of Fabric's", anchor.Transaction)
	}
	if _, err := a.file.WriteAt(line, a.count*int64(anchorLength)); err != nil {
		return fmt.Errorf("write anchors: %w", err)
	}
	a.count++
	a.listed = anchor
	if anchor.Size == a.last.Size {
		a.last = anchor
	}
	a.tell()
	return nil
}

func (a *Anchors) tell() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// Fail keeps the reason why anchoring failed; nil clears it, but a *Contradiction stays.
func (a *Anchors) Fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := errors.AsType[*Contradiction](a.failed); !ok {
		a.failed = err
	}
}

// Err returns what Fail kept last.
func (a *Anchors) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

// Last returns the last anchor; size 0 if there is none. Its block is 0 while only its
// transaction is known.
func (a *Anchors) Last() Anchor {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// Listed returns the last anchor of the list: following the channel goes on there.
func (a *Anchors) Listed() Anchor {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.listed
}

// Covering returns the first anchor whose tree holds the record at seq.
func (a *Anchors) Covering(seq int64) (anchor Anchor, found bool, err error) {
	a.mu.Lock()
	listed, last, count := a.listed, a.last, a.count
	a.mu.Unlock() // lines never change, so they are read without the lock
	if seq >= listed.Size {
		return last, last.OldSize <= seq && seq < last.Size && last.Transaction != "" && last.Block > 0, nil
	}
	at := sort.Search(int(count-1), func(i int) bool {
		if err == nil {
			anchor, err = a.read(int64(i))
		}
		return err != nil || seq < anchor.Size
	})
	if err == nil {
		anchor, err = a.read(int64(at))
	}
	return anchor, err == nil, err
}

// Wanted has a value while a client waits for an anchor.
func (a *Anchors) Wanted() <-chan struct{} { return a.wanted }

func (a *Anchors) await(ctx context.Context, seq int64) (Anchor, bool) {
	for {
		a.mu.Lock()
		changed := a.changed
		a.mu.Unlock()
		anchor, found, err := a.Covering(seq)
		if err != nil || found {
			return anchor, found
		}
		select {
		case a.wanted <- struct{}{}:
		default:
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Anchor{}, false
		}
	}
}

// timeOf returns when the record at seq was made. It caches the last answer: callers
// ask for the same record until it is anchored.
func (a *Anchors) timeOf(ctx context.Context, log Log, seq int64) (time.Time, error) {
	a.mu.Lock()
	known := a.oldest
	a.mu.Unlock()
	if known.seq == seq && !known.time.IsZero() {
		return known.time, nil
	}
	err := log.Rows(ctx, seq, seq+1, func(row Row) error {
		known.seq, known.time = seq, row.Time
		return io.EOF
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return time.Time{}, fmt.Errorf("read row %d of %s: %w", seq, log.Source(), err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.oldest = known
	return known.time, nil
}

// Close closes the file.
func (a *Anchors) Close() error { return a.file.Close() }
