package fabric_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
)

// passing are the failures after which the same batch is sent again, or found to
// have arrived: nothing is lost, nothing is doubled.
func passing() map[string]error {
	return map[string]error{
		"peer unreachable":         status.Error(codes.Unavailable, "connection refused"),
		"deadline":                 status.Error(codes.DeadlineExceeded, "context deadline exceeded"),
		"error in simulation":      status.Error(codes.Aborted, "failed to endorse transaction: error in simulation"),
		"failed to collect":        status.Error(codes.Aborted, "failed to collect enough transaction endorsements"),
		"no combination of peers":  status.Error(codes.FailedPrecondition, "no combination of peers can be derived"),
		"too many requests":        status.Error(codes.Unknown, "too many requests"),
		"read conflict":            &fabric.Invalid{Code: peer.TxValidationCode_MVCC_READ_CONFLICT},
		"phantom":                  &fabric.Invalid{Code: peer.TxValidationCode_PHANTOM_READ_CONFLICT},
		"endorsement policy":       &fabric.Invalid{Code: peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		"a peer that lags":         refusal(chaincode.Gap),
		"ahead, but the same log":  refusal(chaincode.Behind),
		"a peer without the key":   refusal(chaincode.Signature),
		"a peer without the log":   refusal(chaincode.NotFound),
		"a peer's state":           refusal(chaincode.State),
		"one peer's word of forks": refusal(chaincode.Fork), // one's own head says otherwise
	}
}

func TestPassingFailures(t *testing.T) {
	for name, err := range passing() {
		for _, arrives := range []bool{false, true} {
			if arrives && errors.As(err, new(*fabric.Refusal)) {
				continue // a refusal writes nothing
			}
			t.Run(name, func(t *testing.T) {
				n, c := newNode(t, origin), newContract()
				c.fault = func(try int) fault {
					if try == 1 || try == 2 {
						return fault{err: err, arrives: arrives}
					}
					return fault{}
				}
				n.add(5)
				stop := run(n.shipper(c, quick))
				eventually(t, "the first batch", n.anchored(5))
				n.add(7)
				eventually(t, "the second batch", n.anchored(12))
				n.add(1)
				eventually(t, "the third batch", n.anchored(13))
				eventually(t, "no error", func() bool { return n.anchors.Err() == nil })
				stop()
				if !arrives {
					sameAgain(t, c)
				}
				n.gapless(13)
				if strings.Contains(n.logged(), "ALARM") {
					t.Errorf("an alarm:\n%s", n.logged())
				}
			})
		}
	}
}

// sameAgain checks that the batch of the second attempt was sent until it arrived.
func sameAgain(t *testing.T, c *fakeContract) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tries) != 5 {
		t.Errorf("%d attempts, want 5", len(c.tries))
	}
	for _, again := range c.tries[2:4] {
		if !bytes.Equal(again.Checkpoint, c.tries[1].Checkpoint) {
			t.Error("another batch was sent instead of the sealed one")
		}
	}
}

// gapless checks that every record has exactly one anchor, as the ledger has it.
func (n *fakeNode) gapless(size int64) {
	n.t.Helper()
	eventually(n.t, "the list of anchors", func() bool { return n.anchors.Listed().Size == size })
	for seq := int64(0); seq < size; {
		a, ok, err := n.journal.Anchor(seq)
		if !ok || err != nil || a.OldSize != seq || a.Block == 0 || a.Channel != "records" {
			n.t.Fatalf("record %d: %+v %v %v", seq, a, ok, err)
		}
		seq = a.Size
	}
}

// Configuration errors are said and tried again slowly; nothing is sent meanwhile.
func TestLastingFailures(t *testing.T) {
	for name, err := range map[string]error{
		"another organisation": refusal(chaincode.Denied),
		"not understood":       refusal(chaincode.Argument),
		"sizes":                refusal(chaincode.Size),
		"checkpoint":           refusal(chaincode.Checkpoint),
		"closed":               refusal(chaincode.Closed),
		"no chaincode":         &fabric.Misconfigured{What: "there is no chaincode"},
	} {
		t.Run(name, func(t *testing.T) {
			n, c := newNode(t, origin), newContract()
			c.fault = func(int) fault { return fault{err: err} }
			n.add(5)
			stop := run(n.shipper(c, quick))
			eventually(t, "an error", func() bool { return n.anchors.Err() != nil })
			stop()
			if len(c.tries) != 1 || !errors.Is(n.anchors.Err(), err) {
				t.Errorf("%d attempts, then %v", len(c.tries), n.anchors.Err())
			}
		})
	}
}

// What contradicts the log stops its anchoring for good, and leaves both checkpoints.
func TestContradictions(t *testing.T) {
	for name, test := range map[string]struct {
		start func(*fakeNode, *fakeContract)
		says  string
		kept  int64 // size of the checkpoints that are kept
	}{
		"another root":              {func(n *fakeNode, c *fakeContract) { c.plant(n.t, origin, 5); n.add(8) }, "another root for its first 5", 5},
		"ledger ahead, another log": {func(n *fakeNode, c *fakeContract) { c.plant(n.t, origin, 9); n.add(8) }, "the ledger holds 9 records of this log, this node only 8", 0},
		"restored from a backup": {func(n *fakeNode, c *fakeContract) {
			n.add(8)
			stop := run(n.shipper(c, quick))
			eventually(n.t, "8 records", n.anchored(8))
			stop()
			*n = *newNode(n.t, origin)
			n.add(3)
		}, "restored from a backup", 0},
		"fork while it runs": {func(n *fakeNode, c *fakeContract) {
			c.fault = func(int) fault {
				return fault{err: refusal(chaincode.Fork), first: func() { c.plant(n.t, origin, 4) }}
			}
			n.add(8)
		}, "another root for its first 4", 4},
		"marked": {func(n *fakeNode, c *fakeContract) {
			n.add(8)
			c.known = true
			c.head.Source = chaincode.Source{Version: 1, Origin: origin, State: "forked", Fork: &chaincode.Evidence{Size: 3, Reporter: "lab", First: "a", Second: "b"}}
		}, "marked as forked at size 3 by lab", 3},
	} {
		t.Run(name, func(t *testing.T) {
			n, c := newNode(t, origin), newContract()
			test.start(n, c)
			s := n.shipper(c, quick)
			s.Run(t.Context()) // it ends by itself
			var denied *ledgerbridge.Contradiction
			if err := n.anchors.Err(); !errors.As(err, &denied) || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("ended with %v, want %q", err, test.says)
			}
			if !strings.Contains(n.logged(), "ALARM") {
				t.Errorf("no alarm:\n%s", n.logged())
			}
			if err := n.shipper(c, quick).Compare(t.Context()); !errors.As(err, &denied) {
				t.Errorf("the next start says %v", err)
			}
			if test.kept == 0 {
				return
			}
			checkKept(t, denied, test.kept, name == "marked")
		})
	}
}

// A log that is restored and forked once more leaves the evidence of the first fork
// where it is.
func TestForkedTwice(t *testing.T) {
	n, c := newNode(t, origin), newContract()
	c.plant(t, origin, 1)
	var kept []string
	for range 3 {
		n.log = newNode(t, origin).log
		n.open("log")
		n.add(3)
		for range 2 { // the second start says the same
			var denied *ledgerbridge.Contradiction
			if err := n.shipper(c, quick).Compare(t.Context()); !errors.As(err, &denied) {
				t.Fatalf("the start says %v", err)
			}
			checkKept(t, denied, 1, false)
		}
		files, err := filepath.Glob(filepath.Join(n.folder, "*.fork-1*.json"))
		if err != nil || len(files) != len(kept)+1 {
			t.Fatalf("after %d forks: %q", len(kept)+1, files)
		}
		kept = files
	}
}

func checkKept(t *testing.T, c *ledgerbridge.Contradiction, size int64, others bool) {
	t.Helper()
	_, path, ok := strings.Cut(c.What, "Both checkpoints are in ")
	data, err := os.ReadFile(path)
	if !ok || err != nil {
		t.Fatalf("no file is named: %v", err)
	}
	if others {
		return
	}
	q, err := fabric.ReadFork(data)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := ledgerbridge.ParseCheckpoint([]byte(q.First))
	second, err := ledgerbridge.ParseCheckpoint([]byte(q.Second))
	if err != nil || first.Size != size || second.Size != size || first.Root == second.Root {
		t.Errorf("kept %+v and %+v (%v)", first, second, err)
	}
}

// A source that another process anchors, with the same records so far, is noticed.
func TestAnchorOfSomebodyElse(t *testing.T) {
	n, c := newNode(t, origin), newContract()
	n.add(4)
	stop := run(n.shipper(c, quick))
	defer stop()
	eventually(t, "the first anchor", n.anchored(4))
	p, err := n.sealer.Prepare(t.Context(), ledgerbridge.Draft{Action: "R"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.log.Append(p); err != nil { // no checkpoint yet: the shipper does not see it
		t.Fatal(err)
	}
	c.anchorLog(n, 4, 5)
	eventually(t, "an alarm", func() bool { return strings.Contains(n.logged(), "somebody else anchors this log") })
	n.add(2)
	eventually(t, "going on", n.anchored(7))
	n.gapless(7)
}

// anchorLog anchors rows of a log past its shipper.
func (f *fakeContract) anchorLog(n *fakeNode, from, to int64) {
	n.t.Helper()
	b, err := n.journal.Batch(n.t.Context(), from, to)
	if err != nil {
		n.t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.take(b); err != nil {
		n.t.Fatal(err)
	}
}

// A batch that was sealed is the one that goes after a restart, though more waits.
func TestSealedBatchSurvivesRestart(t *testing.T) {
	n, c := newNode(t, origin), newContract()
	c.fault = func(int) fault { return fault{err: status.Error(codes.Unavailable, "down")} }
	n.add(4)
	stop := run(n.shipper(c, quick))
	eventually(t, "an attempt", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.tries) > 0 })
	stop()
	n.open("log")
	n.add(3)
	c.mu.Lock()
	c.tries, c.fault = nil, nil
	c.mu.Unlock()
	stop = run(n.shipper(c, quick))
	eventually(t, "all", n.anchored(7))
	stop()
	if len(c.tries) != 2 || c.tries[0].OldSize != 0 || len(c.tries[0].Commitments) != 4 {
		t.Errorf("sent %d batches, the first with %d records", len(c.tries), len(c.tries[0].Commitments))
	}
}

// A log that has lost records that were sealed, but never arrived, says so at the start.
func TestCutAfterSealing(t *testing.T) {
	n, c := newNode(t, origin), newContract()
	c.fault = func(int) fault { return fault{err: status.Error(codes.Unavailable, "down")} }
	n.add(4)
	stop := run(n.shipper(c, quick))
	eventually(t, "an attempt", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.tries) > 0 })
	stop()
	n.log.Damage(func(rows []ledgerbridge.Row) []ledgerbridge.Row { return rows[:3] })
	n.open("log")
	var denied *ledgerbridge.Contradiction
	s := n.shipper(c, quick)
	if err := s.Compare(t.Context()); !errors.As(err, &denied) || !strings.Contains(err.Error(), "sealed a batch up to record 4 for the ledger and holds only 3") {
		t.Errorf("the start says %v", err)
	}
	if s.Run(t.Context()); !errors.As(n.anchors.Err(), &denied) {
		t.Errorf("ended with %v", n.anchors.Err())
	}
}

// A log that was changed after a batch of it was sealed contradicts itself.
func TestChangedAfterSealing(t *testing.T) {
	n, c := newNode(t, origin), newContract()
	c.fault = func(int) fault { return fault{err: status.Error(codes.Unavailable, "down")} }
	n.add(4)
	stop := run(n.shipper(c, quick))
	eventually(t, "an attempt", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.tries) > 0 })
	stop()
	n.log = newNode(t, origin).log
	n.open("log")
	n.add(4)
	n.shipper(c, quick).Run(t.Context())
	if err := n.anchors.Err(); err == nil || !strings.Contains(err.Error(), "the log was changed since") {
		t.Errorf("ended with %v", err)
	}
}

// A node that signs with another key adds it; the list of anchors that was lost is
// made again from the channel.
func TestNewKeyAndLostList(t *testing.T) {
	n, c := newNode(t, origin), newContract()
	n.add(4)
	stop := run(n.shipper(c, quick))
	eventually(t, "the first anchor", n.anchored(4))
	stop()
	if err := os.Remove(filepath.Join(n.folder, "anchors")); err != nil {
		t.Fatal(err)
	}
	n.open("next")
	n.add(2)
	stop = run(n.shipper(c, quick))
	defer stop()
	eventually(t, "the next anchor", n.anchored(6))
	n.gapless(6)
	if k := c.head.Source.Keys; len(k) != 2 || k[1].Verifier != n.key || k[1].From != 5 {
		t.Errorf("keys %+v", k)
	}
}

// Another node that shares the database knows the anchors, too.
func TestFill(t *testing.T) {
	n, c := newNode(t, origin), newContract()
	n.add(4)
	stop := run(n.shipper(c, quick))
	defer stop()
	eventually(t, "the first anchor", n.anchored(4))
	list, err := ledgerbridge.OpenAnchors(filepath.Join(t.TempDir(), "x"), "records")
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	for _, size := range []int64{4, 6, 7} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); fabric.Fill(ctx, c, origin, list) }()
		if more := size - n.anchors.Last().Size; more > 0 {
			n.add(int(more))
		}
		eventually(t, "the list", func() bool { return list.Listed().Size == size })
		cancel()
		<-ended
	}
	if a, ok, err := list.Covering(5); !ok || err != nil || a.OldSize != 4 {
		t.Errorf("record 5: %+v %v %v", a, ok, err)
	}
}

// Nothing is sent while nothing waits; many are cut into pieces; a wish is heard.
func TestCadence(t *testing.T) {
	n, c := newNode(t, origin), newContract()
	patient := fabric.Cadence{Age: time.Hour, Most: 120}
	stop := run(n.shipper(c, patient))
	defer stop()
	n.add(250)
	eventually(t, "200 and more", n.anchored(240))
	c.mu.Lock()
	for i, want := range []int{120, 120} {
		if got := len(c.tries[i].Commitments); got != want {
			t.Errorf("batch %d has %d records, want %d", i, got, want)
		}
	}
	c.mu.Unlock()
	if n.anchors.Last().Size != 240 {
		t.Errorf("anchored %d without need", n.anchors.Last().Size)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if a, ok := n.journal.AwaitAnchor(ctx, 249); !ok || a.Size != 250 {
		t.Errorf("waited for %+v %v", a, ok)
	}
}

// A ledger that cannot be asked at the start is no reason to stop; a channel that was
// made anew is one to say so.
func TestCompareAtStart(t *testing.T) {
	n, c := newNode(t, origin), newContract()
	n.add(4)
	c.down = status.Error(codes.Unavailable, "down")
	var denied *ledgerbridge.Contradiction
	var wrong *fabric.Misconfigured
	if err := n.shipper(c, quick).Compare(t.Context()); err == nil || errors.As(err, &denied) || errors.As(err, &wrong) {
		t.Errorf("while it is down: %v", err)
	}
	stop := run(n.shipper(c, quick))
	eventually(t, "an error", func() bool { return n.anchors.Err() != nil })
	c.mu.Lock()
	c.down = nil
	c.mu.Unlock()
	eventually(t, "an anchor", n.anchored(4))
	stop()
	if err := n.shipper(c, quick).Compare(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if err := n.shipper(newContract(), quick).Compare(t.Context()); !errors.As(err, &wrong) {
		t.Errorf("a channel that was made anew: %v", err)
	}
}

// A clock that was set back after records were made does not hold them up.
func TestClockSetBack(t *testing.T) {
	n, c := newNode(t, origin), newContract()
	n.log.Now = func() time.Time { return time.Now().Add(24 * time.Hour) }
	n.add(3)
	stop := run(n.shipper(c, fabric.Cadence{Age: 50 * time.Millisecond, Most: 100}))
	defer stop()
	eventually(t, "an anchor", n.anchored(3))
}

// A full disk holds records up, which is said once; then they go on.
func TestFullDisk(t *testing.T) {
	n, c := newNode(t, origin), newContract()
	n.add(4)
	full := filepath.Join(n.folder, fabric.FileName(origin, "outbox.json.new"))
	if err := os.Mkdir(full, 0o700); err != nil { // as good as full
		t.Fatal(err)
	}
	stop := run(n.shipper(c, quick))
	defer stop()
	eventually(t, "it fails", func() bool { return n.anchors.Err() != nil })
	for range 20 {
		time.Sleep(time.Millisecond)
		if n.anchors.Err() == nil {
			t.Fatal("it says that all is well")
		}
	}
	if said := n.logged(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "seal a batch") {
		t.Errorf("it said\n%s", said)
	}
	if err := os.Remove(full); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all", n.anchored(4))
	n.gapless(4)
	eventually(t, "all is well", func() bool { return n.anchors.Err() == nil })
}

// What is wrong with an outbox is said with what to do about it; then nothing is lost.
func TestDamagedOutbox(t *testing.T) {
	n, c := newNode(t, origin), newContract()
	c.fault = func(int) fault { return fault{err: status.Error(codes.Unavailable, "down")} }
	n.add(4)
	stop := run(n.shipper(c, quick))
	eventually(t, "an attempt", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.tries) > 0 })
	stop()
	path := filepath.Join(n.folder, fabric.FileName(origin, "outbox.json"))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "cut short": good[:len(good)/2], "zeros": make([]byte, len(good)), "of another log": bytes.ReplaceAll(good, []byte("/n1/"), []byte("/n2/")),
		"sizes that do not fit": bytes.Replace(good, []byte(`"oldSize":0`), []byte(`"oldSize":4`), 1),
		"a digit of the size":   bytes.Replace(good, []byte(`\n4\n`), []byte(`\n6\n`), 1),
		"a letter of the root":  letterAfter(good, `\n4\n`),
		"of the signature":      letterAfter(good, "changes.0 "),
	} {
		if bytes.Equal(bad, good) {
			t.Fatalf("%s: nothing was changed in %s", name, good)
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := fabric.NewShipper(fabric.ShipperConfig{Contract: c, Journal: n.journal, Anchors: n.anchors, Key: n.key, Folder: n.folder})
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "remove the file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	n.open("log")
	n.add(2)
	c.fault = nil
	stop = run(n.shipper(c, quick))
	defer stop()
	eventually(t, "all", n.anchored(6))
	n.gapless(6)
}

// letterAfter changes the tenth letter behind a text.
func letterAfter(data []byte, text string) []byte {
	changed := bytes.Clone(data)
	changed[bytes.LastIndex(data, []byte(text))+len(text)+10] ^= 3
	return changed
}
