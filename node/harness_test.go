package node

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/node/nodetest"
	"github.com/aceso-health/aceso/store"
)

// What the tests of a node say with short words.
type (
	user     = nodetest.User
	response = nodetest.Answer
)

var (
	patientJSON     = nodetest.PatientJSON
	observationJSON = nodetest.ObservationJSON
	researchConsent = nodetest.ResearchConsent
	wantIDs         = nodetest.WantIDs
	until           = nodetest.Until
)

// testNode is a whole node behind a real HTTP listener.
type testNode struct {
	nodetest.Node
	data Folder
	node *Node

	database Database // where the data are, if not in the folder
}

// startNode serves a data folder; stop ends it so that it can be started again.
func startNode(t testing.TB, path string, change ...func(*Node, *Options)) *testNode {
	t.Helper()
	data, err := CreateFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	n := &testNode{data: data, node: newNode(quiet())}
	o := Options{Organization: "hospital", Name: "n1", BaseURL: "http://127.0.0.1/fhir"}
	for _, c := range change {
		c(n.node, &o)
	}
	if err := n.node.start(context.Background(), data, o); err != nil {
		t.Fatal(err)
	}
	n.T, n.Server = t, httptest.NewServer(n.node.handler)
	t.Cleanup(n.stop)
	return n
}

func newNode(log *slog.Logger) *Node { return &Node{records: records{log: log}} }

func (n *testNode) stop() {
	if n.node == nil {
		return
	}
	n.Server.Close()
	if err := n.node.Close(); err != nil {
		n.T.Errorf("close: %v", err)
	}
	n.node = nil
}

func (n *testNode) as(role, purpose string, change ...func(*Grant)) user {
	n.T.Helper()
	g := Grant{Role: role, Purposes: strings.Split(purpose, ","), Expires: time.Hour, Client: "test", Subject: "Practitioner/" + role}
	if role == "system" {
		g.Client = "aceso-cli" // writes Consents
	}
	for _, c := range change {
		c(&g)
	}
	token, err := Mint(n.T.Context(), n.data, n.database, "", g, time.Now())
	if err != nil {
		n.T.Fatal(err)
	}
	return user{Node: &n.Node, Token: token}
}

func twoPatients(n *testNode) {
	n.T.Helper()
	nodetest.TwoPatients(n.as("system", "HOPERAT"))
}

// wantWhole verifies everything that a node keeps, with receipts that clients hold.
func wantWhole(t testing.TB, data Folder, database Database, receipts ...string) {
	t.Helper()
	_, err := VerifyLog(t.Context(), data, database, Evidence{Receipts: receipts}, Extent{All: true}, func(f store.Finding) error {
		t.Errorf("verify log from %s: %s, row %s: %s", data, f.Table, f.Row, f.What)
		return nil
	})
	if err != nil {
		t.Errorf("verify log from %s: %v", data, err)
	}
}

// quiet logs nowhere.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
