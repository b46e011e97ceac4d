package fabric_test

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/devnet"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

// longLog is a log of which only the commitments matter: it may have millions.
type longLog struct {
	*logtest.Log
	size atomic.Int64
}

func (l *longLog) Size(context.Context) (int64, error) { return l.size.Load(), nil }

func (l *longLog) Rows(_ context.Context, from, to int64, visit func(ledgerbridge.Row) error) error {
	for seq := from; seq < to; seq++ {
		row := ledgerbridge.Row{Seq: seq, Salt: sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(seq)))}
		commitment := hmac.New(sha256.New, row.Salt[:])
		commitment.Write([]byte("aceso.entry.v1\x00"))
		row.Commitment = [32]byte(commitment.Sum(nil))
		if err := visit(row); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkAnchor measures how fast one source is anchored, serially, on a network of
// three organisations with blocks after 200 ms. 720,000 records are an hour's outage
// at 200 records a second.
func BenchmarkAnchor(b *testing.B) {
	if os.Getenv("ACESO_BENCH_FABRIC") == "" {
		b.Skip("SKIPPED: set ACESO_BENCH_FABRIC=1 to start a network for it")
	}
	net := startNetwork(b, devnet.Options{Orgs: devnet.OrgNames(3), BatchTimeout: 200 * time.Millisecond})
	run := 0
	for _, kind := range []struct{ most, records int64 }{{1000, 50_000}, {5000, 200_000}, {5000, 720_000}} {
		b.Run(fmt.Sprintf("records=%d/most=%d", kind.records, kind.most), func(b *testing.B) {
			for b.Loop() {
				run++
				took := anchorLong(b, net, fmt.Sprintf("org1/bench%d/accesses.0", run), kind.most, kind.records)
				b.ReportMetric(float64(kind.records)/took.Seconds(), "records/s")
				b.ReportMetric(took.Seconds(), "s")
			}
		})
	}
}

// anchorLong is how long a log takes from nothing to wholly anchored.
func anchorLong(b *testing.B, net *network, source string, most, records int64) time.Duration {
	log := &longLog{Log: logtest.New(source)}
	folder := b.TempDir()
	anchors := must(ledgerbridge.OpenAnchors(filepath.Join(folder, "anchors"), "aceso"))
	defer anchors.Close()
	key := must(ledgerbridge.VerifierKey(source, logtest.Key("log").Public().(ed25519.PublicKey)))
	journal := must(ledgerbridge.OpenJournal(b.Context(), ledgerbridge.JournalConfig{
		Log: log, Ledger: new(logtest.Ledger), Anchors: anchors,
		Signer: must(ledgerbridge.NewSigner(source, logtest.Key("log"))), Keys: must(ledgerbridge.ParseKeys([]string{key})),
	}))
	log.size.Store(records)
	must(journal.Checkpoint(b.Context()))
	c := must(fabric.Open(net.profile("org1"), time.Now()))
	defer c.Close()
	s := must(fabric.NewShipper(fabric.ShipperConfig{
		Contract: c, Journal: journal, Anchors: anchors, Key: key, Folder: folder,
		Cadence: fabric.Cadence{Age: time.Second, Most: most}, Log: slog.New(slog.DiscardHandler),
	}))
	begin := time.Now()
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
	defer cancel()
	stop := run(s)
	defer stop()
	if _, ok := journal.AwaitAnchor(ctx, records-1); !ok {
		b.Fatalf("anchored %d of %d: %v", anchors.Last().Size, records, anchors.Err())
	}
	return time.Since(begin)
}
