package server_test

import (
	"strings"
	"testing"
)

// A server that removes nothing says so at every address of it.
func TestWithoutPurges(t *testing.T) {
	n := start(t)
	for _, path := range []string{"/admin/purges", "/admin/purges/x", "/admin/purges/x/certificate", "/admin/retention"} {
		if r := n.get(path); r.StatusCode != 404 || !strings.Contains(r.body, "This server removes nothing for good.") {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
	}
}
