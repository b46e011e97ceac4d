package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/demo"
	"github.com/aceso-health/aceso/node"
)

// demoLife is how long the printed tokens are good for.
const demoLife = 8 * time.Hour

// loadDemo writes the demonstration hospital through the node's handler, so that it is
// decided and recorded like any other write. A folder that has it stays as it is.
func loadDemo(ctx context.Context, n *node.Node) error {
	token, err := n.Token(node.Grant{
		Role: agent.System, Purposes: []string{"HOPERAT"}, Subject: "aceso-demo", Name: "Demonstration data", Client: "aceso-serve", Expires: 10 * time.Minute,
	}, time.Now())
	if err != nil {
		return err
	}
	if status, _ := call(ctx, n.Handler(), token, http.MethodGet, "/fhir/Organization/"+demo.Hospital, nil); status == http.StatusOK {
		return nil
	}
	bundles, err := demo.Bundles()
	if err != nil {
		return err
	}
	for _, b := range bundles {
		if status, answer := call(ctx, n.Handler(), token, http.MethodPost, "/fhir", b); status != http.StatusOK {
			return fmt.Errorf("demonstration data: %d: %s", status, outcomeText(answer))
		}
	}
	return nil
}

// call asks the handler without a network.
func call(ctx context.Context, h http.Handler, token, method, path string, body []byte) (int, []byte) {
	r, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	r.RemoteAddr = "127.0.0.1:0"
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/fhir+json")
	w := &memoryAnswer{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(w, r)
	return w.status, w.body.Bytes()
}

// memoryAnswer keeps an answer instead of sending it.
type memoryAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *memoryAnswer) Header() http.Header         { return w.header }
func (w *memoryAnswer) WriteHeader(status int)      { w.status = status }
func (w *memoryAnswer) Write(p []byte) (int, error) { return w.body.Write(p) }

// demoUsers are who may sign in with a browser, each with a password of this start.
func demoUsers(ctx context.Context, n *node.Node) (users []demoUser, err error) {
	house := n.Identity().Organization
	for _, u := range []oauth.User{
		{Login: "doctor", Subject: "Practitioner/" + demo.DoctorID(1), Name: demo.DoctorName(1), Role: agent.Practitioner, Purposes: []string{"TREAT", "HRESCH"}},
		{Login: "patient", Subject: "Patient/" + demo.PatientID(1), Name: demo.PatientID(1), Role: agent.Patient, Patient: "Patient/" + demo.PatientID(1), Purposes: []string{"PATRQT"}},
		{Login: "officer", Subject: "officer", Name: "Privacy officer", Role: agent.PrivacyOfficer, Purposes: []string{"HOPERAT"}},
	} {
		u.Organization = house
		one := demoUser{u, session.NewPassword()}
		if err := n.SetUser(ctx, u, one.password); err != nil {
			return nil, err
		}
		users = append(users, one)
	}
	return users, nil
}

// demoUser is somebody who may sign in.
type demoUser struct {
	oauth.User
	password string
}

// token is one for the user's first purpose.
func (u demoUser) token(n *node.Node) (string, error) {
	return n.Token(node.Grant{
		Role: u.Role, Purposes: u.Purposes[:1], Subject: u.Subject, Name: u.Name, Patient: strings.TrimPrefix(u.Patient, "Patient/"), Client: "aceso-demo", Expires: demoLife,
	}, time.Now())
}

// program is how this one was called.
func program() string {
	if strings.Contains(os.Args[0], "go-build") { // go run leaves no binary
		return "go run ./cmd/aceso"
	}
	return os.Args[0]
}

// showDemo prints where to look with a browser and who may sign in, tokens, and three
// requests to try. Each line works as it is printed.
func showDemo(stdout io.Writer, n *node.Node, users []demoUser, data node.Folder, origin, app string) error {
	doctor, patient, officer := users[0], users[1], users[2]
	t, err := doctor.token(n)
	if err != nil {
		return err
	}
	p, err := officer.token(n)
	if err != nil {
		return err
	}
	base := n.Identity().BaseURL
	fmt.Fprintf(stdout, `
This is %s: 30 patients, none of whom exists. Sign in with a browser:

  %s/              a sample app: sign in as doctor with %s, or as patient with %s
  %s/ui/apps     the apps that they have let in
  %s/ui/ledger   as officer with %s: where the logs stand, and proofs as pictures

With curl: T is a token of the doctor, P one of the privacy officer; both hold for %v. Search patients,
read one, and see who did:

export T=%s
export P=%s
curl -s -H "Authorization: Bearer $T" '%s/Patient?_count=3&_sort=family'
curl -s -H "Authorization: Bearer $T" '%s/Patient/%s'
curl -s -H "Authorization: Bearer $P" '%s/AuditEvent?entity=Patient/%s'

Other tokens: %s token --data %s --role practitioner --purpose HRESCH
`, n.Identity().Organization, app, doctor.password, patient.password, origin, origin, officer.password, demoLife, t, p,
		base, base, demo.PatientID(1), base, demo.PatientID(1), program(), data)
	return nil
}
