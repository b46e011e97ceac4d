package fabric_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
	"github.com/aceso-health/aceso/ledgerbridge/devnet"
	"github.com/aceso-health/aceso/ledgerbridge/devnet/devnettest"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
)

// network is a real Fabric network.
type network struct {
	*devnet.Network
	t testing.TB
}

func startNetwork(t testing.TB, o devnet.Options) *network {
	t.Helper()
	return &network{devnettest.Start(t, o), t}
}

func (n *network) profile(org string) *fabric.Profile {
	n.t.Helper()
	p, err := fabric.ReadProfile(n.Profile(org))
	if err != nil {
		n.t.Fatal(err)
	}
	return p
}

// channel opens the channel as an organisation, with short deadlines.
func (n *network) channel(t testing.TB, org string) *fabric.Channel {
	t.Helper()
	c, err := fabric.Open(n.profile(org), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c.Hurry(4 * time.Second)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// whole checks with the eyes of one organisation that the ledger has every record of
// a log once: it walks the anchors from head to beginning.
func whole(t testing.TB, c *fabric.Channel, n *fakeNode) (lost, doubled int64) {
	t.Helper()
	source := n.log.Source()
	size, err := n.log.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var head chaincode.Head
	eventually(t, "the head at another organisation", func() bool {
		head, err = c.Head(t.Context(), source)
		return err == nil && head.Size == size
	})
	own, err := n.journal.Sign(t.Context(), size)
	if err != nil || own.Root != head.Root {
		t.Errorf("the ledger has another root (%v)", err)
	}
	var sum int64
	for at := head.Size; at > 0; {
		a, err := c.GetAnchor(t.Context(), source, at)
		if err != nil {
			t.Fatal(err)
		}
		sum += a.Size - a.OldSize
		at = a.OldSize
	}
	if lost, doubled = size-head.Size, sum-head.Size; lost != 0 || doubled != 0 {
		t.Errorf("%s: %d records lost, %d doubled", source, lost, doubled)
	}
	return lost, doubled
}

func TestOneOrganisation(t *testing.T) {
	net := startNetwork(t, devnet.Options{})
	c := net.channel(t, "org1")
	if !c.Profile().Single() {
		t.Error("one organisation is not told from several")
	}
	n := newNode(t, "org1/n1/changes.0")
	n.add(3)
	stop := run(n.shipper(c, quick))
	defer stop()
	eventually(t, "an anchor", n.anchored(3))
	n.gapless(3)
	whole(t, c, n)
}

func TestThreeOrganisations(t *testing.T) {
	net := startNetwork(t, devnet.Options{Orgs: devnet.OrgNames(3)})
	for _, test := range []struct {
		name string
		run  func(*testing.T, *network)
	}{
		{"anchors are seen by all", testAnchorsAreSeen},
		{"profiles that do not fit", testMisfits},
		{"two processes, one source", testTwoProcesses},
		{"restored from a backup", testRestored},
		{"fork", testFork},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, net) })
	}
	for i, f := range faults(net) {
		t.Run(f.name, func(t *testing.T) {
			row := net.survive(t, f, fmt.Sprintf("org1/fault%d/changes.0", i))
			t.Log(row)
		})
	}
}

func testAnchorsAreSeen(t *testing.T, net *network) {
	n := newNode(t, "org2/n1/accesses.0")
	n.add(5)
	stop := run(n.shipper(net.channel(t, "org2"), quick))
	eventually(t, "an anchor", n.anchored(5))
	n.add(120)
	eventually(t, "all anchors", n.anchored(125))
	stop()
	n.gapless(125)
	for _, org := range net.Orgs() {
		whole(t, net.channel(t, org), n)
	}
	if err := os.Remove(filepath.Join(n.folder, "anchors")); err != nil {
		t.Fatal(err)
	}
	n.open("log")
	n.add(1)
	stop = run(n.shipper(net.channel(t, "org2"), quick))
	eventually(t, "one more", n.anchored(126))
	n.gapless(126) // the list was made again
	stop()
	sources, err := net.channel(t, "org3").Sources(t.Context())
	if err != nil || len(sources) == 0 {
		t.Errorf("sources %v %v", sources, err)
	}
}

// What is wrong with a profile is said in a sentence.
func testMisfits(t *testing.T, net *network) {
	wrong := new(fabric.Misconfigured)
	for says, change := range map[string]func(*fabric.Profile){
		`knows no channel "elsewhere"`:      func(p *fabric.Profile) { p.Channel = "elsewhere" },
		`there is no chaincode "other"`:     func(p *fabric.Profile) { p.Chaincode = "other" },
		"is not Aceso's contract":           func(p *fabric.Profile) { p.Chaincode = "qscc" },
		"TLS certificate was not issued by": func(p *fabric.Profile) { p.Organizations[0].Nodes[0].TLSRoots = p.Organizations[1].Nodes[0].TLSRoots },
		"is not a peer: check the profile":  func(p *fabric.Profile) { p.Organizations[0].Nodes = p.Orderers[0].Nodes },
		"TLS certificate has another name":  func(p *fabric.Profile) { p.Organizations[0].Nodes[0].ServerName = "elsewhere" },
		"does not accept the identity": func(p *fabric.Profile) { // as org2, with what looks like its certificate
			p.MSP, p.Organizations[1].Roots = "org2", p.Organizations[0].Roots
		},
		"it is one of org1, the profile is of": func(p *fabric.Profile) { p.MSP = "org2" },
		"it is not the key of the profile's":   func(p *fabric.Profile) { p.Key = net.profile("org2").Key },
		"no authority of org1 has issued it":   func(p *fabric.Profile) { p.Organizations[0].Roots = p.Orderers[0].Roots },
		"it is valid from ":                    nil,
		"connection refused":                   func(p *fabric.Profile) { p.Organizations[0].Nodes[0].Address = "127.0.0.1:1" },
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			p, now := net.profile("org1"), time.Now()
			if change == nil {
				now = now.AddDate(100, 0, 0)
			} else {
				change(p)
			}
			c, err := fabric.Open(p, now)
			if err == nil {
				defer c.Close()
				err = c.Check(t.Context())
				if errors.As(err, &wrong) == (says == "connection refused") {
					t.Errorf("certainly wrong or not: %v", err)
				}
			}
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("says %v", err)
			}
		})
	}
	n := newNode(t, "org1/theirs/changes.0")
	n.add(1)
	stop := run(n.shipper(net.channel(t, "org2"), quick))
	defer stop()
	eventually(t, "a refusal", func() bool { return n.anchors.Err() != nil })
	if err := n.anchors.Err(); !strings.Contains(err.Error(), "ACESO_DENIED") {
		t.Errorf("another organisation's log: %v", err)
	}
}

// copied is another process with the same log, from a copy of its folder.
func copied(t *testing.T, n *fakeNode) *fakeNode {
	t.Helper()
	var rows []ledgerbridge.Row
	if err := n.log.Rows(t.Context(), 0, 1<<40, func(r ledgerbridge.Row) error { rows = append(rows, r); return nil }); err != nil {
		t.Fatal(err)
	}
	other := newNode(t, n.log.Source())
	other.log.Damage(func([]ledgerbridge.Row) []ledgerbridge.Row { return rows })
	other.add(0)
	return other
}

// Two processes go on with one log: what the first one anchors stands, the second
// finds out and stops.
func testTwoProcesses(t *testing.T, net *network) {
	n := newNode(t, "org1/twice/changes.0")
	n.add(4)
	stop := run(n.shipper(net.channel(t, "org1"), quick))
	defer stop()
	eventually(t, "the first anchor", n.anchored(4))
	other := copied(t, n)
	s := other.shipper(net.channel(t, "org1"), quick)
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(t.Context()) }()
	eventually(t, "the second process", other.anchored(4))
	for range 5 {
		n.add(3)
		other.add(2)
	}
	var denied *ledgerbridge.Contradiction
	either := func() bool { return errors.As(n.anchors.Err(), &denied) || errors.As(other.anchors.Err(), &denied) }
	eventually(t, "an alarm", either)
	if !strings.Contains(denied.What, "another root") && !strings.Contains(denied.What, "another process") {
		t.Errorf("says %q", denied.What)
	}
	winner := n
	if errors.As(n.anchors.Err(), &denied) {
		winner = other
	} else {
		<-ended
	}
	size, _ := winner.log.Size(t.Context())
	eventually(t, "the other one goes on", winner.anchored(size))
	whole(t, net.channel(t, "org3"), winner)
}

// A log that was restored from yesterday cannot be anchored, and says what happened.
func testRestored(t *testing.T, net *network) {
	n := newNode(t, "org1/restored/changes.0")
	n.add(4)
	stop := run(n.shipper(net.channel(t, "org1"), quick))
	eventually(t, "yesterday", n.anchored(4))
	yesterday := copied(t, n)
	n.add(3)
	eventually(t, "today", n.anchored(7))
	stop()
	var denied *ledgerbridge.Contradiction
	s := yesterday.shipper(net.channel(t, "org1"), quick)
	if err := s.Compare(t.Context()); !errors.As(err, &denied) || !strings.Contains(err.Error(), "the ledger holds 7 records of this log, this node only 4: it was restored from a backup") {
		t.Errorf("the start says %v", err)
	}
	yesterday.add(5)
	s.Run(t.Context())
	if err := yesterday.anchors.Err(); !errors.As(err, &denied) || !strings.Contains(err.Error(), "another root for its first 7 records") {
		t.Errorf("with new records it says %v", err)
	}
}

// A forked log is refused, both checkpoints are kept, and with them another
// organisation marks the source.
func testFork(t *testing.T, net *network) {
	n := newNode(t, "org1/forked/changes.0")
	n.add(4)
	stop := run(n.shipper(net.channel(t, "org1"), quick))
	eventually(t, "an anchor", n.anchored(4))
	stop()
	forked := newNode(t, n.log.Source())
	forked.add(6)
	forked.shipper(net.channel(t, "org1"), quick).Run(t.Context())
	var denied *ledgerbridge.Contradiction
	if err := forked.anchors.Err(); !errors.As(err, &denied) {
		t.Fatalf("ended with %v", err)
	}
	_, path, _ := strings.Cut(denied.What, "Both checkpoints are in ")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	q, err := fabric.ReadFork(data)
	if err != nil {
		t.Fatal(err)
	}
	marked, err := net.channel(t, "org2").ReportFork(t.Context(), q)
	if err != nil || marked.State != "forked" || marked.Fork.Reporter != "org2" || marked.Fork.Size != 4 {
		t.Fatalf("reported: %+v %v", marked, err)
	}
	n.add(1)
	n.shipper(net.channel(t, "org1"), quick).Run(t.Context())
	if err := n.anchors.Err(); !errors.As(err, &denied) || !strings.Contains(err.Error(), "marked as forked at size 4 by org2") {
		t.Errorf("the marked source: %v", err)
	}
}

// background ends with the test.
func background(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx
}
