package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aceso-health/aceso/agent"
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

// showDemo prints tokens, three requests to try, and where to look with a browser.
func showDemo(stdout io.Writer, n *node.Node, data node.Folder, origin string) error {
	doctor, err := n.Token(node.Grant{
		Role: agent.Practitioner, Purposes: []string{"TREAT"}, Subject: "Practitioner/" + demo.DoctorID(1), Name: demo.DoctorName(1),
		Client: "aceso-demo", Expires: demoLife,
	}, time.Now())
	if err != nil {
		return err
	}
	officer, err := n.Token(node.Grant{Role: agent.PrivacyOfficer, Purposes: []string{"HOPERAT"}, Name: "Privacy officer", Client: "aceso-demo", Expires: demoLife}, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, `
data folder: %s

A token of a practitioner of %s, good for %v:

%s

Search patients, read one, and see as the privacy officer who did:

curl -s -H 'Authorization: Bearer %s' '%s/fhir/Patient?_count=3&_sort=family'
curl -s -H 'Authorization: Bearer %s' '%s/fhir/Patient/%s'
curl -s -H 'Authorization: Bearer %s' '%s/fhir/AuditEvent?entity=Patient/%s'

In a browser, %s/ui/ledger shows where the logs stand, and proofs as pictures. It asks
for a token; this is the privacy officer's:

%s

Other tokens: aceso token --data %s --role practitioner --purpose HRESCH
`, data, n.Identity().Organization, demoLife, doctor, doctor, origin, doctor, origin, demo.PatientID(1), officer, origin, demo.PatientID(1), origin, officer, data)
	return nil
}
