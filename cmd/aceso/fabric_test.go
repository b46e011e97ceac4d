package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge/devnet"
	"github.com/aceso-health/aceso/ledgerbridge/devnet/devnettest"
	"github.com/aceso-health/aceso/server"
)

// hospitals are the organisations of the network that these tests share.
var hospitals = []string{"hospital", "lab", "registry"}

// startFabric runs a network of three organisations until the test ends.
func startFabric(t testing.TB) *devnet.Network {
	t.Helper()
	self, err := exec.LookPath("aceso")
	if err != nil {
		t.Fatal(err)
	}
	return devnettest.Start(t, devnet.Options{Orgs: hospitals, Chaincode: []string{self, "chaincode"}})
}

// onFabric are the flags of a node of that organisation.
func onFabric(net *devnet.Network, org string, flags ...string) []string {
	return append([]string{"--org", org, "--ledger", "fabric:" + net.Profile(org), "--anchor-age", "100ms"}, flags...)
}

// readyz is what the node says about itself.
func (n *testNode) readyz() (int, string) {
	n.T.Helper()
	r, err := http.NewRequest("GET", n.Server.URL+"/readyz", nil)
	if err != nil {
		n.T.Fatal(err)
	}
	res, err := n.Exchange("GET /readyz", r)
	if err != nil {
		return 0, err.Error()
	}
	return res.Status, string(res.Body)
}

// allAnchored waits until nothing of the node waits.
func (n *testNode) allAnchored() {
	n.T.Helper()
	var said string
	until(n.T, "all records are anchored", func() bool {
		var status int
		status, said = n.readyz()
		return status == 200 && said == "ready\n"
	})
}

// sources is what the channel holds, in the eyes of an organisation: size and state
// of each log.
func sources(t testing.TB, net *devnet.Network, org string) map[string]string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run([]string{"ledger", "sources", "--profile", net.Profile(org)}, &out, &errs); code != 0 {
		t.Fatalf("ledger sources: exit %d\n%s", code, errs.String())
	}
	found := map[string]string{}
	for _, line := range strings.Split(out.String(), "\n")[1:] {
		if f := strings.Fields(line); len(f) > 3 {
			found[f[0]] = f[2] + " " + f[1]
		}
	}
	return found
}

var committed = regexp.MustCompile(`^committed; transaction=[0-9a-f]{64}; block=[1-9][0-9]*$`)

func TestNodesOnAChannel(t *testing.T) {
	net := startFabric(t)
	dirs := map[string]string{}
	for _, org := range hospitals {
		dirs[org] = t.TempDir()
		n := startChild(t, dirs[org], onFabric(net, org)...)
		write := n.as("system", "HOPERAT").Do("PUT", "/Patient/p1", patientJSON("p1", org), "Prefer", "anchor=wait, wait=60").Want(201)
		if got := write.Header.Get(server.AnchorHeader); !committed.MatchString(got) {
			t.Errorf("%s of %s: %q\n%s", server.AnchorHeader, org, got, n.log())
		}
		if got := n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200).Header.Get(server.AnchorHeader); got != "" {
			t.Errorf("a read says %q", got)
		}
		n.allAnchored()
		n.showsAnchors(write.Event())
		n.measures()
		if n.terminate(); strings.Contains(n.log(), "for development") {
			t.Error("three organisations are taken for one")
		}
	}
	for _, org := range hospitals {
		found := sources(t, net, org)
		for _, other := range hospitals {
			for log, size := range map[string]string{"changes.0": "1 open", "accesses.0": "1 open"} {
				if got := found[other+"/n1/"+log]; got < size {
					t.Errorf("%s sees %s/n1/%s at %q", org, other, log, got)
				}
			}
		}
	}
	t.Run("proofs", func(t *testing.T) { testProofs(t, net, dirs["hospital"], dirs["lab"]) })
	t.Run("profiles", func(t *testing.T) { testProfiles(t, net, dirs["lab"]) })
	t.Run("killed", func(t *testing.T) { testKilledWhileAnchoring(t, net, dirs["lab"]) })
	t.Run("ledger down", func(t *testing.T) { testLedgerDown(t, net, dirs["registry"]) })
	t.Run("edited block file", func(t *testing.T) { testEditedBlockFile(t, net, dirs["registry"]) })
	t.Run("two processes", func(t *testing.T) { testTwoProcesses(t, net, dirs["registry"]) }) // the channel may decide against this folder
	t.Run("ended", func(t *testing.T) { testEnded(t, net, dirs["lab"]) })
	t.Run("restored and forked", func(t *testing.T) { testRestoredAndForked(t, net, dirs["hospital"]) })
}

// measures checks that the metrics are there, and name nothing but logs.
func (c *childNode) measures() {
	c.T.Helper()
	r, err := http.NewRequest("GET", c.Server.URL+"/metrics", nil)
	if err != nil {
		c.T.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.as("administrator", "HOPERAT").Token)
	res, err := c.Exchange("GET /metrics", r)
	if err != nil {
		c.T.Fatal(err)
	}
	for _, name := range []string{"aceso_anchor_waiting_records", "aceso_anchor_oldest_seconds", "aceso_anchor_duration_seconds_count", "aceso_ledger_alarm"} {
		if !regexp.MustCompile(`(?m)^` + name + `\{source="[a-z]+/n1/changes.0"\} [0-9.e+-]+$`).Match(res.Body) {
			c.T.Errorf("%s is not among the metrics\n%s", name, res.Body)
		}
	}
}

// What does not fit is said before anything is served.
func testProfiles(t *testing.T, net *devnet.Network, dir string) {
	ledger := func(profile string) []string { return []string{"--org", "lab", "--ledger", "fabric:" + profile} }
	startRefused(t, dir, `is of organisation "registry", this node belongs to "lab"`, ledger(net.Profile("registry"))...)
	startRefused(t, dir, "no such file", ledger(filepath.Join(dir, "absent.json"))...)
	text, err := os.ReadFile(net.Profile("lab"))
	if err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string][2]string{
		"knows no channel":      {`"channel": "` + devnet.Channel + `"`, `"channel": "elsewhere"`},
		"is not Aceso's":        {`"chaincode": "aceso"`, `"chaincode": "qscc"`},
		"unknown field":         {`"channel"`, `"chanel"`},
		"to which this node":    {`"msp": "lab"`, `"msp": "labs"`},
		"certificate of the co": {"User1@lab-cert.pem", "absent.pem"},
	} {
		changed := strings.Replace(string(text), change[0], change[1], 1)
		if changed == string(text) {
			t.Fatalf("the profile has no %s:\n%s", change[0], text)
		}
		path := filepath.Join(filepath.Dir(net.Profile("lab")), "changed.json")
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		startRefused(t, dir, says, ledger(path)...)
	}
}

// A node that is killed while it anchors goes on where the ledger is.
func testKilledWhileAnchoring(t *testing.T, net *devnet.Network, dir string) {
	flags := onFabric(net, "lab", "--anchor-age", "10ms")
	for round := range 4 {
		n := startChild(t, dir, flags...)
		system := n.as("system", "HOPERAT")
		for i := range 10 + 7*round {
			system.Put("/Patient/k1", patientJSON("k1", fmt.Sprint(round, i)))
		}
		last := system.Do("PUT", "/Patient/k1", patientJSON("k1", "last"), "Prefer", "anchor=wait, wait=60")
		if got := last.Header.Get(server.AnchorHeader); !committed.MatchString(got) {
			t.Fatalf("%q\n%s", got, n.log())
		}
		ended := make(chan struct{})
		go func() { // more is under way when the process dies
			defer close(ended)
			for i := 0; ; i++ {
				if _, err := system.Try("PUT", "/Patient/k1", patientJSON("k1", fmt.Sprint(i))); err != nil {
					return
				}
			}
		}()
		time.Sleep(time.Duration(round*60) * time.Millisecond) // at another moment each time
		n.kill()
		<-ended
	}
	n := startChild(t, dir, flags...)
	n.allAnchored()
	receipt := n.as("system", "HOPERAT").Put("/Patient/k1", patientJSON("k1", "end")).Receipt()
	n.allAnchored()
	if strings.Contains(n.log(), "ALARM") {
		t.Errorf("an alarm without a reason:\n%s", n.log())
	}
	want := fmt.Sprintf("%d open", receipt.Seq+1)
	until(t, "another organisation sees all", func() bool { return sources(t, net, "registry")["lab/n1/changes.0"] == want })
	n.terminate()
}

// A ledger that is down holds nothing up, until the operator's limit is reached.
func testLedgerDown(t *testing.T, net *devnet.Network, dir string) {
	flags := onFabric(net, "registry", "--anchor-warn", "1s", "--anchor-read-only", "2s")
	n := startChild(t, dir, flags...)
	n.allAnchored()
	n.terminate()
	if err := net.Kill("peer-registry"); err != nil {
		t.Fatal(err)
	}
	testStopWhileWaiting(t, startChild(t, dir, onFabric(net, "registry")...))
	n = startChild(t, dir, flags...)
	system := n.as("system", "HOPERAT")
	write := system.Do("PUT", "/Patient/d1", patientJSON("d1", "x"), "Prefer", "anchor=wait, wait=1").Want(201)
	if got := write.Header.Get(server.AnchorHeader); got != "pending" {
		t.Errorf("%s is %q", server.AnchorHeader, got)
	}
	until(t, "a warning", func() bool {
		status, said := n.readyz()
		return status == 200 && strings.Contains(said, "WARNING: registry/n1/changes.0: 2 records wait for the ledger, the oldest for ")
	})
	change := 0
	until(t, "no more changes", func() bool {
		change++ // an update without effect is no change
		r := system.Put("/Patient/d1", patientJSON("d1", fmt.Sprint("y", change)))
		return r.Status == 503 && r.Has("accepts no changes until its records are on the ledger again")
	})
	system.Get("/Patient/d1").Want(200)
	if status, said := n.readyz(); status != 200 || !strings.Contains(said, "WARNING: changes are refused") {
		t.Errorf("readyz: %d %s", status, said)
	}
	if err := net.StartProcess(t.Context(), "peer-registry"); err != nil {
		t.Fatal(err)
	}
	until(t, "changes again", func() bool { return system.Put("/Patient/d1", patientJSON("d1", "z")).Status == 200 })
	n.allAnchored()
	if log := n.log(); !strings.Contains(log, "the ledger cannot be reached") || !strings.Contains(log, "waited for the ledger for too long") || !strings.Contains(log, "takes records again") ||
		!strings.Contains(log, "changes are refused until") || !strings.Contains(log, "changes are accepted again") {
		t.Errorf("the log does not tell what happened:\n%s", log)
	}
	n.terminate()
}

// testStopWhileWaiting: a node that stops answers who waits for an anchor: the write is
// done.
func testStopWhileWaiting(t *testing.T, n *childNode) {
	system := n.as("system", "HOPERAT")
	var answer response
	var failed error
	var waiting sync.WaitGroup
	waiting.Go(func() {
		answer, failed = system.Try("PUT", "/Patient/d0", patientJSON("d0", "x"), "Prefer", "anchor=wait, wait=60")
	})
	until(t, "the write is done", func() bool { return system.Get("/Patient/d0").Status == 200 })
	n.terminate()
	if waiting.Wait(); failed != nil || answer.Status != 201 || answer.Header.Get(server.AnchorHeader) != "pending" {
		t.Errorf("who waited got %d %v, %v", answer.Status, answer.Header, failed)
	}
}

// A folder that was restored from yesterday is not served; one that went on by itself
// was forked, which another organisation can show to all.
func testRestoredAndForked(t *testing.T, net *devnet.Network, dir string) {
	flags := onFabric(net, "hospital")
	yesterday := copyFolder(t, dir)
	n := startChild(t, dir, flags...)
	for i := range 5 {
		n.as("system", "HOPERAT").Put("/Patient/p1", patientJSON("p1", fmt.Sprint(i))).Want(200)
	}
	n.allAnchored()
	n.terminate()
	startRefused(t, yesterday, "restored from a backup", flags...)

	alone := startChild(t, yesterday) // without the ledger nobody notices
	for i := range 9 {
		alone.as("system", "HOPERAT").Put("/Patient/p1", patientJSON("p1", fmt.Sprint("other", i))).Want(200)
	}
	alone.terminate()
	startRefused(t, yesterday, "another root for its first", flags...)
	kept, err := filepath.Glob(filepath.Join(yesterday, "ledger", devnet.Channel, "hospital_n1_changes.0.fork-*.json"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("checkpoints of the fork: %v %v", kept, err)
	}
	var out, errs bytes.Buffer
	if code := run([]string{"ledger", "report-fork", "--profile", net.Profile("lab"), kept[0]}, &out, &errs); code != 0 || !strings.Contains(out.String(), "is marked as forked") {
		t.Fatalf("report-fork: exit %d\n%s%s", code, out.String(), errs.String())
	}
	if got := sources(t, net, "registry")["hospital/n1/changes.0"]; !strings.HasSuffix(got, " forked") {
		t.Errorf("the log is %q", got)
	}
	startRefused(t, dir, "marked as forked", flags...)
	testForkIsSeen(t, net, dir, yesterday)
}

// Two processes go on with copies of one folder. The one whose records the ledger has
// goes on; the other says so, is not ready, and accepts no changes any more.
func testTwoProcesses(t *testing.T, net *devnet.Network, dir string) {
	flags := onFabric(net, "registry")
	copied := copyFolder(t, dir)
	both := []*childNode{startChild(t, dir, flags...), startChild(t, copied, flags...)}
	change := func(n *childNode) int {
		return n.as("system", "HOPERAT").Put("/Patient/p1", patientJSON("p1", n.Server.URL)).Status
	}
	denied := func(n *childNode) bool {
		status, said := n.readyz()
		return status == 503 && strings.Contains(said, "the ledger contradicts the log registry/n1/")
	}
	until(t, "one is contradicted", func() bool {
		change(both[0])
		change(both[1])
		return denied(both[0]) || denied(both[1])
	})
	for _, n := range both {
		if !denied(n) {
			continue
		}
		if r := n.as("system", "HOPERAT").Put("/Patient/p1", patientJSON("p1", "x")).Want(503); !r.Has("accepts no changes") {
			t.Errorf("a change is answered %s", r.Body)
		}
		n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
		if !strings.Contains(n.log(), "ALARM") {
			t.Errorf("no alarm in the log:\n%s", n.log())
		}
	}
}

// A key is ended, then a log, by its own organisation only. The node says what that means.
func testEnded(t *testing.T, net *devnet.Network, dir string) {
	const source = "lab/n1/accesses.0"
	ledger := func(org string, args ...string) (int, string) {
		return runAceso(append([]string{"ledger", "--profile", net.Profile(org)}, args...)...)
	}
	code, keys := ledger("hospital", "keys", source)
	key := regexp.MustCompile(`lab/n1/accesses\.0\+[0-9a-f]{8}\+\S+`).FindString(keys)
	if code != exitOK || key == "" || !strings.Contains(keys, "-\n") {
		t.Fatalf("keys: exit %d\n%s", code, keys)
	}
	for _, args := range [][]string{{"revoke-key", source, key}, {"close", source}} {
		if code, out := ledger("hospital", args...); code != exitFailed || !strings.Contains(out, "belongs to organisation lab") {
			t.Errorf("%v by another organisation: exit %d\n%s", args, code, out)
		}
	}
	if code, out := ledger("lab", "revoke-key", source, key+"x"); code != exitFailed || !strings.Contains(out, "has no such key") {
		t.Errorf("another key: exit %d\n%s", code, out)
	}
	if code, out := ledger("lab", "revoke-key", source, key); code != exitOK || !strings.Contains(out, "up to size") {
		t.Fatalf("revoke-key: exit %d\n%s", code, out)
	}
	if _, out := ledger("lab", "keys", source); !regexp.MustCompile(regexp.QuoteMeta(key) + ` +0 +[1-9]`).MatchString(out) {
		t.Errorf("the key has no end:\n%s", out)
	}
	n := startChild(t, dir, onFabric(net, "lab")...)
	n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
	until(t, "the node says that its key does not count", func() bool {
		return strings.Contains(n.log(), "key") && strings.Contains(n.log(), source) && strings.Contains(n.log(), "not be anchored")
	})
	n.terminate()
	if code, out := ledger("lab", "close", source); code != exitOK || !strings.Contains(out, "is closed") {
		t.Fatalf("close: exit %d\n%s", code, out)
	}
	if got := sources(t, net, "registry")[source]; !strings.HasSuffix(got, " closed") {
		t.Errorf("others see %q", got)
	}
}

// showsAnchors looks at a node whose logs are anchored on a channel, and at the proof
// of one of its records.
func (n *testNode) showsAnchors(event string) {
	n.T.Helper()
	officer := n.as("privacy-officer", "HOPERAT")
	block := regexp.MustCompile(`<small>block [1-9]\d* · <code title="[0-9a-f]{64}">`)
	if a := officer.Page("/ui/ledger").Want(200); len(block.FindAll(a.Body, -1)) != 2 || a.Has("a signed file") {
		n.T.Errorf("not both logs are in blocks: %s", a.Body)
	}
	picture := regexp.MustCompile(`<g class="box block"><title>[0-9a-f]{64}</title>.*>block [1-9]\d* of aceso<.*…, endorsed by [2-9]<`)
	if a := officer.Page("/ui/ledger?record=" + event).Want(200); !picture.Match(a.Body) || !a.Has(`<span class="state good">anchored</span>`) {
		n.T.Errorf("the picture has no endorsed block: %s", a.Body)
	}
}
