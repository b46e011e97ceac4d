package fabric

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// Contract is the ledger as a shipper uses it; *Channel is one. Anchor MUST return nil
// only if the anchor is final. Follow visits what valid transactions did to a log,
// in order, from a block on, until ctx ends or visit fails; it may do so earlier, and
// visit an event again.
type Contract interface {
	Head(ctx context.Context, origin string) (chaincode.Head, error)
	GetAnchor(ctx context.Context, origin string, size int64) (chaincode.Anchor, error)
	Register(ctx context.Context, origin, key string) error
	AddKey(ctx context.Context, origin, key string, from int64) error
	Anchor(ctx context.Context, b ledgerbridge.Batch) (ledgerbridge.Anchor, error)
	Follow(ctx context.Context, origin string, block uint64, visit func(Event) error) error
}

// Cadence sets when waiting records are sent, and how many at once.
type Cadence struct {
	Age  time.Duration // send when the oldest is so old ...
	Most int64         // ... or when so many wait, which is as many as one transaction takes; at most chaincode.MaxCommitments
}

// Usual is the cadence of a node. A few large transactions cost the machines of a channel
// less than many small ones: each makes every peer write to disk.
var Usual = Cadence{Age: 2 * time.Second, Most: chaincode.MaxCommitments}

// ShipperConfig configures a Shipper.
type ShipperConfig struct {
	Contract Contract
	Journal  *ledgerbridge.Journal
	Anchors  *ledgerbridge.Anchors // the journal's
	Key      string                // verifier key of the journal's signer, named after its source
	Folder   string                // keeps outbox and evidence; the shipper's alone
	Cadence  Cadence
	Metrics  *Metrics
	Log      *slog.Logger
	Pause    func(try int) time.Duration // between attempts; nil means 200 ms to 5 s
}

// Shipper anchors one log. It seals a batch before it sends it, has at most one batch
// under way, resends it until the ledger has it, and after any failure compares the
// ledger's head with the log. A contradiction stops it for ever.
//
// It may be started and stopped at any time: its state is in the ledger and its folder.
type Shipper struct {
	ShipperConfig
	source string
	outbox outbox
	out    *sealed   // under way, nil if none
	begun  time.Time // when it was taken
	head   int64     // size of the ledger's head when last compared, or anchored since
	known  bool      // head was compared, and nothing failed since
	begin  bool      // head was compared once
	said   string    // cause of the last logged failure, "" if there is none
	saidAt time.Time
	halt   func() // ends Run

	under atomic.Int64 // size of the batch under way, 0 if none
	mine  atomic.Int64 // this shipper sent the anchors up to here, or found them
}

// NewShipper continues what an earlier shipper left in the folder.
func NewShipper(c ShipperConfig) (*Shipper, error) {
	s := &Shipper{ShipperConfig: c, source: c.Journal.Source()}
	if s.Pause == nil {
		s.Pause = usualPause
	}
	if s.Metrics == nil {
		s.Metrics = NewMetrics()
	}
	s.Metrics.alarms.WithLabelValues(s.source).Set(0)
	s.outbox = outbox(s.file("outbox.json"))
	out, err := s.outbox.read(c.Journal)
	if err != nil {
		return nil, err
	}
	s.take(out)
	return s, nil
}

func (s *Shipper) file(kind string) string { return filepath.Join(s.Folder, FileName(s.source, kind)) }

// FileName names one of a source's files in the folder of its channel. Names of sources
// have no underscore, so no two share a file.
func FileName(source, kind string) string { return strings.ReplaceAll(source, "/", "_") + "." + kind }

// take makes a batch the one under way.
func (s *Shipper) take(out *sealed) {
	s.out, s.begun = out, time.Now()
	s.under.Store(0)
	if out != nil {
		s.under.Store(out.size)
	}
}

// Run anchors until ctx ends or the ledger contradicts the log.
func (s *Shipper) Run(ctx context.Context) {
	ctx, s.halt = context.WithCancel(ctx)
	defer s.halt()
	var witness sync.WaitGroup
	defer witness.Wait()
	begin := sync.OnceFunc(func() { witness.Go(func() { s.watch(ctx) }) })
	for try := 0; ctx.Err() == nil; {
		err := s.step(ctx, begin)
		if ctx.Err() != nil {
			return
		}
		s.note(err)
		if err == nil {
			try = 0
			continue
		}
		sleep(ctx, s.pause(err, try))
		try++
	}
}

// step brings one batch onto the ledger. After any failure the next step begins by
// comparing heads: the batch may have arrived.
func (s *Shipper) step(ctx context.Context, compared func()) (err error) {
	defer func() {
		if err != nil {
			s.known = false
		}
		if r, ok := errors.AsType[*Refusal](err); ok && r.Prefix == chaincode.Signature {
			s.take(nil) // sealed with a revoked key: the next step seals it with the current one
		}
	}()
	if !s.known {
		if err := s.resume(ctx); err != nil {
			return err
		}
		s.known = true
		compared()
	}
	if s.out == nil {
		if s.Journal.Last().Size <= s.head { // otherwise the next batch will tell
			s.note(nil)
		}
		if err := s.seal(ctx); err != nil {
			return err
		}
	}
	return s.send(ctx)
}

// seal waits until a batch is due and fixes it.
func (s *Shipper) seal(ctx context.Context) error {
	to, err := s.due(ctx)
	if err != nil {
		return err
	}
	b, err := s.Journal.Batch(ctx, s.head, to)
	if err != nil {
		return err
	}
	out, err := s.outbox.seal(b)
	if err != nil {
		return err
	}
	out.batch = &b
	s.take(out)
	return nil
}

// due waits until a batch may be sent, and returns its end.
func (s *Shipper) due(ctx context.Context) (int64, error) {
	tick := time.NewTicker(min(max(s.Cadence.Age/8, 5*time.Millisecond), 250*time.Millisecond))
	defer tick.Stop()
	var oldest, seen time.Time
	var hurry bool
	for {
		waiting := s.Journal.Last().Size - s.head
		if waiting > 0 && oldest.IsZero() {
			standing, err := s.Journal.Standing(ctx)
			if err != nil {
				return 0, err
			}
			oldest, seen = standing.Oldest, time.Now() // the clock may be set back in between
		}
		if waiting >= s.Cadence.Most || waiting > 0 && (hurry || max(time.Since(oldest), time.Since(seen)) >= s.Cadence.Age) {
			return s.head + min(waiting, s.Cadence.Most), nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-s.Anchors.Wanted():
			hurry = true
			if _, err := s.Journal.Checkpoint(ctx); err != nil {
				return 0, err
			}
		}
	}
}

// send tries the batch under way once.
func (s *Shipper) send(ctx context.Context) error {
	b, err := s.unsealed(ctx)
	if err != nil {
		return err
	}
	anchor, err := s.Contract.Anchor(ctx, *b)
	if err != nil {
		return err
	}
	s.Metrics.durations.WithLabelValues(s.source).Observe(time.Since(s.begun).Seconds())
	s.head = anchor.Size
	s.mine.Store(anchor.Size)
	s.take(nil)
	if anchor.Block == 0 { // it was there before, see resume
		anchor.OldSize = anchor.Size
	}
	return s.Anchors.Add(anchor)
}

// unsealed returns the batch under way. After a restart it reads the commitments again;
// the root tells whether they changed.
func (s *Shipper) unsealed(ctx context.Context) (*ledgerbridge.Batch, error) {
	if s.out.batch != nil {
		return s.out.batch, nil
	}
	if err := s.holdsSealed(ctx); err != nil {
		return nil, err
	}
	b, err := s.Journal.Batch(ctx, s.out.OldSize, s.out.size)
	if err != nil {
		return nil, err
	}
	if b.Root != s.out.root {
		own := ledgerbridge.Checkpoint{Source: s.source, Size: s.out.size, Root: b.Root, Note: b.Checkpoint}
		return nil, s.contradiction(own, s.out.Checkpoint, "its records up to %d are not those of the sealed batch: the log was changed since", s.out.size)
	}
	b.Checkpoint = []byte(s.out.Checkpoint)
	s.out.batch = &b
	return &b, nil
}

// note reports the outcome of a step to log, metrics and list of anchors.
func (s *Shipper) note(err error) {
	if err == nil {
		s.Anchors.Fail(nil)
		if s.said != "" {
			s.Log.Info("the ledger takes records again", "source", s.source)
		}
		s.said = ""
		return
	}
	s.Metrics.failures.WithLabelValues(s.source, causeOf(err)).Inc()
	if c, ok := errors.AsType[*ledgerbridge.Contradiction](err); ok {
		s.alarm(c)
		return
	}
	s.Anchors.Fail(err)
	if cause := causeOf(err); cause != s.said || time.Since(s.saidAt) > quiet {
		s.Log.Warn("records could not be anchored; they wait", "source", s.source, "error", err)
		s.said, s.saidAt = cause, time.Now()
	}
}

// quiet is how long a repeated failure is not logged.
const quiet = time.Minute

// alarm reports a contradiction and ends Run.
func (s *Shipper) alarm(c *ledgerbridge.Contradiction) {
	s.Anchors.Fail(c)
	s.Metrics.alarms.WithLabelValues(s.source).Set(1)
	s.Log.Error("ALARM: the ledger contradicts this node", "source", s.source, "finding", c.What)
	s.halt()
}

func (s *Shipper) pause(err error, try int) time.Duration {
	if lasting(err) {
		return lastingPause
	}
	return s.Pause(try)
}

// usualPause grows from 200 ms to 5 s, with jitter so that nodes differ.
func usualPause(try int) time.Duration {
	d := min(5*time.Second, 200*time.Millisecond<<min(try, 5))
	return d/2 + rand.N(d/2)
}

// lastingPause separates attempts while a person must change something first.
const lastingPause = 30 * time.Second

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
