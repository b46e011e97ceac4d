package main

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/node/nodetest"
)

// What the tests of commands say with short words.
type (
	user     = nodetest.User
	response = nodetest.Answer
)

var (
	patientJSON     = nodetest.PatientJSON
	observationJSON = nodetest.ObservationJSON
	until           = nodetest.Until
)

// testNode is a node of this process or, as part of a childNode, of another one.
type testNode struct {
	nodetest.Node
	data node.Folder
	node *node.Node // nil in another process

	database node.Database // where the data are, if not in the folder
}

// startNode serves a data folder; stop ends it so that it can be started again.
func startNode(t testing.TB, path string, change ...func(*node.Options)) *testNode {
	t.Helper()
	data, err := node.CreateFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	o := node.Options{Organization: "hospital", Name: "n1", BaseURL: "http://127.0.0.1/fhir", Log: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&o)
	}
	opened, err := node.Open(t.Context(), data, o)
	if err != nil {
		t.Fatal(err)
	}
	n := &testNode{data: data, node: opened, database: o.Database}
	n.T, n.Server = t, httptest.NewServer(opened.Handler())
	t.Cleanup(n.stop)
	return n
}

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

func (n *testNode) as(role, purpose string, change ...func(*node.Grant)) user {
	n.T.Helper()
	g := node.Grant{Role: role, Purposes: strings.Split(purpose, ","), Expires: time.Hour, Client: "test", Subject: "Practitioner/" + role}
	if role == "system" {
		g.Client = "aceso-cli" // writes Consents
	}
	for _, c := range change {
		c(&g)
	}
	token, err := node.Mint(n.T.Context(), n.data, n.database, "", g, time.Now())
	if err != nil {
		n.T.Fatal(err)
	}
	return user{Node: &n.Node, Token: token}
}

func twoPatients(n *testNode) {
	n.T.Helper()
	nodetest.TwoPatients(n.as("system", "HOPERAT"))
}
