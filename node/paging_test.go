package node

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/aceso-health/aceso/policy"
)

// A paging link is for the caller, the purpose and the policy that it was made for.
func TestPagingLinksAreForOneCaller(t *testing.T) {
	n := leakNode(t, true)
	doctor := func(change ...func(*Grant)) user { return n.as("practitioner", "TREAT", change...) }
	page := doctor().Get("/Patient?_count=1").Want(200).Next()
	history := doctor().Get("/Patient/_history?_count=1").Want(200).Next()
	if page == "" || history == "" {
		t.Fatal("no second page")
	}
	for name, other := range map[string]user{
		"another person": doctor(func(g *Grant) { g.Subject = "Practitioner/other" }), "another purpose": n.as("practitioner", "HRESCH"),
		"another role":           n.as("system", "TREAT", func(g *Grant) { g.Subject = "Practitioner/practitioner" }),
		"another organisation":   doctor(func(g *Grant) { g.Organization = "elsewhere" }),
		"another client":         doctor(func(g *Grant) { g.Client = "other" }),
		"another launch context": doctor(func(g *Grant) { g.Patient = "p1" }),
	} {
		for _, path := range []string{page, history} {
			if r := other.Get(path).Want(400); r.Has("Family") || !r.Has("paging link") {
				t.Errorf("%s: %s", name, r.Body)
			}
		}
	}
	doctor().Get(strings.Replace(page, "/Patient?", "/Observation?", 1)).Want(400)
	doctor().Get(strings.Replace(history, "/Patient/_history", "/_history", 1)).Want(400)
	doctor(func(g *Grant) { g.Scope = "user/Observation.rs" }).Get(page).Want(403)
	wantIDs(t, doctor().Get(page), -1, "Patient/p2")
	audits := n.as("privacy-officer", "HOPERAT").Get("/AuditEvent?_count=1").Want(200).Next()
	n.as("privacy-officer", "HOPERAT").Get(strings.Replace(audits, "/AuditEvent?", "/Patient/p1/$access-report?", 1)).Want(400)
}

// A paging link ends with the policy that it was made under.
func TestPagingLinksEndWithThePolicy(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, policy.Base()); err != nil {
		t.Fatal(err)
	}
	n := startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.Policies = folder })
	system := n.as("system", "HOPERAT")
	for _, p := range []string{"p1", "p2"} {
		system.Put("/Patient/"+p, patientJSON(p, "A")).Want(201)
	}
	page := system.Get("/Patient?_count=1").Want(200).Next()
	history := system.Get("/_history?_count=1").Want(200).Next()
	system.Get(page).Want(200)
	changed := fstest.MapFS{}
	err := fs.WalkDir(policy.Base(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(policy.Base(), path)
		changed[path] = &fstest.MapFile{Data: data}
		if strings.HasSuffix(path, "request.rego") {
			changed[path].Data = append(data, "\n# changed\n"...)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.node.policy.Reload(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{page, history} {
		if r := system.Get(path).Want(400); !r.Has("policy has changed") {
			t.Errorf("%s: %s", path, r.Body)
		}
	}
}
