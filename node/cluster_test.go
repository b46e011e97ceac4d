package node

import (
	"cmp"
	"fmt"
	mathrand "math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store/mongo"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// testCluster is several nodes on one database.
type testCluster struct {
	t     testing.TB
	uri   string
	key   string // file with the master key
	life  time.Duration
	nodes []*testNode

	standIn *mongotest.Server // nil on a real server
}

// leaseLife is that of nodes in tests in which one is lost.
const leaseLife = 2 * time.Second

// newCluster starts nodes whose leases last so long that no busy machine loses one.
func newCluster(t testing.TB, count int) *testCluster {
	t.Helper()
	return newClusterOf(t, count, time.Minute)
}

func newClusterOf(t testing.TB, count int, life time.Duration) *testCluster {
	t.Helper()
	uri, standIn := mongotest.Database(t)
	c := &testCluster{t: t, uri: uri, key: filepath.Join(t.TempDir(), "master.key"), life: life, standIn: standIn}
	if _, err := keyring.CreateMaster(c.key); err != nil {
		t.Fatal(err)
	}
	for i := range count {
		c.nodes = append(c.nodes, c.start(t.TempDir(), fmt.Sprint("n", i+1)))
	}
	return c
}

func (c *testCluster) options() Database { return Database{URI: c.uri, MasterKey: c.key} }

// start starts a node on a folder, which may be used already.
func (c *testCluster) start(dir, node string, change ...func(*Node, *Options)) *testNode {
	c.t.Helper()
	n := startNode(c.t, dir, append([]func(*Node, *Options){func(n *Node, o *Options) {
		o.Database, o.Name = c.options(), node
		n.database.LeaseLife = c.life
	}}, change...)...)
	n.database = c.options()
	return n
}

// system gives a user of role system on every node, with one token.
func (c *testCluster) users(role, purpose string) []user {
	c.t.Helper()
	token := c.nodes[0].as(role, purpose).Token
	var all []user
	for _, n := range c.nodes {
		all = append(all, user{Node: &n.Node, Token: token})
	}
	return all
}

// Tokens and paging links of one node hold on the others, and every node shows and
// proves the records of all.
func TestNodesActAsOne(t *testing.T) {
	c := newCluster(t, 3)
	system := c.users("system", "HOPERAT")
	for i := range 7 {
		system[i%3].Put(fmt.Sprintf("/Patient/p%d", i), patientJSON(fmt.Sprint("p", i), "Same")).Want(201)
	}
	doctors := c.users("practitioner", "TREAT")
	seen := map[string]bool{}
	path := "/Patient?family=same&_count=2"
	for i := 0; path != ""; i++ {
		r := doctors[i%3].Get(path).Want(200)
		for _, id := range r.IDs() {
			if seen[id] {
				t.Errorf("%s came twice", id)
			}
			seen[id] = true
		}
		path = r.Next()
	}
	if len(seen) != 7 {
		t.Errorf("%d patients over all pages, want 7", len(seen))
	}
	officers := c.users("privacy-officer", "HOPERAT")
	event := doctors[0].Get("/Patient/p1").Want(200).Event() // n1's record
	for _, n := range c.nodes {
		if _, err := n.node.accesses.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	text, err := LogKeys(t.Context(), c.nodes[1].data, c.options())
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range officers {
		if r := o.Get("/AuditEvent/" + event).Want(200); !r.Has(`"n1"`) {
			t.Errorf("the event of n1, told by node %d: %s", i+1, r.Body)
		}
		proof := o.Get("/AuditEvent/" + event + "/$proof").Want(200)
		if got, err := ledgerbridge.VerifyRecord(proof.Body, text, nil); err != nil || got.Entry.Source != "hospital/n1/accesses.0" {
			t.Errorf("the proof that node %d gives: %+v, %v", i+1, got.Verdict, err)
		}
	}
	report := officers[2].Get("/Patient/p1/$access-report?_count=100").Want(200)
	for _, node := range []string{`"n1.`, `"n2.`} {
		if !report.Has(node) {
			t.Errorf("the access report lacks records of %s", node)
		}
	}
	c.whole()
}

// whole verifies everything, from the folder of each node.
func (c *testCluster) whole() {
	c.t.Helper()
	o, and := c.options(), "?"
	if strings.Contains(o.URI, "?") {
		and = "&"
	}
	o.URI += and + "timeoutMS=120000" // a busy machine reads all versions of everything
	for _, n := range c.nodes {
		wantWhole(c.t, n.data, o)
	}
}

// Of 64 conditional creates of one identifier through all nodes at once exactly one
// creates; of two updates of the same version exactly one wins.
func TestOneWinnerOverAllNodes(t *testing.T) {
	c := newCluster(t, 3)
	system := c.users("system", "HOPERAT")
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	for i := range rounds {
		identifier := fmt.Sprintf("urn:mrn|%d", i)
		body := fmt.Sprintf(`{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"%d"}]}`, i)
		var created, other atomic.Int32
		var wg sync.WaitGroup
		for j := range 64 {
			wg.Go(func() {
				r, err := system[j%3].Try("POST", "/Patient", body, "If-None-Exist", "identifier="+url.QueryEscape(identifier))
				switch {
				case err == nil && r.Status == 201:
					created.Add(1)
				case err != nil || r.Status != 200 && r.Status != 409:
					other.Add(1)
					t.Errorf("round %d: %d %v\n%s", i, r.Status, err, r.Body)
				}
			})
		}
		wg.Wait()
		found := system[i%3].Get("/Patient?identifier=" + url.QueryEscape(identifier)).Want(200).IDs()
		if created.Load() != 1 || len(found) != 1 || other.Load() > 0 {
			t.Fatalf("round %d: %d created, %d there", i, created.Load(), len(found))
		}
		if i%10 == 0 {
			c.oneUpdateWins(system, found[0], i)
		}
	}
}

func (c *testCluster) oneUpdateWins(system []user, id string, round int) {
	_, name, _ := strings.Cut(id, "/")
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for j := range 2 {
		wg.Go(func() {
			r, err := system[(round+j)%3].Try("PUT", "/"+id, patientJSON(name, fmt.Sprint("By", j)), "If-Match", `W/"1"`)
			if err == nil && r.Status == 200 {
				won.Add(1)
			} else if err == nil && r.Status == 412 {
				lost.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 1 {
		c.t.Errorf("%d updates of the same version won, %d lost", won.Load(), lost.Load())
	}
}

// A denial that was written through one node is in force on all others for every
// request that starts after its response, whatever goes on meanwhile.
func TestConsentBindsAllNodes(t *testing.T) {
	c := newCluster(t, 3)
	system, research := c.users("system", "HOPERAT"), c.users("practitioner", "HRESCH")
	const patients = 8
	for i := range patients {
		p := fmt.Sprint("p", i)
		system[i%3].Put("/Patient/"+p, patientJSON(p, "Family")).Want(201)
		system[i%3].Put("/Observation/o-"+p, observationJSON("o-"+p, p, 70)).Want(201)
	}
	interleavings := 10_000
	if testing.Short() {
		interleavings = 400
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var done atomic.Int32
	var wg sync.WaitGroup
	for i := range patients {
		wg.Go(func() {
			dice := mathrand.New(mathrand.NewPCG(seed, uint64(i)))
			for int(done.Add(1)) <= interleavings && !t.Failed() {
				c.interleave(dice, system, research, fmt.Sprint("p", i))
			}
		})
	}
	wg.Wait()
	c.whole()
}

// interleave changes a patient's mind through one node while others are reading, and
// then reads through another one.
func (c *testCluster) interleave(dice *mathrand.Rand, system, research []user, p string) {
	kind, want := "permit", 200
	if dice.IntN(2) == 0 {
		kind, want = "deny", 404
	}
	reads := []string{"/Observation/o-" + p, "/Observation?subject=Patient/" + p}
	var before sync.WaitGroup
	for range dice.IntN(3) { // requests that were begun before may be answered either way
		reader, path := research[dice.IntN(3)], reads[dice.IntN(2)]
		before.Go(func() { _, _ = reader.Try("GET", path, "") })
	}
	r, err := system[dice.IntN(3)].Try("PUT", "/Consent/c-"+p, researchConsent("c-"+p, p, kind))
	if err != nil || r.Status != 200 && r.Status != 201 {
		c.t.Errorf("write a Consent: %d %v\n%s", r.Status, err, r.Body)
	}
	reader := research[dice.IntN(3)]
	if dice.IntN(2) == 0 {
		r, err = reader.Try("GET", reads[0], "")
		if err != nil || r.Status != want {
			c.t.Errorf("after %q of %s: %d %v, want %d\n%s", kind, p, r.Status, err, want, r.Body)
		}
	} else {
		r, err = reader.Try("GET", reads[1], "")
		if err != nil || r.Status != 200 || r.Has("valueQuantity") != (kind == "permit") {
			c.t.Errorf("after %q of %s: %d %v\n%s", kind, p, r.Status, err, r.Body)
		}
	}
	before.Wait()
}

// A revision of the policies that one node activates is in force on all of them
// shortly after, and each record names the one it was decided by.
func TestPolicyOfAllNodes(t *testing.T) {
	c := newCluster(t, 2)
	folder := t.TempDir()
	if err := os.CopyFS(folder, policy.Base()); err != nil {
		t.Fatal(err)
	}
	third := c.start(t.TempDir(), "n3", func(_ *Node, o *Options) { o.Policies = folder })
	c.nodes = append(c.nodes, third)
	before := third.node.policy.Revision()
	extra := filepath.Join(folder, "extra.rego")
	if err := os.WriteFile(extra, []byte("package aceso.extra\n\nvalue := 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for _, n := range c.nodes {
		for n.node.policy.Revision() == before {
			if time.Now().After(deadline) {
				t.Fatal("a node still has the policies before")
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	revision := third.node.policy.Revision()
	officer := c.users("privacy-officer", "HOPERAT")
	for _, u := range c.users("system", "HOPERAT") {
		event := u.Get("/Patient?family=x").Want(200).Event()
		if r := officer[0].Get("/AuditEvent/" + event); !r.Has(revision) {
			t.Errorf("the record does not name revision %s: %s", revision, r.Body)
		}
	}
	wrong := "package aceso.extra_test\n\nimport data.aceso.extra\n\ntest_value if extra.value == 3\n"
	for _, file := range [][2]string{{"extra_test.rego", wrong}, {"extra.rego", "package aceso.extra\n\nvalue := 2\n"}} {
		if err := os.WriteFile(filepath.Join(folder, file[0]), []byte(file[1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	soon(t, "the node that proposes is not ready", func() bool { status, _ := third.readiness(); return status == 503 })
	for _, n := range c.nodes {
		if now := n.node.policy.Revision(); now != revision {
			t.Errorf("a revision whose test fails is in force: %s", now)
		}
	}
}

// crash ends a node without giving anything back, as if its process were killed.
func (c *testCluster) crash(i int) {
	c.t.Helper()
	n := c.nodes[i]
	n.Server.Close()
	n.node.store.(*mongo.Store).Abandon()
	if err := n.node.Close(); err != nil {
		c.t.Log("crashed: ", err)
	}
	n.node = nil
}

// The records of a dead node are brought under checkpoints by another one, which
// signs with its own key; the node takes its logs back, and everything verifies.
func TestDeadNodeIsFinished(t *testing.T) {
	c := newClusterOf(t, 0, leaseLife)
	folder := t.TempDir()
	for i, dir := range []string{folder, t.TempDir(), t.TempDir()} {
		c.nodes = append(c.nodes, c.start(dir, fmt.Sprint("n", i+1)))
	}
	system := c.users("system", "HOPERAT")
	for i, u := range system {
		u.Put(fmt.Sprint("/Patient/p", i), patientJSON(fmt.Sprint("p", i), "Family")).Want(201)
	}
	c.nodes[0].node.stop() // it makes no checkpoints any more
	c.nodes[0].node.running.Wait()
	event := system[0].Get("/Patient/p0").Want(200).Event()
	c.crash(0)
	c.nodes = c.nodes[1:]
	officers := c.users("privacy-officer", "HOPERAT")
	var proof response
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if proof = officers[1].Get("/AuditEvent/" + event + "/$proof"); proof.Status == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the last record of the dead node has no checkpoint: %s", proof.Body)
		}
	}
	keys, err := LogKeys(t.Context(), c.nodes[0].data, c.options())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ledgerbridge.VerifyRecord(proof.Body, keys, nil); err != nil {
		t.Errorf("proof of the dead node's record: %v, %v", got.Verdict, err)
	}
	own := keys[:0:0]
	for _, k := range keys {
		if !strings.Contains(k, "@") {
			own = append(own, k)
		}
	}
	if _, err := ledgerbridge.VerifyRecord(proof.Body, own, nil); err == nil {
		t.Error("the dead node itself has signed the checkpoint")
	}
	c.whole()
	back := c.start(folder, "n1")
	c.nodes = append(c.nodes, back)
	user{Node: &back.Node, Token: officers[0].Token}.Get("/AuditEvent/" + event + "/$proof").Want(200)
	back.as("system", "HOPERAT").Put("/Patient/p9", patientJSON("p9", "Family")).Want(201)
	c.whole()
}

// A keeper that could not begin, because the database was in trouble, begins again.
func TestKeeperBeginsAgain(t *testing.T) {
	c := newClusterOf(t, 2, leaseLife)
	if c.standIn == nil {
		t.Skip("SKIPPED: only the stand-in can be told to fail")
	}
	c.nodes[0].node.stop() // it makes no checkpoints any more
	c.nodes[0].node.running.Wait()
	event := c.nodes[0].as("system", "HOPERAT").Get("/Patient/none").Want(404).Event()
	rule := c.standIn.Fail(mongotest.Fault{Command: "delete", Do: mongotest.Refuse, Code: 8, Name: "UnknownError"})
	c.crash(0)
	c.nodes = c.nodes[1:]
	officer := c.users("privacy-officer", "HOPERAT")[0]
	for deadline := time.Now().Add(time.Minute); officer.Get("/AuditEvent/"+event+"/$proof").Status != 200; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the last record of the dead node has no checkpoint")
		}
	}
	if rule.Fired() != 1 {
		t.Errorf("the keeper failed %d times", rule.Fired())
	}
}

// A database that was restored to an older state than a node's folder is refused.
func TestRestoredDatabaseIsRefused(t *testing.T) {
	c := newCluster(t, 0)
	if c.standIn == nil {
		t.Skip("SKIPPED: only the stand-in can be restored by a test")
	}
	folder := t.TempDir()
	n := c.start(folder, "n1")
	n.as("system", "HOPERAT").Put("/Patient/p1", patientJSON("p1", "One")).Want(201)
	if _, err := n.node.changes.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	backup := c.standIn.Backup()
	n.as("system", "HOPERAT").Put("/Patient/p2", patientJSON("p2", "Two")).Want(201)
	n.stop()
	c.standIn.Restore(backup)
	_, err := Open(t.Context(), Folder(folder), Options{Database: c.options(), BaseURL: "http://127.0.0.1/fhir", Log: quiet()})
	if err == nil || !strings.Contains(err.Error(), "does not continue") {
		t.Fatalf("the restored database was served: %v", err)
	}
}

// What is wrong about the database, its key or the node's name is said in a sentence.
func TestDatabaseMisuse(t *testing.T) {
	c := newClusterOf(t, 1, leaseLife)
	folder := func(text string) Folder {
		dir := Folder(t.TempDir())
		if text != "" {
			if err := os.WriteFile(dir.file("aceso.db"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	other := filepath.Join(t.TempDir(), "other.key")
	if _, err := keyring.CreateMaster(other); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]struct {
		data Folder
		o    Options
		says string
	}{
		"the same name":        {folder(""), Options{Name: "n1", Database: c.options()}, "being served by another process"},
		"the same folder":      {c.nodes[0].data, Options{Database: c.options()}, "in use by another process"},
		"without the store":    {c.nodes[0].data, Options{}, "give --store"},
		"another node":         {c.nodes[0].data, Options{Name: "n2", Database: c.options()}, "in use by another process"},
		"a folder with data":   {folder("x"), Options{Name: "n2", Database: c.options()}, "holds data itself"},
		"another organisation": {folder(""), Options{Name: "n2", Organization: "clinic", Database: c.options()}, "belongs to organisation"},
		"no master key":        {folder(""), Options{Name: "n2", Database: Database{URI: c.uri}}, "copy the master key"},
		"another master key":   {folder(""), Options{Name: "n3", Database: Database{URI: c.uri, MasterKey: other}}, "the master key is another one"},
	} {
		try.o.Organization, try.o.BaseURL = cmp.Or(try.o.Organization, "hospital"), "http://127.0.0.1/fhir"
		n := newNode(quiet())
		n.database.LeaseLife = c.life
		if err := n.start(t.Context(), try.data, try.o); err == nil || !strings.Contains(err.Error(), try.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
