package fabric_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge/devnet"
	"github.com/aceso-health/aceso/ledgerbridge/devnet/devnettest"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
)

// injury is a fault of a network: what happens, and what ends it.
type injury struct {
	name    string
	inflict func() error  // nil for the death of whoever anchors
	hold    time.Duration // how long it lasts
	heal    func() error
	through bool // anchoring goes on meanwhile
}

// killed is the crash of processes of the network and their return.
func (n *network) killed(name string, through bool, processes ...string) injury {
	return injury{
		name: name, hold: time.Second, through: through,
		inflict: func() error {
			for _, p := range processes {
				if err := n.Kill(p); err != nil {
					return err
				}
			}
			return nil
		},
		heal: func() error {
			for _, p := range processes {
				if err := n.StartProcess(n.t.Context(), p); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// stopped is a process that hangs: it holds its connections and does not answer.
func (n *network) stopped(name, process string) injury {
	return injury{
		name: name, hold: time.Second,
		inflict: func() error { return devnettest.Signal(n.Network, process, syscall.SIGSTOP) },
		heal:    func() error { return devnettest.Signal(n.Network, process, syscall.SIGCONT) },
	}
}

// faults are those that each run of the tests goes through.
func faults(n *network) []injury {
	return []injury{
		n.killed("kill -9 gateway peer", false, "peer-org1"),
		n.killed("kill -9 other peer", true, "peer-org2"),
		n.killed("kill -9 own chaincode", false, "chaincode-org1"),
		n.killed("kill -9 orderer", false, "orderer1"),
		n.stopped("SIGSTOP gateway peer", "peer-org1"),
		{name: "sender dies with a batch under way", hold: 100 * time.Millisecond},
	}
}

// TestFaultMatrix goes through more faults, each for longer, and prints the table of
// what it saw: make faults.
func TestFaultMatrix(t *testing.T) {
	if os.Getenv("ACESO_FAULTS") == "" {
		t.Skip("SKIPPED: this takes minutes; TestThreeOrganisations has the faults that matter most. `make faults` runs all")
	}
	var table []outcome
	for _, kind := range []struct {
		options devnet.Options
		faults  func(*network) []injury
	}{
		{devnet.Options{BatchTimeout: 200 * time.Millisecond}, peerFaults},
		{devnet.Options{BatchTimeout: 2 * time.Second}, lostSubmits},
		{devnet.Options{BatchTimeout: 200 * time.Millisecond, Orderers: 3}, raftFaults},
		{devnet.Options{BatchTimeout: 200 * time.Millisecond, Orderers: 4, BFT: true}, bftFaults},
	} {
		kind.options.Orgs = devnet.OrgNames(3)
		t.Run(fmt.Sprintf("%d orderers", max(1, kind.options.Orderers)), func(t *testing.T) {
			net := startNetwork(t, kind.options)
			for i, f := range kind.faults(net) {
				f.hold = 5 * time.Second
				table = append(table, net.survive(t, f, fmt.Sprintf("org1/fault%d/changes.0", i)))
			}
		})
	}
	var refused []string
	t.Run("what must not pass", func(t *testing.T) {
		net := startNetwork(t, devnet.Options{Orgs: devnet.OrgNames(3), BatchTimeout: 200 * time.Millisecond})
		for _, test := range mustNotPass {
			if t.Run(test.name, func(t *testing.T) { test.run(t, net) }) {
				refused = append(refused, fmt.Sprintf("%-42s %s", test.name, test.seen))
			}
		}
	})
	fmt.Printf("\n%-42s %10s %9s %6s %8s\n", "fault", "outage", "records", "lost", "doubled")
	for _, o := range table {
		fmt.Println(o)
	}
	for _, line := range refused {
		fmt.Println(line)
	}
}

// mustNotPass is what nobody may get through with.
var mustNotPass = []struct {
	name, seen string
	run        func(*testing.T, *network)
}{
	{"two processes with one source", "the second is refused, alarm; none lost, none doubled", testTwoProcesses},
	{"restored old database", "refused at the start, and with new records; alarm", testRestored},
	{"forked log", "refused; reported by another organisation, marked", testFork},
	{"one hex digit of a block file", "found by comparison of all peers, named", testEditedBlock},
}

func testEditedBlock(t *testing.T, net *network) {
	n := newNode(t, "org1/n1/changes.0")
	n.add(3)
	stop := run(n.shipper(net.channel(t, "org1"), quick))
	eventually(t, "an anchor", n.anchored(3))
	stop()
	edited(t, net.Network)
}

func peerFaults(n *network) []injury {
	return append(faults(n),
		n.killed("kill -9 two of three peers", false, "peer-org2", "peer-org3"),
		n.killed("kill -9 two of three chaincodes", false, "chaincode-org2", "chaincode-org3"),
		n.killed("kill -9 all peers", false, "peer-org1", "peer-org2", "peer-org3"),
		n.stopped("SIGSTOP other peer", "peer-org2"),
		n.stopped("SIGSTOP orderer", "orderer1"),
		n.stopped("SIGSTOP own chaincode", "chaincode-org1"),
	)
}

// lostSubmits: an orderer dies that has taken a transaction and waits two seconds for
// more before it cuts a block.
func lostSubmits(n *network) []injury {
	f := n.killed("orderer loses a submitted transaction", false, "orderer1")
	kill := f.inflict
	f.inflict = func() error {
		time.Sleep(700 * time.Millisecond) // since the last anchor: the next batch is with the orderer
		return kill()
	}
	return []injury{f}
}

func raftFaults(n *network) []injury {
	var all []injury
	for _, name := range []string{"orderer1", "orderer2", "orderer3"} { // one of them leads
		all = append(all, n.killed("kill -9 "+name+" of 3 (raft)", true, name))
	}
	return all
}

func bftFaults(n *network) []injury {
	return []injury{
		n.killed("kill -9 orderer1 of 4 (BFT leader)", true, "orderer1"),
		n.killed("kill -9 orderer3 of 4 (BFT)", true, "orderer3"),
	}
}

// outcome is a row of the fault matrix.
type outcome struct {
	fault         string
	outage        time.Duration
	lost, doubled int64
	records       int64
}

func (o outcome) String() string {
	return fmt.Sprintf("%-42s %8.1f s %9d %6d %8d", o.fault, o.outage.Seconds(), o.records, o.lost, o.doubled)
}

// survive writes records all the time, inflicts a fault, ends it, and looks at what
// the ledger has then, with the eyes of another organisation.
func (net *network) survive(t *testing.T, f injury, origin string) outcome {
	t.Helper()
	n := newNode(t, origin)
	c := net.channel(t, strings.Split(origin, "/")[0])
	begin := func() func() {
		return run(n.shipper(c, fabric.Cadence{Age: 50 * time.Millisecond, Most: 5000}))
	}
	stop := begin()
	defer func() { stop() }()
	n.work(t, "anchors before the fault", 1)
	watch := n.watch(t)
	if f.inflict == nil { // the sender itself dies, with a batch under way
		stop()
		f.heal = func() error { stop = begin(); return nil }
	} else if err := f.inflict(); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(f.hold); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		n.add(2)
	}
	if f.through {
		n.work(t, "anchors during the fault", 1)
	}
	if err := f.heal(); err != nil {
		t.Fatal(err)
	}
	n.work(t, "anchors after the fault", 5)
	size, _ := n.log.Size(t.Context())
	eventually(t, "all anchors", n.anchored(size))
	o := outcome{fault: f.name, outage: watch(), records: size}
	other := net.Orgs()[len(net.Orgs())-1]
	o.lost, o.doubled = whole(t, net.channel(t, other), n)
	n.gapless(size)
	if strings.Contains(n.logged(), "ALARM") {
		t.Errorf("an alarm without a reason:\n%s", n.logged())
	}
	return o
}

// work appends records until so many more anchors have come.
func (n *fakeNode) work(t testing.TB, what string, anchors int) {
	t.Helper()
	last := n.anchors.Last().Size
	eventually(t, what, func() bool {
		n.add(2)
		if now := n.anchors.Last().Size; now > last {
			last = now
			anchors--
		}
		return anchors <= 0
	})
}

// watch measures the longest time without a new anchor.
func (n *fakeNode) watch(t testing.TB) (longest func() time.Duration) {
	var most time.Duration
	ctx := background(t)
	var ended sync.WaitGroup
	done := make(chan struct{})
	ended.Go(func() {
		last, at := n.anchors.Last().Size, time.Now()
		for ctx.Err() == nil {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
			if now := n.anchors.Last().Size; now > last {
				most = max(most, time.Since(at))
				last, at = now, time.Now()
			}
		}
	})
	return func() time.Duration { close(done); ended.Wait(); return most }
}
