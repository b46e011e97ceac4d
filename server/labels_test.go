package server_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/server"
)

// overtakenLabels are rules that somebody else always changes first.
type overtakenLabels struct{ server.Labels }

func (overtakenLabels) Choose(context.Context, *kept.Call, agent.Agent, []byte) (any, error) {
	return nil, kept.ErrChanged
}

// Without rules of labels there are none to read; of two who change them one is told.
func TestLabelsAreRefused(t *testing.T) {
	n := start(t)
	if a := n.get("/admin/labels").want(404); !strings.Contains(a.body, "This server has no rules of labels.") {
		t.Error(a.body)
	}
	n = start(t, func(c *server.Config) { c.Labels = overtakenLabels{} })
	a := n.do("PUT", "/admin/labels", "{}", "Content-Type", "application/json").want(409)
	if !strings.Contains(a.body, "The rules of labels were changed by somebody else. Read them again.") {
		t.Error(a.body)
	}
}
