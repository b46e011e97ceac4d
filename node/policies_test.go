package node

import (
	"context"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/policy/revision"
)

// noResearch are the built-in policies with research refused, packed.
func noResearch(t *testing.T) []byte {
	t.Helper()
	_, archive, err := policy.Pack(policy.Base())
	if err != nil {
		t.Fatal(err)
	}
	files, err := policy.Files(archive)
	if err != nil {
		t.Fatal(err)
	}
	const permit, refuse = `permit("research-needs-consent", "permits", outsider_rows) if purpose`, `deny("purpose-not-allowed") if purpose`
	files["clinician.rego"] = strings.Replace(files["clinician.rego"], permit, refuse, 1)
	for name := range files {
		if strings.HasSuffix(name, "_test.rego") {
			delete(files, name)
		}
	}
	_, archive, err = policy.PackFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

// officerBy is a step of an officer who is signed in.
func officerBy(subject string) revision.By {
	return revision.By{Call: new(kept.Call), Agent: agent.Agent{Subject: subject, Role: agent.PrivacyOfficer, Organization: "hospital", Purpose: "HOPERAT", Client: "test",
		Scopes: []agent.Scope{{Context: "user", Type: "*", Actions: "cruds"}}}}
}

// onBothStores runs a test on a folder, and on two nodes that share a database; first starts
// or restarts the first node.
func onBothStores(t *testing.T, test func(t *testing.T, start func(...func(*Node, *Options)) *testNode, others []*testNode)) {
	t.Run("folder", func(t *testing.T) {
		dir := t.TempDir()
		test(t, func(change ...func(*Node, *Options)) *testNode { return startNode(t, dir, change...) }, nil)
	})
	t.Run("database", func(t *testing.T) {
		c, dir := newCluster(t, 1), t.TempDir()
		test(t, func(change ...func(*Node, *Options)) *testNode { return c.start(dir, "first", change...) }, c.nodes)
	})
}

// What two officers put in force is in force on all nodes, is the same after a restart, and
// ends with a rollback; each step is a record of the change log.
func TestTwoOfficersPutPoliciesInForce(t *testing.T) {
	onBothStores(t, func(t *testing.T, start func(...func(*Node, *Options)) *testNode, others []*testNode) {
		n := start()
		builtIn := n.node.policy.Revision()
		s, err := n.node.policies()
		if err != nil {
			t.Fatal(err)
		}
		a, b := officerBy("Practitioner/a"), officerBy("Practitioner/b")
		hash := drafted(t, s, a, noResearch(t))
		if _, err := s.Approve(t.Context(), a, hash, 0); err == nil {
			t.Fatal("the author approves")
		}
		if _, err := s.Activate(t.Context(), a, hash); err == nil {
			t.Fatal("it is in force without approval")
		}
		if _, err := s.Approve(t.Context(), b, hash, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Activate(t.Context(), a, hash); err != nil {
			t.Fatal(err)
		}
		wants := func(hash string) {
			t.Helper()
			for _, one := range append([]*testNode{n}, others...) {
				soon(t, "in force", func() bool { return one.node.policy.Revision() == hash })
			}
		}
		wants(hash)
		n.as("practitioner", "HRESCH").Get("/Patient?name=x").Want(http.StatusForbidden)
		if len(a.Call.Receipts) != 6 || len(b.Call.Receipts) != 1 { // draft, test, submit, two refusals, activate; approve
			t.Errorf("%d and %d records", len(a.Call.Receipts), len(b.Call.Receipts))
		}
		n.stop()
		n = start()
		wants(hash)
		if s, err = n.node.policies(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Rollback(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		wants(builtIn)
	})
}

// A token of the author's own role, which names her nowhere, is the author's.
func TestTheOwnRoleDoesNotApprove(t *testing.T) {
	n := startNode(t, t.TempDir())
	n.as("system", "HOPERAT").Put("/PractitionerRole/r", `{"resourceType":"PractitionerRole","id":"r","practitioner":{"reference":"Practitioner/a"}}`).Want(http.StatusCreated)
	s, err := n.node.policies()
	if err != nil {
		t.Fatal(err)
	}
	hash := drafted(t, s, officerBy("Practitioner/a"), noResearch(t))
	if _, err := s.Approve(t.Context(), officerBy("PractitionerRole/r"), hash, 0); err == nil {
		t.Error("the author approves with a token of her role")
	}
	if _, err := s.Approve(t.Context(), officerBy("PractitionerRole/other"), hash, 0); err != nil {
		t.Error(err)
	}
}

// drafted is a revision that was tested and submitted.
func drafted(t *testing.T, s *revision.Service, by revision.By, archive []byte) string {
	t.Helper()
	files, err := policy.Files(archive)
	if err != nil {
		t.Fatal(err)
	}
	d := revision.Draft{Files: map[string]*string{}, Reason: "no research"}
	for name, text := range files {
		d.Files[name] = &text
	}
	r, err := s.Draft(t.Context(), by, d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Test(t.Context(), by, r.Hash); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Submit(t.Context(), by, r.Hash, 0, ""); err != nil {
		t.Fatal(err)
	}
	return r.Hash
}

// Where two persons are needed, the folder of a node is a draft, at its start and later.
func TestAFolderOnlyProposesWhereTwoPersonsAreNeeded(t *testing.T) {
	onBothStores(t, func(t *testing.T, start func(...func(*Node, *Options)) *testNode, _ []*testNode) {
		n := start()
		builtIn := n.node.policy.Revision()
		operators, err := n.node.revisions(operatorRows{keptRows{n.node.store}, &n.node.records})
		if err != nil {
			t.Fatal(err)
		}
		if err := operators.SetTwoPersons(t.Context(), byOperator("aceso policy", new(kept.Call)), true); err != nil {
			t.Fatal(err)
		}
		n.stop()
		dir := policyFolder(t)
		rewrite(t, filepath.Join(dir, "clinician.rego"), "package aceso.access", "package aceso.access\n\nfirst := 1")
		n = start(func(_ *Node, o *Options) { o.Policies = dir })
		if now := n.node.policy.Revision(); now != builtIn {
			t.Fatalf("a folder put %s in force alone", now)
		}
		drafts := func() (list []revision.Revision) {
			s, err := n.node.policies()
			if err != nil {
				t.Fatal(err)
			}
			all, _, err := s.List(t.Context(), officerBy("Practitioner/a"))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range all {
				if r.Origin == "folder" && r.State == revision.Tested {
					list = append(list, r)
				}
			}
			return list
		}
		if len(drafts()) != 1 {
			t.Errorf("%d drafts", len(drafts()))
		}
		rewrite(t, filepath.Join(dir, "clinician.rego"), "first := 1", "first := 2")
		soon(t, "the change is a draft", func() bool { return len(drafts()) == 2 })
		if now := n.node.policy.Revision(); now != builtIn {
			t.Errorf("a change of the folder put %s in force alone", now)
		}
	})
}

// What a database of the version before had in force stays in force, and is kept once.
func TestFormerPoliciesAreTakenOver(t *testing.T) {
	c := newCluster(t, 0)
	archive := noResearch(t)
	fsys, err := policy.Unpack(archive)
	if err != nil {
		t.Fatal(err)
	}
	hash, _, err := policy.Pack(fsys)
	if err != nil {
		t.Fatal(err)
	}
	client, err := mongo.Connect(options.Client().ApplyURI(c.uri))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Disconnect(context.Background()) }()
	for _, doc := range []bson.D{
		{{Key: "_id", Value: hash}, {Key: "archive", Value: archive}},
		{{Key: "_id", Value: "active"}, {Key: "revision", Value: hash}, {Key: "builtin", Value: false}},
	} {
		if _, err := client.Database(c.options().name()).Collection("policies").InsertOne(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"n1", "n2"} {
		n := c.start(t.TempDir(), name)
		if now := n.node.policy.Revision(); now != hash {
			t.Errorf("%s has %s in force", name, now)
		}
		n.as("practitioner", "HRESCH").Get("/Patient?name=x").Want(http.StatusForbidden)
	}
}

func always(context.Context, fs.FS, fs.FS) (bool, error) { return true, nil }

// The time of an emergency change ends on the node by itself.
func TestAnEmergencyChangeEndsByItself(t *testing.T) {
	n := startNode(t, t.TempDir())
	builtIn := n.node.policy.Revision()
	operators, err := n.node.revisions(operatorRows{keptRows{n.node.store}, &n.node.records})
	if err != nil {
		t.Fatal(err)
	}
	by := officerBy("Practitioner/a")
	hash := drafted(t, operators, by, noResearch(t))
	operators.Narrows = always
	operators.Now = func() time.Time { return time.Now().Add(3*time.Second - revision.EmergencyLife) }
	if _, err := operators.Emergency(t.Context(), by, hash); err != nil {
		t.Fatal(err)
	}
	soon(t, "in force", func() bool { return n.node.policy.Revision() == hash })
	soon(t, "ended", func() bool { return n.node.policy.Revision() == builtIn })
	operators.Now = time.Now
	soon(t, "written down", func() bool {
		a, err := operators.Active(t.Context())
		return err == nil && a.Hash == builtIn && a.Until.IsZero()
	})
}
