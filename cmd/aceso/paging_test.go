package main

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
	doctor := func(change ...func(*grant)) user { return n.as("practitioner", "TREAT", change...) }
	page := doctor().get("/Patient?_count=1").want(200).next()
	history := doctor().get("/Patient/_history?_count=1").want(200).next()
	if page == "" || history == "" {
		t.Fatal("no second page")
	}
	for name, other := range map[string]user{
		"another person": doctor(func(g *grant) { g.subject = "Practitioner/other" }), "another purpose": n.as("practitioner", "HRESCH"),
		"another role":           n.as("system", "TREAT", func(g *grant) { g.subject = "Practitioner/practitioner" }),
		"another organisation":   doctor(func(g *grant) { g.organization = "elsewhere" }),
		"another client":         doctor(func(g *grant) { g.client = "other" }),
		"another launch context": doctor(func(g *grant) { g.patient = "p1" }),
	} {
		for _, path := range []string{page, history} {
			if r := other.get(path).want(400); r.has("Family") || !r.has("paging link") {
				t.Errorf("%s: %s", name, r.body)
			}
		}
	}
	doctor().get(strings.Replace(page, "/Patient?", "/Observation?", 1)).want(400)
	doctor().get(strings.Replace(history, "/Patient/_history", "/_history", 1)).want(400)
	doctor(func(g *grant) { g.scope = "user/Observation.rs" }).get(page).want(403)
	wantIDs(t, doctor().get(page), -1, "Patient/p2")
	audits := n.as("privacy-officer", "HOPERAT").get("/AuditEvent?_count=1").want(200).next()
	n.as("privacy-officer", "HOPERAT").get(strings.Replace(audits, "/AuditEvent?", "/Patient/p1/$access-report?", 1)).want(400)
}

// A paging link ends with the policy that it was made under.
func TestPagingLinksEndWithThePolicy(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, policy.Base()); err != nil {
		t.Fatal(err)
	}
	n := startNode(t, t.TempDir(), func(_ *openedNode, o *serveOptions) { o.policies = folder })
	system := n.as("system", "HOPERAT")
	for _, p := range []string{"p1", "p2"} {
		system.put("/Patient/"+p, patientJSON(p, "A")).want(201)
	}
	page := system.get("/Patient?_count=1").want(200).next()
	history := system.get("/_history?_count=1").want(200).next()
	system.get(page).want(200)
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
		if r := system.get(path).want(400); !r.has("policy has changed") {
			t.Errorf("%s: %s", path, r.body)
		}
	}
}
