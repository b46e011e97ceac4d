package node

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// half sends a request that ends before its end, closes the sending side, and
// returns the answer.
func (n *testNode) half(t *testing.T, request string) (status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.Server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, request); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, "" // nothing that could be answered
	}
	defer answer.Body.Close()
	text := new(strings.Builder)
	_, _ = bufio.NewReader(answer.Body).WriteTo(text)
	return answer.StatusCode, text.String()
}

// Half a request is answered where there is enough of it to answer, and does nothing:
// not even if the half that came is a resource in itself.
func TestHalfRequests(t *testing.T) {
	n := startNode(t, t.TempDir())
	n.as("system", "HOPERAT").Put("/Patient/anna", patientJSON("anna", "A")).Want(201)
	before, err := n.stand()
	if err != nil {
		t.Fatal(err)
	}
	head := "%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + n.as("system", "HOPERAT").Token + "\r\nContent-Type: application/fhir+json\r\n"
	whole := patientJSON("anna", "B")
	for _, c := range []struct {
		name, request string
		status        int // 0: no answer
	}{
		{"half a body", fmt.Sprintf(head+"Content-Length: 100\r\n\r\n%s", "POST /fhir/Patient", `{"resourceType":`), 400},
		{"a resource, but more was announced", fmt.Sprintf(head+"Content-Length: 1000\r\n\r\n%s", "PUT /fhir/Patient/anna", whole), 400},
		{"half a chunk", fmt.Sprintf(head+"Transfer-Encoding: chunked\r\n\r\nfff\r\n%s", "PUT /fhir/Patient/anna", whole), 400},
		{"no last chunk", fmt.Sprintf(head+"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", "PUT /fhir/Patient/anna", len(whole), whole), 400},
		{"less announced than sent", fmt.Sprintf(head+"Content-Length: 20\r\n\r\n%s", "PUT /fhir/Patient/anna", whole), 400},
		{"half a head", fmt.Sprintf("%.80s", fmt.Sprintf(head, "DELETE /fhir/Patient/anna")), 0},
		{"half a transaction", fmt.Sprintf(head+"Content-Length: 5000\r\n\r\n%s", "POST /fhir", bundleJSON("transaction", entryJSON("PUT", "Patient/anna", whole, ""))), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := n.half(t, c.request)
			if status != c.status && !(c.status == 0 && status == http.StatusBadRequest) {
				t.Errorf("status %d, want %d: %s", status, c.status, body)
			}
			if half := c.name == "half a body" || c.name == "a resource, but more was announced"; half && !strings.Contains(body, "The body is shorter than its Content-Length.") {
				t.Errorf("the answer does not say why: %s", body)
			}
			if c.status != 0 {
				if r, err := fhir.Parse([]byte(body)); err != nil || r.Type() != "OperationOutcome" {
					t.Errorf("the answer is no OperationOutcome: %v\n%s", err, body)
				}
			}
			if now, err := n.stand(); err != nil || now != before {
				t.Errorf("the node changed from %s to %s, %v", before, now, err)
			}
		})
	}
}
