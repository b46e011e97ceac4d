package node

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/devnet"
	"github.com/aceso-health/aceso/ledgerbridge/devnet/devnettest"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
	"github.com/aceso-health/aceso/server"
)

// startChannel runs a network of one organisation, whose contract is the command's.
func startChannel(t *testing.T) *devnet.Network {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "aceso")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/aceso").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return devnettest.Start(t, devnet.Options{Orgs: []string{"hospital"}, Chaincode: []string{binary, "chaincode"}})
}

// anchoredSize is how many records of a log the channel has.
func anchoredSize(t *testing.T, net *devnet.Network, source string) int64 {
	t.Helper()
	profile, err := fabric.ReadProfile(net.Profile("hospital"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := fabric.Open(profile, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	head, err := c.Head(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	return head.Size
}

var committed = regexp.MustCompile(`^committed; transaction=[0-9a-f]{64}; block=[1-9][0-9]*$`)

// provenBy: a node proves a record with its anchor, and the keys that it prints for
// others take the checkpoint.
func (c *testCluster) provenBy(n *testNode, u user, r ledgerbridge.Receipt) {
	c.t.Helper()
	var bundle []byte
	event := strings.ReplaceAll(strings.TrimPrefix(r.Source, "hospital/"), "/", ".") + fmt.Sprint(".", r.Seq)
	until(c.t, "a proof with its anchor", func() bool {
		bundle = u.Get("/AuditEvent/" + event + "/$proof").Body
		return bytes.Contains(bundle, []byte(`"evidence":`))
	})
	keys, err := LogKeys(c.t.Context(), n.data, c.options())
	if err != nil {
		c.t.Fatal(err)
	}
	if got, err := ledgerbridge.VerifyRecord(bundle, keys, nil); got.Verdict != ledgerbridge.Incomplete || got.Receipt != r {
		c.t.Errorf("%s, %v", got.Verdict, err)
	}
}

// Nodes of one database anchor each their own logs, prove each other's, and those of
// one that died.
func TestDatabaseOnAChannel(t *testing.T) {
	net := startChannel(t)
	c := newClusterOf(t, 0, leaseLife)
	onChannel := func(_ *Node, o *Options) {
		o.Anchor = Anchoring{Profile: net.Profile("hospital"), Age: 50 * time.Millisecond}
	}
	folder := t.TempDir()
	c.nodes = append(c.nodes, c.start(folder, "n1", onChannel), c.start(t.TempDir(), "n2", onChannel))
	officer := c.users("privacy-officer", "HOPERAT")
	var events []string
	for i, u := range c.users("system", "HOPERAT") {
		r := u.Do("PUT", fmt.Sprint("/Patient/p", i), patientJSON(fmt.Sprint("p", i), "Family"), "Prefer", "anchor=wait, wait=60").Want(201)
		if got := r.Header.Get(server.AnchorHeader); !committed.MatchString(got) {
			t.Fatalf("node %d: %q", i+1, got)
		}
		events = append(events, r.Event())
	}
	for _, u := range officer {
		for _, event := range events {
			until(t, "a proof with its anchor", func() bool { return u.Get("/AuditEvent/" + event + "/$proof").Has(`"transaction":"`) })
		}
	}
	c.nodes[0].node.stop() // it anchors nothing any more
	c.nodes[0].node.running.Wait()
	late := officer[0].Get("/AuditEvent/" + events[0]).Want(200).Receipt()
	if _, err := c.nodes[0].node.accesses.Checkpoint(t.Context()); err != nil { // so the keeper has nothing to do but to anchor it
		t.Fatal(err)
	}
	c.crash(0)
	reached := func() bool { return anchoredSize(t, net, late.Source) > late.Seq }
	if reached() {
		t.Fatal("the last record of the dead node was anchored before it died")
	}
	until(t, "another node anchors the last record of the dead one", reached)
	c.provenBy(c.nodes[1], officer[1], late)
	back := c.start(folder, "n1", onChannel)
	reader := user{Node: &back.Node, Token: officer[0].Token}
	c.provenBy(back, reader, late)
	r := reader.Get("/AuditEvent/" + events[1]).Want(200).Receipt()
	until(t, "the node goes on", func() bool {
		_, ok, err := back.node.accesses.Anchor(r.Seq)
		return ok && err == nil
	})
	if why := back.node.bridge.contradicted(); why != "" {
		t.Error(why)
	}
}
