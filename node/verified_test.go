package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// verifiedNode is a node whose data somebody changes behind its back.
type verifiedNode struct {
	*testNode
	restart func() *testNode
}

// eachStore runs a test with a folder and with a database.
func eachStore(t *testing.T, test func(t *testing.T, n *verifiedNode)) {
	t.Run("folder", func(t *testing.T) {
		dir := t.TempDir()
		start := func() *testNode { return startNode(t, dir) }
		test(t, &verifiedNode{start(), start})
	})
	t.Run("database", func(t *testing.T) {
		c := newCluster(t, 1)
		dir := string(c.nodes[0].data)
		test(t, &verifiedNode{c.nodes[0], func() *testNode { return c.start(dir, "n1") }})
	})
}

// work writes and reads a little, and ends the node; it gives how many accesses there are.
func (n *verifiedNode) work(id string) int64 {
	n.T.Helper()
	if n.node == nil {
		n.testNode = n.restart()
	}
	n.as("system", "HOPERAT").Put("/Patient/"+id, patientJSON(id, "Smith"))
	n.as("practitioner", "TREAT").Get("/Patient/" + id).Want(200)
	_, accesses := n.logSizes()
	n.stop()
	return accesses
}

// verify checks what is stored. It gives what was found, and warnings.
func (n *verifiedNode) verify(all bool) (found, warnings string) {
	n.T.Helper()
	x := Extent{All: all, Program: "test", Say: func(text string, warn bool) {
		if warn {
			warnings += text + "\n"
		}
	}}
	_, err := VerifyLog(n.T.Context(), n.data, n.database, Evidence{}, x, func(f store.Finding) error {
		found += fmt.Sprintf("%s, row %s: %s\n", f.Table, f.Row, f.What)
		return nil
	})
	if err != nil {
		found += err.Error()
	}
	return found, warnings
}

// agent writes another agent beside the entry of an access.
func (n *verifiedNode) agent(seq int64, agent string) {
	n.T.Helper()
	var err error
	if n.database.URI == "" {
		var c *sqlite.Conn
		if c, err = sqlite.OpenConn(n.data.file("access.db"), sqlite.OpenReadWrite); err == nil {
			err = sqlitex.Execute(c, "UPDATE entries SET agent = agent || ? WHERE seq = ?", &sqlitex.ExecOptions{Args: []any{agent, seq}})
			c.Close()
		}
	} else {
		var c *driver.Client
		if c, err = driver.Connect(options.Client().ApplyURI(n.database.URI)); err == nil {
			_, err = c.Database(n.database.name()).Collection("accesses").UpdateOne(n.T.Context(),
				bson.D{{Key: "_id", Value: fmt.Sprintf("hospital/n1/accesses.0/%016d", seq)}}, bson.D{{Key: "$set", Value: bson.D{{Key: "a", Value: agent}}}})
			_ = c.Disconnect(n.T.Context())
		}
	}
	if err != nil {
		n.T.Fatal(err)
	}
}

func (n *verifiedNode) read(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(n.data.verified())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (n *verifiedNode) write(t *testing.T, b []byte) {
	t.Helper()
	if err := os.WriteFile(n.data.verified(), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// whole wants a check that finds and says nothing.
func (n *verifiedNode) whole(all bool) {
	n.T.Helper()
	if found, warnings := n.verify(all); found != "" || warnings != "" {
		n.T.Fatalf("found %q, warnings %q", found, warnings)
	}
}

// What comes after a verified point is checked; what comes before it when everything is,
// or in turns. A check that finds something moves no point.
func TestChecksGoOnFromWhatWasVerified(t *testing.T) {
	eachStore(t, func(t *testing.T, n *verifiedNode) {
		before := n.work("p1")
		n.whole(false)
		after := n.work("p2")
		point := n.read(t)
		n.agent(after-1, "x")
		for range 2 {
			if found, _ := n.verify(false); !strings.Contains(found, fmt.Sprintf("row %d", after-1)) && !strings.Contains(found, fmt.Sprintf(" %d agent", after-1)) {
				t.Errorf("a change after the point: found %q", found)
			}
		}
		if string(n.read(t)) != string(point) {
			t.Error("the point was moved past what was found")
		}
		n.agent(before-1, "x")
		want := fmt.Sprintf("%d agent", before-1)
		if found, _ := n.verify(false); strings.Contains(found, want) {
			t.Errorf("what was verified is read again: %q", found)
		}
		if found, _ := n.verify(true); !strings.Contains(found, want) {
			t.Errorf("a change before the point: everything finds %q", found)
		}
	})
}

// The scrubber of a node comes to everything that was verified before.
func TestScrubberComesRound(t *testing.T) {
	eachStore(t, func(t *testing.T, n *verifiedNode) {
		n.work("p1")
		old := n.work("p2")
		n.whole(false)
		n.work("p3")
		n.testNode = n.restart()
		scrubbed := func() (found string) {
			err := n.node.verify(t.Context(), Extent{}, 4, false, func(f store.Finding) error {
				found += f.Row + " " + f.What + "\n"
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		for range 9 {
			if found := scrubbed(); found != "" {
				t.Fatal(found)
			}
		}
		n.agent(old-1, "x")
		found := ""
		for range 4 {
			found += scrubbed()
		}
		if !strings.Contains(found, "differs from the entry") {
			t.Errorf("four of four turns find %q", found)
		}
	})
}

// A point that is not the node's own word is not believed: everything is checked, and said.
func TestForgedPointIsNotBelieved(t *testing.T) {
	eachStore(t, func(t *testing.T, n *verifiedNode) {
		old := n.work("p1")
		n.whole(false)
		mine := n.read(t)
		other := &verifiedNode{testNode: startNode(t, t.TempDir())}
		other.work("p1")
		other.whole(false)
		n.agent(old-1, "x")
		bit := append([]byte{}, mine...)
		bit[len(bit)/2] ^= 1
		for name, forged := range map[string][]byte{
			"another node's": other.read(t), "a bit": bit, "cut": mine[:len(mine)/2], "empty": nil, "unsigned": mine[:strings.Index(string(mine), "\n\n")],
		} {
			n.write(t, forged)
			found, warnings := n.verify(false)
			if !strings.Contains(found, "differs from the entry") || !strings.Contains(warnings, "is not believed") {
				t.Errorf("%s: found %q, warnings %q", name, found, warnings)
			}
		}
		n.write(t, nil)
		served := startNode(t, string(n.data), func(node *Node, o *Options) {
			o.Scrub, o.Database, node.database.LeaseLife = time.Hour, n.database, time.Minute
		})
		if !served.node.doubted {
			t.Error("the node trusts the point")
		}
	})
}

// An older point of the node's own only makes a check longer.
func TestOlderPointFindsNoLess(t *testing.T) {
	eachStore(t, func(t *testing.T, n *verifiedNode) {
		n.work("p1")
		n.whole(false)
		older := n.read(t)
		changed := n.work("p2")
		n.whole(false)
		n.work("p3")
		n.agent(changed-1, "x")
		n.whole(false)
		n.write(t, older)
		if found, _ := n.verify(false); !strings.Contains(found, "differs from the entry") {
			t.Errorf("found %q", found)
		}
	})
}

// A point of another history, signed with the node's own key, is reported, and everything
// is checked: the folder was rolled back, or one of the two was forged.
func TestPointOfAnotherHistoryIsReported(t *testing.T) {
	n := &verifiedNode{testNode: startNode(t, t.TempDir())}
	old := n.work("p1")
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(string(n.data))); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(Folder(copied).keys(), 0o600); err != nil {
		t.Fatal(err)
	}
	fork := &verifiedNode{restart: func() *testNode { return startNode(t, copied) }, testNode: &testNode{data: Folder(copied)}}
	fork.T = t
	fork.work("other")
	fork.whole(false)
	n.restart = func() *testNode { return startNode(t, string(n.data)) }
	n.work("p2")
	n.work("p3")
	n.write(t, fork.read(t))
	n.agent(old-1, "x")
	for range 2 {
		found, warnings := n.verify(false)
		if !strings.Contains(found, "another root when they were verified") || !strings.Contains(found, "differs from the entry") || !strings.Contains(warnings, "everything is checked") {
			t.Errorf("found %q, warnings %q", found, warnings)
		}
	}
	if found, _ := n.verify(true); !strings.Contains(found, "another root when they were verified") {
		t.Errorf("a check of everything finds %q", found)
	}
}

// A folder or database that is older than what was verified is an error, at the start, too.
func TestRestoredDataAreOlderThanThePoint(t *testing.T) {
	eachStore(t, func(t *testing.T, n *verifiedNode) {
		n.work("p1")
		n.whole(false)
		r := records{log: quiet()}
		if err := r.read(t.Context(), n.data, n.database); err != nil {
			t.Fatal(err)
		}
		p, err := r.readPoint()
		if err != nil {
			t.Fatal(err)
		}
		source := r.accesses.Source()
		p.Heads[source] = ledgerbridge.TreeHead{Size: p.Heads[source].Size + 1, Root: p.Heads[source].Root}
		if err := r.keepPoint(p); err != nil {
			t.Fatal(err)
		}
		if err := r.close(); err != nil {
			t.Fatal(err)
		}
		if found, _ := n.verify(false); !strings.Contains(found, "an older state was restored") {
			t.Errorf("found %q", found)
		}
		found := ""
		err = CheckStore(t.Context(), n.data, n.database, Check{Sample: 1}, Extent{}, func(f store.Finding) error {
			found += f.What
			return nil
		})
		if err != nil || !strings.Contains(found, "an older state was restored") {
			t.Errorf("the check of the store: %q, %v", found, err)
		}
		refused := newNode(quiet())
		refused.database.LeaseLife = time.Minute
		err = refused.start(t.Context(), n.data, Options{Organization: "hospital", Name: "n1", BaseURL: "http://127.0.0.1/fhir", Database: n.database})
		if err == nil || !strings.Contains(err.Error(), "an older state was restored") || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("start: %v", err)
		}
		if err := os.Rename(n.data.verified(), filepath.Join(t.TempDir(), "verified")); err != nil {
			t.Fatal(err)
		}
		n.work("p2")
		n.whole(false)
	})
}

// A crash while the point is written leaves the one before.
func TestCrashWhileThePointIsWritten(t *testing.T) {
	eachStore(t, func(t *testing.T, n *verifiedNode) {
		n.work("p1")
		n.whole(false)
		point := n.read(t)
		if err := os.WriteFile(n.data.verified()+".new", point[:len(point)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		n.work("p2")
		said := ""
		x := Extent{Say: func(text string, warn bool) { said += text }}
		if _, err := VerifyLog(t.Context(), n.data, n.database, Evidence{}, x, func(f store.Finding) error { return &f }); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(said, "what is new since version test") {
			t.Errorf("said %q", said)
		}
		if string(n.read(t)) == string(point) {
			t.Error("the point was not moved on")
		}
	})
}

// A point that cannot be kept takes nothing from a check.
func TestPointThatCannotBeKept(t *testing.T) {
	n := &verifiedNode{testNode: startNode(t, t.TempDir())}
	n.work("p1")
	if err := os.Mkdir(n.data.verified()+".new", 0o700); err != nil {
		t.Fatal(err)
	}
	if found, warnings := n.verify(false); found != "" || !strings.Contains(warnings, "will not go on from this one") {
		t.Errorf("found %q, warnings %q", found, warnings)
	}
}

// The check of what is stored goes on by itself, and keeps what is known of the records.
func TestStoreCheckGoesOn(t *testing.T) {
	eachStore(t, func(t *testing.T, n *verifiedNode) {
		n.work("p1")
		check := func(all bool) (said string) {
			x := Extent{All: all, Program: "test", Say: func(text string, warn bool) { said += text }}
			err := CheckStore(t.Context(), n.data, n.database, Check{Sample: 1}, x, func(f store.Finding) error { return &f })
			if err != nil {
				t.Fatal(err)
			}
			return said
		}
		if said := check(false); !strings.Contains(said, "nothing was verified before") {
			t.Errorf("at first: %q", said)
		}
		old := n.work("p2")
		if said := check(false); !strings.Contains(said, "what is new since version test") {
			t.Errorf("then: %q", said)
		}
		n.agent(old-1, "x")
		if found, _ := n.verify(false); found == "" {
			t.Error("the check of the store vouched for the records")
		}
	})
}

// Another version of the program may derive search keys otherwise: it looks at every
// resource again.
func TestAnotherVersionChecksEveryResource(t *testing.T) {
	n := &verifiedNode{testNode: startNode(t, t.TempDir())}
	n.work("p1")
	n.whole(false)
	c, err := sqlite.OpenConn(n.data.file("aceso.db"), sqlite.OpenReadWrite)
	if err == nil {
		err = errors.Join(sqlitex.ExecuteTransient(c, "DELETE FROM ix", nil), c.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string]bool{"test": false, "newer": true} {
		found := false
		err := CheckStore(t.Context(), n.data, n.database, Check{Sample: 1}, Extent{Program: program}, func(store.Finding) error {
			found = true
			return nil
		})
		if err != nil || found != want {
			t.Errorf("version %s: found %t, %v", program, found, err)
		}
	}
}
