package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/server"
)

// A client may wait for the anchor of its own write; nobody else waits. The answer to
// the write does not change.
func TestPreferAnchor(t *testing.T) {
	var asked []string
	var left time.Duration
	state := "committed; transaction=ab; block=7"
	n := start(t, func(c *server.Config) {
		c.Anchored = func(ctx context.Context, receipts []string) string {
			asked = receipts
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			return state
		}
	})
	n.do("POST", "/fhir/Patient", patient, "Prefer", "return=minimal, anchor=wait; wait=5").want(201).header("X-Aceso-Anchor", state).header("X-Aceso-Record", recorded)
	if len(asked) != 1 || left > 5*time.Second || left < 0 {
		t.Errorf("asked for %q with %v left", asked, left)
	}
	state = "pending"
	n.do("PUT", "/fhir/Patient/1", patient1, "Prefer", "anchor=wait, wait=100000").want(200).header("X-Aceso-Anchor", "pending")
	if left > 10*time.Second { // that is no number of seconds that RFC 7240 lets one wait for
		t.Errorf("%v left", left)
	}
	n.do("DELETE", "/fhir/Patient/1", "", "Prefer", "anchor=wait, wait=3600").want(204).header("X-Aceso-Anchor", "pending")
	if left > time.Minute {
		t.Errorf("%v left", left)
	}
	asked = nil
	n.do("DELETE", "/fhir/Patient/1", "", "Prefer", "anchor=soon").want(204).header("X-Aceso-Anchor", "")
	n.get("/fhir/Patient/1", "Prefer", "anchor=wait").want(200).header("X-Aceso-Anchor", "")
	n.err = &fhir.Error{Kind: fhir.Forbidden, Detail: "no"}
	n.do("DELETE", "/fhir/Patient/1", "", "Prefer", "anchor=wait").want(403).header("X-Aceso-Anchor", "")
	if asked != nil {
		t.Errorf("asked for %q", asked)
	}
	start(t).do("POST", "/fhir/Patient", patient, "Prefer", "anchor=wait").want(201).header("X-Aceso-Anchor", "")
}

// A node that waits for the ledger is ready, and shows what waits.
func TestNotesOfAReadyNode(t *testing.T) {
	n := start(t, func(c *server.Config) {
		c.Notes = func(context.Context) []string { return []string{"7 records wait"} }
	})
	n.get("/readyz").want(200).contains("ready\n7 records wait\n")
}
