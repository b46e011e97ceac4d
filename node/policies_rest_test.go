package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/policy"
)

// Two officers bring a change from draft to active by requests; the author is refused, and so
// is who is no officer; a deputy whom an operator named approves.
func TestPoliciesAreChangedByRequests(t *testing.T) {
	n := startNode(t, t.TempDir())
	site := strings.TrimSuffix(n.Server.URL, "/")
	as := func(role, subject string, change ...func(*Grant)) user {
		return n.as(role, "HOPERAT", append([]func(*Grant){func(g *Grant) { g.Subject = subject }}, change...)...)
	}
	ask := func(u user, method, path string, body any) (int, map[string]any) {
		t.Helper()
		var text string
		if body != nil {
			b, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		r, err := http.NewRequestWithContext(t.Context(), method, site+"/admin/policies"+path, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+u.Token)
		r.Header.Set("Content-Type", "application/json")
		a, err := n.Client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		var out map[string]any
		_ = json.NewDecoder(a.Body).Decode(&out)
		return a.StatusCode, out
	}
	a, deputy, nurse := as("privacy-officer", "Practitioner/a"), as("practitioner", "Practitioner/d"), as("practitioner", "Practitioner/n")
	guest := as("privacy-officer", "Practitioner/g", func(g *Grant) { g.Organization = "elsewhere" })
	files, err := policy.Files(noResearch(t))
	if err != nil {
		t.Fatal(err)
	}
	status, drafted := ask(a, "POST", "", map[string]any{"files": files, "reason": "no research"})
	hash, _ := drafted["hash"].(string)
	if status != http.StatusCreated || hash == "" {
		t.Fatal(status, drafted)
	}
	wants := func(u user, step string, want int) {
		t.Helper()
		if status, got := ask(u, "POST", "/"+hash+"/"+step, nil); status != want {
			t.Errorf("%s: %d, want %d: %v", step, status, want, got)
		}
	}
	const noImpact = "The impact of this revision was not worked out."
	if status, got := ask(a, "GET", "/"+hash+"/impact", nil); status != 404 || !strings.Contains(fmt.Sprint(got), noImpact) {
		t.Errorf("impact: %d %v", status, got)
	}
	for _, step := range []string{"check", "test", "impact", "submit"} {
		wants(nurse, step, http.StatusForbidden)
		wants(guest, step, http.StatusForbidden)
		wants(a, step, http.StatusOK)
	}
	operators, err := n.node.revisions(operatorRows{keptRows{n.node.store}, &n.node.records})
	if err != nil {
		t.Fatal(err)
	}
	by := byOperator("aceso policy", nil)
	if err := operators.Quorum.Name(t.Context(), nil, by.Agent, "Practitioner/d"); err != nil {
		t.Fatal(err)
	}
	wants(a, "activate", http.StatusConflict)
	for _, u := range []user{a, nurse, guest, as("administrator", "Practitioner/a"), as("privacy-officer", "Practitioner/a", func(g *Grant) { g.Client, g.Name = "other", "Renamed" })} {
		wants(u, "approve", http.StatusForbidden)
	}
	wants(deputy, "approve", http.StatusOK)
	wants(deputy, "activate", http.StatusForbidden)
	wants(a, "fly", http.StatusNotFound)
	const noStep = "There is no such step. The steps are check, test, impact, submit, approve, withdraw, activate, emergency, shadow and canary."
	if _, got := ask(a, "POST", "/"+hash+"/fly", nil); !strings.Contains(fmt.Sprint(got), noStep) {
		t.Errorf("%v", got)
	}
	wants(a, "activate", http.StatusOK)
	soon(t, "in force", func() bool { return n.node.policy.Revision() == hash })
	for u, want := range map[*user]int{&a: 200, &deputy: 200, &nurse: 403, &guest: 403} {
		if status, _ := ask(*u, "GET", "", nil); status != want {
			t.Errorf("list: %d, want %d", status, want)
		}
		if status, got := ask(*u, "GET", "/"+hash+"/impact", nil); status != want || want == 200 && !strings.Contains(fmt.Sprint(got), "verdict:narrower") {
			t.Errorf("impact: %d, want %d: %v", status, want, got)
		}
		if status, got := ask(*u, "GET", "/"+hash, nil); status != want || want == 200 && got["files"] == nil {
			t.Errorf("read: %d, want %d: %v", status, want, got)
		}
	}
	if status, got := ask(a, "POST", "/rollback", nil); status != http.StatusOK || got["hash"] == hash {
		t.Errorf("rollback: %d %v", status, got)
	}
}

// Whatever becomes of the process that checks a draft, the node is told.
func TestDraftsAreCheckedApart(t *testing.T) {
	for program, arguments := range map[string][]string{"/bin/sh": {"-c", "exit 1"}, "/bin/cat": nil, "/nothing/here": nil} {
		if found := TryApart(program, arguments...)(t.Context(), []byte("x"), true); found.Problem == "" {
			t.Errorf("%s: %+v", program, found)
		}
	}
	found := TryApart("/bin/sh", "-c", `echo '{"revision":"r","tested":'$0'}'`)(t.Context(), []byte("x"), true)
	if found.Problem != "" || found.Revision != "r" || !found.Tested {
		t.Errorf("%+v", found)
	}
}
