package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aceso-health/aceso/agent"
)

// demoLife is how long the printed tokens are good for.
const demoLife = 8 * time.Hour

// loadDemo writes the demonstration hospital through the server's own front door,
// so it is decided and recorded like everything else. A folder that has it already
// is left as it is.
func (n *openedNode) loadDemo(ctx context.Context) error {
	token, err := n.token(grant{
		role: agent.System, purposes: "HOPERAT", subject: "aceso-demo", name: "Demonstration data", client: "aceso-serve", expires: 10 * time.Minute,
	})
	if err != nil {
		return err
	}
	if status, _ := n.call(ctx, token, http.MethodGet, "/fhir/Organization/"+demoHospital, nil); status == http.StatusOK {
		return nil
	}
	bundles, err := demoBundles()
	if err != nil {
		return err
	}
	for _, b := range bundles {
		if status, answer := n.call(ctx, token, http.MethodPost, "/fhir", b); status != http.StatusOK {
			return fmt.Errorf("demonstration data: %d: %s", status, outcomeText(answer))
		}
	}
	return nil
}

// token mints with the node's own key.
func (n *openedNode) token(g grant) (string, error) { return g.sign(n.ring, n.node, time.Now()) }

// call asks the handler without a network.
func (n *openedNode) call(ctx context.Context, token, method, path string, body []byte) (int, []byte) {
	r, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	r.RemoteAddr = "127.0.0.1:0"
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/fhir+json")
	w := &memoryAnswer{header: http.Header{}, status: http.StatusOK}
	n.handler.ServeHTTP(w, r)
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
func (n *openedNode) showDemo(stdout io.Writer, data dataFolder, origin string) error {
	doctor, err := n.token(grant{
		role: agent.Practitioner, purposes: "TREAT", subject: "Practitioner/" + doctorID(1), name: "Dr. " + givenF[1] + " " + families[1],
		client: "aceso-demo", expires: demoLife,
	})
	if err != nil {
		return err
	}
	officer, err := n.token(grant{role: agent.PrivacyOfficer, purposes: "HOPERAT", name: "Privacy officer", client: "aceso-demo", expires: demoLife})
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
`, data, n.node.Organization, demoLife, doctor, doctor, origin, doctor, origin, patientID(1), officer, origin, patientID(1), origin, officer, data)
	return nil
}
