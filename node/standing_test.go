package node

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

// haltingLog is a log whose store does not answer while it is halted.
type haltingLog struct {
	*logtest.Log
	asked, goOn chan struct{}
}

func (l *haltingLog) Size(ctx context.Context) (int64, error) {
	if l.asked != nil {
		l.asked <- struct{}{}
		<-l.goOn
	}
	return l.Log.Size(ctx)
}

// waitingLog is a bridge with one log of which some records wait.
func waitingLog(t *testing.T, log ledgerbridge.Log, made *logtest.Log) *bridge {
	t.Helper()
	secret := ledgerbridge.Secret{ID: "s", Key: make([]byte, 32)}
	sealer, err := ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: "org1", Node: "n1", Parts: new(logtest.Keys), Pseudonyms: secret, Requests: []ledgerbridge.Secret{secret},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := sealer.Prepare(t.Context(), ledgerbridge.Draft{Action: "R"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.Append(p); err != nil {
		t.Fatal(err)
	}
	anchors, err := ledgerbridge.OpenAnchors(filepath.Join(t.TempDir(), "anchors"), "records")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = anchors.Close() })
	signer, err := ledgerbridge.NewSigner(log.Source(), ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	j, err := ledgerbridge.OpenJournal(t.Context(), ledgerbridge.JournalConfig{Log: log, Ledger: new(logtest.Ledger), Signer: signer, Anchors: anchors})
	if err != nil {
		t.Fatal(err)
	}
	b := &bridge{
		log:      slog.New(slog.DiscardHandler),
		journals: map[string]*ledgerbridge.Journal{log.Source(): j}, anchors: map[string]*ledgerbridge.Anchors{log.Source(): anchors},
	}
	b.serving, b.dontWait = context.WithCancel(t.Context())
	return b
}

// While somebody looks how many records wait, and the store takes its time to say so,
// changes go on.
func TestChangesDoNotWaitForMetrics(t *testing.T) {
	log := &haltingLog{Log: logtest.New("org1/n1/changes.0")}
	b := waitingLog(t, log, log.Log)
	b.ReadOnly = time.Hour
	log.asked, log.goOn = make(chan struct{}), make(chan struct{})
	ended := make(chan []ledgerbridge.Standing)
	go func() { ended <- b.standings(context.Background()) }()
	<-log.asked
	answered := make(chan error, 1)
	go func() { answered <- b.writable() }()
	select {
	case err := <-answered:
		if err != nil {
			t.Error(err)
		}
	case <-log.asked:
		t.Error("a change asks the store how many records wait")
		log.goOn <- struct{}{}
	case <-time.After(time.Minute):
		t.Error("a change waits for a lock")
	}
	log.goOn <- struct{}{}
	if all := <-ended; len(all) != 1 || all[0].Waiting != 1 {
		t.Errorf("%+v", all)
	}
}

// Changes end when records have waited for longer than the operator wants, with or
// without warnings, and go on when they are anchored.
func TestOverdue(t *testing.T) {
	log := logtest.New("org1/n1/changes.0")
	log.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	b := waitingLog(t, log, log)
	said := map[string]bool{}
	for limit, refused := range map[time.Duration]bool{0: false, 2 * time.Hour: false, time.Minute: true} {
		b.ReadOnly = limit
		b.look(t.Context(), said)
		if got := b.writable() != nil; got != refused {
			t.Errorf("limit %s: refused %v", limit, got)
		}
	}
	b.ReadOnly = time.Minute
	b.look(t.Context(), said)
	if err := b.anchors[log.Source()].Add(ledgerbridge.Anchor{Size: 1, Transaction: "x"}); err != nil {
		t.Fatal(err)
	}
	b.look(t.Context(), said)
	if err := b.writable(); err != nil {
		t.Errorf("all is anchored: %v", err)
	}
	for want, o := range map[time.Duration]Anchoring{
		time.Minute: {Warn: time.Hour}, 15 * time.Second: {Warn: time.Minute, ReadOnly: time.Hour}, time.Second: {ReadOnly: 2 * time.Second},
	} {
		if got := (&bridge{Anchoring: o}).lookEvery(); got != want {
			t.Errorf("looks every %s, want %s", got, want)
		}
	}
}

// Clients that wait cost something, so there is an end to them; those who do not find
// room are answered at once.
func TestTooManyClientsWait(t *testing.T) {
	log := logtest.New("org1/n1/changes.0")
	b := waitingLog(t, log, log)
	receipts := []string{ledgerbridge.Receipt{Source: log.Source()}.String()}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	ended := make(chan string, mostAwaiting)
	for range mostAwaiting {
		go func() { ended <- b.await(ctx, receipts) }()
	}
	until(t, "all wait", func() bool { return b.awaiting.Load() == mostAwaiting })
	if got := b.await(t.Context(), receipts); got != "pending" {
		t.Errorf("one more: %q", got)
	}
	leave()
	for range mostAwaiting {
		if got := <-ended; got != "pending" {
			t.Fatalf("%q", got)
		}
	}
	if err := b.anchors[log.Source()].Add(ledgerbridge.Anchor{Size: 1, Transaction: "ab", Block: 7}); err != nil {
		t.Fatal(err)
	}
	if got := b.await(t.Context(), receipts); got != "committed; transaction=ab; block=7" {
		t.Errorf("afterwards: %q", got)
	}
	go func() {
		ended <- b.await(t.Context(), []string{ledgerbridge.Receipt{Source: log.Source(), Seq: 1}.String()})
	}()
	until(t, "one waits", func() bool { return b.awaiting.Load() == 1 })
	b.answerWaiting()
	if got := <-ended; got != "pending" {
		t.Errorf("when the server stops: %q", got)
	}
}

func TestCadence(t *testing.T) {
	if c := (Anchoring{}).cadence(); c != fabric.Usual {
		t.Errorf("without flags: %+v", c)
	}
	if c := (Anchoring{Most: 300, Age: time.Second}).cadence(); c.Most != 300 || c.Age != time.Second {
		t.Errorf("with flags: %+v", c)
	}
}
