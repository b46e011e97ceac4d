package fabric_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/devnet"
	"github.com/aceso-health/aceso/ledgerbridge/devnet/devnettest"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

func TestMain(m *testing.M) { os.Exit(devnettest.Main(m)) }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// channelOf is the channel as one organisation of a network reaches it.
func channelOf(t testing.TB, n *devnet.Network, org string) *fabric.Channel {
	t.Helper()
	c, err := fabric.Open(profileOf(t, n, org), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func profileOf(t testing.TB, n *devnet.Network, org string) *fabric.Profile {
	t.Helper()
	p, err := fabric.ReadProfile(n.Profile(org))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// onChannel is a ledgerbridge.Ledger: each checkpoint is one anchor.
type onChannel struct {
	*fabric.Channel
	anchors *ledgerbridge.Anchors
}

func (l onChannel) Anchor(ctx context.Context, b ledgerbridge.Batch) (ledgerbridge.Anchor, error) {
	for {
		a, err := l.Channel.Anchor(ctx, b)
		if err == nil {
			return a, l.anchors.Add(a)
		}
		if ctx.Err() != nil { // other organisations' peers may lag for a moment
			return a, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (l onChannel) Head(context.Context, string) (ledgerbridge.Head, error) {
	return ledgerbridge.Head{}, nil
}

// member is a log of an organisation, anchored on the channel.
type member struct {
	t       testing.TB
	channel *fabric.Channel
	source  string
	log     *logtest.Log
	sealer  *ledgerbridge.Sealer
	journal *ledgerbridge.Journal
	key     string
}

func newMember(t testing.TB, n *devnet.Network, org, node string) *member {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m := &member{t: t, channel: channelOf(t, n, org), source: org + "/" + node + "/changes.0"}
	m.log = logtest.New(m.source)
	m.sealer = must(ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: org, Node: node, Parts: new(logtest.Keys),
		Pseudonyms: ledgerbridge.Secret{ID: "p", Key: bytes.Repeat([]byte{1}, 32)},
		Requests:   []ledgerbridge.Secret{{ID: "r", Key: bytes.Repeat([]byte{2}, 32)}},
	}))
	m.key = must(ledgerbridge.VerifierKey(m.source, logtest.Key(m.source).Public().(ed25519.PublicKey)))
	list := must(ledgerbridge.OpenAnchors(filepath.Join(t.TempDir(), "anchors"), devnet.Channel))
	t.Cleanup(func() { _ = list.Close() })
	m.journal = must(ledgerbridge.OpenJournal(ctx, ledgerbridge.JournalConfig{
		Log: m.log, Ledger: onChannel{m.channel, list}, Anchors: list,
		Signer: must(ledgerbridge.NewSigner(m.source, logtest.Key(m.source))), Keys: must(ledgerbridge.ParseKeys([]string{m.key})),
	}))
	for m.channel.Register(ctx, m.source, m.key) != nil {
		if ctx.Err() != nil {
			t.Fatal("the source could not be registered")
		}
		time.Sleep(50 * time.Millisecond)
	}
	return m
}

// add writes records; anchor puts them on the channel.
func (m *member) add(count int) {
	for i := range count {
		p := must(m.sealer.Prepare(m.t.Context(), ledgerbridge.Draft{
			Action: "R", Interaction: "read", Organization: "x", Type: "Patient", Decision: "permit", Outcome: 200, Request: fmt.Sprint(i),
		}))
		must(m.log.Append(p))
	}
}

func (m *member) anchor() ledgerbridge.Checkpoint {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	c, err := m.journal.Checkpoint(ctx)
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

func (m *member) bundle(seq int64) []byte {
	m.t.Helper()
	p, err := m.journal.ProveAnchored(m.t.Context(), seq, m.channel)
	if err != nil {
		m.t.Fatal(err)
	}
	return must(ledgerbridge.FormatBundle(p, nil))
}

// evident is a bundle with evidence: just after a start peers do not know all others.
func (m *member) evident(seq int64) []byte {
	m.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		p, err := m.journal.ProveAnchored(m.t.Context(), seq, m.channel)
		if err != nil {
			m.t.Fatal(err)
		}
		if p.Lacks == nil {
			return must(ledgerbridge.FormatBundle(p, nil))
		}
		if time.Now().After(deadline) {
			m.t.Fatal(p.Lacks)
		}
	}
}

// trustOf is what a verifier is handed from an organisation's profile.
func trustOf(t testing.TB, n *devnet.Network, org string, keys ...string) (*fabric.Trust, []string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "trust")
	quorum, err := channelOf(t, n, org).Quorum(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := profileOf(t, n, org).WriteTrust(dir, keys, quorum); err != nil {
		t.Fatal(err)
	}
	trust, keys, err := fabric.ReadTrust(dir)
	if err != nil {
		t.Fatal(err)
	}
	return trust, keys
}

// A record of one organisation, proven to somebody who has only a folder that another
// organisation wrote.
func TestProofOnANetwork(t *testing.T) {
	n := devnettest.Start(t, devnet.Options{Orgs: devnet.OrgNames(3)})
	m := newMember(t, n, "org1", "n1")
	for range 3 {
		m.add(4)
		m.anchor()
	}
	trust, keys := trustOf(t, n, "org2", m.key)
	for _, seq := range []int64{0, 5, 11} {
		b := m.evident(seq)
		r, err := ledgerbridge.VerifyRecord(b, keys, trust)
		if err != nil || r.Verdict != ledgerbridge.OK {
			t.Fatalf("row %d: %s, %v", seq, r.Verdict, err)
		}
		if r.Anchor.Size != 4*(seq/4+1) || r.Anchor.Block == 0 || r.Anchor.Channel != devnet.Channel {
			t.Errorf("row %d: %+v", seq, r.Anchor)
		}
	}
	b := m.evident(5)
	if *update {
		writeGolden(t, b, keys, profileOf(t, n, "org2"))
	}
	for i := 0; i < len(b); i += 97 {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if r, err := ledgerbridge.VerifyRecord(bad, keys, trust); err == nil || r.Verdict == ledgerbridge.OK {
			t.Fatalf("byte %d changed and accepted: %s", i, bad[max(0, i-30):min(len(bad), i+30)])
		}
	}
	m.add(1)
	if r, err := ledgerbridge.VerifyRecord(m.evident(5), keys, trust); err != nil || r.Verdict != ledgerbridge.OK {
		t.Errorf("with a record that waits: %s, %v", r.Verdict, err)
	}
	if err := n.Kill("chaincode-org1"); err != nil {
		t.Fatal(err)
	}
	if r, err := ledgerbridge.VerifyRecord(m.evident(5), keys, trust); err != nil || r.Verdict != ledgerbridge.OK {
		t.Errorf("without one's own chaincode: %s, %v", r.Verdict, err)
	}
}

func TestProofOfOneOrganisation(t *testing.T) {
	n := devnettest.Start(t, devnet.Options{})
	m := newMember(t, n, "org1", "n1")
	m.add(2)
	m.anchor()
	trust, keys := trustOf(t, n, "org1", m.key)
	r, err := ledgerbridge.VerifyRecord(m.evident(1), keys, trust)
	if err == nil || r.Verdict != ledgerbridge.Incomplete || !strings.Contains(err.Error(), "only org1") {
		t.Errorf("%s, %v", r.Verdict, err)
	}
	n.Stop()
	r, err = ledgerbridge.VerifyRecord(m.bundle(1), keys, trust)
	if err == nil || r.Verdict != ledgerbridge.Incomplete || r.Entry.Seq != 1 {
		t.Errorf("without a network: %s, %v", r.Verdict, err)
	}
}

func TestProofOfSmartBFT(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	n := devnettest.Start(t, devnet.Options{Orgs: devnet.OrgNames(2), BFT: true})
	m := newMember(t, n, "org1", "n1")
	m.add(2)
	m.anchor()
	trust, keys := trustOf(t, n, "org2", m.key)
	if trust.Quorum != (fabric.Quorum{Signatures: 3, Organizations: 3}) {
		t.Errorf("of four orderers sign %+v", trust.Quorum)
	}
	if r, err := ledgerbridge.VerifyRecord(m.evident(1), keys, trust); err != nil || r.Verdict != ledgerbridge.OK {
		t.Errorf("%s, %v", r.Verdict, err)
	}
	if seen, found := findings(t, n, "org2", nil); len(found) > 0 || len(seen.Sources) != 1 {
		t.Errorf("%+v, %v", seen, found)
	}
}

// findings inspects the channel as one organisation.
func findings(t testing.TB, n *devnet.Network, org string, held fabric.Held) (fabric.Inspected, []fabric.Finding) {
	t.Helper()
	var list []fabric.Finding
	seen, err := fabric.Inspect(t.Context(), profileOf(t, n, org), time.Now(), held, func(f fabric.Finding) { list = append(list, f) })
	if err != nil {
		t.Fatal(err)
	}
	return seen, list
}

func TestInspect(t *testing.T) {
	n := devnettest.Start(t, devnet.Options{Orgs: devnet.OrgNames(3)})
	first, third := newMember(t, n, "org1", "n1"), newMember(t, n, "org3", "n7")
	held := fabric.Held{}
	for range 3 {
		first.add(5)
		third.add(2)
		if err := held.Add(first.anchor().Note); err != nil {
			t.Fatal(err)
		}
		third.anchor()
	}
	settle(t, n)
	seen, found := findings(t, n, "org2", held)
	if len(found) > 0 || len(seen.Peers) != 3 || len(seen.Sources) != 2 {
		t.Fatalf("%+v, %v", seen, found)
	}
	last := first.journal.Last()
	if s := seen.Sources[0]; s.Origin != first.source || s.Size != 15 || s.Root != last.Root || s.Anchors != 3 || s.Held != 3 {
		t.Errorf("%+v", s)
	}
	for _, p := range seen.Peers {
		if p.Head != seen.Peers[0].Head || p.Blocks != seen.Peers[0].Blocks {
			t.Errorf("%+v", seen.Peers)
		}
	}
	for seq, size := range map[int64]int64{0: 5, 4: 5, 5: 10, 14: 15} {
		if a, ok, err := third.channel.Covering(t.Context(), first.source, seq); err != nil || !ok || a.Size != size {
			t.Errorf("row %d is covered by %+v, %v, %v", seq, a, ok, err)
		}
	}
	if _, ok, err := third.channel.Covering(t.Context(), first.source, 15); ok || err != nil {
		t.Errorf("a row that waits: %v, %v", ok, err)
	}
	few := profileOf(t, n, "org2")
	few.Organizations[2].Nodes = nil
	found = nil
	if _, err := fabric.Inspect(t.Context(), few, time.Now(), nil, func(f fabric.Finding) { found = append(found, f) }); err != nil || len(found) != 1 || !found[0].Unchecked {
		t.Errorf("a profile without one organisation's peers: %v, %v", found, err)
	}
	// A checkpoint that the log's own key signed, of another history.
	other := last
	other.Root[3] ^= 1
	held[other.Source][other.Size] = other.Root
	_, found = findings(t, n, "org2", held)
	if len(found) != 3 || found[0].Source != first.source || !strings.Contains(found[0].What, "ReportFork") {
		t.Errorf("a fork was not named: %v", found)
	}
	t.Run("edited block file", func(t *testing.T) { edited(t, n) })
}

// While the channel grows, everything fits, too.
func TestInspectWhileAnchoring(t *testing.T) {
	n := devnettest.Start(t, devnet.Options{Orgs: devnet.OrgNames(3)})
	m := newMember(t, n, "org1", "n1")
	stop, anchoring := make(chan struct{}), sync.WaitGroup{}
	anchoring.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				m.add(3)
				m.anchor()
			}
		}
	})
	blocks := uint64(0)
	for range 10 {
		seen, found := findings(t, n, "org2", nil)
		if len(found) > 0 || len(seen.Peers) != 3 || seen.Peers[0].Blocks <= blocks {
			t.Errorf("%+v, %v", seen, found)
		}
		blocks = seen.Peers[0].Blocks
		newMember(t, n, "org3", fmt.Sprintf("n%d", blocks)) // a source more
	}
	close(stop)
	anchoring.Wait()
}

// edited changes one hexadecimal digit of a transaction's id in the block file of a
// peer that is not running. The peer does not notice.
func edited(t *testing.T, n *devnet.Network) {
	name := profileOf(t, n, "org2").Organization("org3").Nodes[0].Name
	if err := n.Kill(name); err != nil {
		t.Fatal(err)
	}
	if found := ofPeers(t, n); len(found) != 1 || !found[0].Unchecked || found[0].Peer != name {
		t.Errorf("a peer that does not run: %v", found)
	}
	head := must(channelOf(t, n, "org1").Head(t.Context(), "org1/n1/changes.0"))
	file := filepath.Join(devnettest.Folder(n, name), "data", "ledgersData", "chains", "chains", devnet.Channel, "blockfile_000000")
	data := must(os.ReadFile(file))
	at := bytes.Index(data, []byte(head.Transaction))
	if at < 0 {
		t.Fatal("the transaction is not in the block file")
	}
	data[at+20] = map[bool]byte{true: '1', false: '0'}[data[at+20] == '0']
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.StartProcess(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	settle(t, n)
	found := ofPeers(t, n)
	if len(found) != 1 || found[0].Unchecked || found[0].Peer != name || found[0].Block < 1 || !strings.Contains(found[0].What, "data") {
		t.Errorf("the edit was not found: %v", found)
	}
	t.Log(found)
}

// ofPeers are the findings that are about a peer: logs may have been forked before.
func ofPeers(t *testing.T, n *devnet.Network) []fabric.Finding {
	t.Helper()
	_, found := findings(t, n, "org2", nil)
	return slices.DeleteFunc(found, func(f fabric.Finding) bool { return f.Peer == "" })
}

// settle waits until all peers have the same blocks.
func settle(t testing.TB, n *devnet.Network) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		seen, _ := findings(t, n, "org2", nil)
		same := len(seen.Peers) == 3
		for _, p := range seen.Peers {
			same = same && p.Head == seen.Peers[0].Head
		}
		if same {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the peers do not come to have the same blocks")
		}
	}
}
