package server_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/emergency"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/server"
)

// says looks for a sentence of docs/refusals.md.
func (a reply) says(sentence string) reply {
	a.t.Helper()
	if !regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(sentence), "…", ".+")).MatchString(a.body) {
		a.t.Errorf("no %q in %s", sentence, a.body)
	}
	return a
}

// Failures are refused with a sentence that tells nothing of them.
func TestRefusalsOfFailures(t *testing.T) {
	n := start(t)
	for sentence, c := range map[string]struct {
		err    error
		status int
	}{
		"The request took too long or was canceled.":                 {context.DeadlineExceeded, 503},
		"Something went wrong in the server. Its log has the cause.": {errors.New("SELECT"), 500},
	} {
		n.err = c.err
		n.get("/fhir/Patient/1").want(c.status).says(sentence)
	}
}

// A batch answers what has room in its answer.
func TestRefusalsOfFullBatches(t *testing.T) {
	n := start(t)
	n.body = `{"resourceType":"Patient","text":"` + strings.Repeat("x", 12<<20) + `"}`
	read := `{"request":{"method":"GET","url":"Patient/1"}}`
	n.do("POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[`+strings.Repeat(read+",", 4)+read+`]}`).want(200).
		contains(`"status":"200`, `"status":"413`).says("The entries before this one fill the answer, which has 32 MB of documents. Send this entry in another batch, or by itself.")
}

// What is wrong with changes of clients is said to administrators.
func TestRefusalsOfChangesOfClients(t *testing.T) {
	now := time.Now()
	n := start(t, func(c *server.Config) {
		c.OAuth.Server = oauth.New(oauth.Config{Keeper: overtaken{}, Base: "https://n.example/fhir", Organization: "org", Now: func() time.Time { return now }})
	})
	n.do("POST", "/admin/clients/app/disable", "", "Content-Type", "application/json").want(409).says("The client was changed by somebody else. Try again.")
	n = start(t, func(c *server.Config) { c.Emergencies = &emergency.Desk{Keeper: overtaken{}, Now: time.Now} })
	n.do("POST", "/admin/breakglass/e/review", `{"judgement":"justified","text":"fine"}`, "Content-Type", "application/json").want(409).says("The emergency was changed by somebody else. Look at it again.")
	n = start(t)
	n.get("/admin/breakglass").want(404).says("This server keeps no emergencies.")
	n.get("/admin/clients").want(404).says("This server has no authorization server.")
}

// overtaken keeps a client, and is changed by somebody else before every change.
type overtaken struct{ kept.Keeper }

func (overtaken) Kept(context.Context, string, string) (kept.Row, error) {
	return kept.Row{Space: "client", Key: "app", Version: 1, Value: []byte(`{"id":"app"}`)}, nil
}

func (overtaken) Commit(context.Context, *kept.Call, kept.Event, ...kept.Row) error {
	return kept.ErrChanged
}

// A file of accesses ends somewhere.
func TestRefusalsOfLongFiles(t *testing.T) {
	n := start(t)
	n.body = `{"resourceType":"AuditEvent","id":"n.accesses.0.1"}`
	for range 1000 {
		n.result.Matches = append(n.result.Matches, *n.version(fhir.Ref{Type: "AuditEvent", ID: "n.accesses.0.1"}, 1))
	}
	n.result.Next, n.result.Query = "more", &search.Query{}
	r := n.reader()
	r.signIn("good")
	r.get("/ui/accesses.csv").want(400).says("A file has at most 10,000 rows. Narrow it by date.")
	r.get("/ui/patients/1/report?format=csv").want(400).says("A file has at most 10,000 rows. Narrow it by date.")
}
