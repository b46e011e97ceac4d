package nodetest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Connections is how many keep-alive connections the load comes over.
const Connections = 16

// GetRequest is the bytes of a request.
func GetRequest(u User, path string) string {
	return fmt.Sprintf("GET /fhir%s HTTP/1.1\r\nHost: aceso\r\nAuthorization: Bearer %s\r\n\r\n", path, u.Token)
}

// PostRequest is the bytes of a create.
func PostRequest(u User, path, body string) string {
	return fmt.Sprintf("POST /fhir%s HTTP/1.1\r\nHost: aceso\r\nAuthorization: Bearer %s\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n%s", path, u.Token, len(body), body)
}

// Drive is one connection: requests one after the other, until limit are sent.
func Drive(n *Node, limit int64, sent *atomic.Int64, request func(int64) string) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", n.Server.Listener.Addr().String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	answers := bufio.NewReaderSize(conn, 64<<10)
	var latencies []time.Duration
	for i := sent.Add(1); i <= limit; i = sent.Add(1) {
		start := time.Now()
		if _, err := io.WriteString(conn, request(i)); err != nil {
			return latencies, err
		}
		r, err := http.ReadResponse(answers, nil)
		if err != nil {
			return latencies, err
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return latencies, err
		}
		if r.StatusCode >= 300 {
			return latencies, fmt.Errorf("status %d", r.StatusCode)
		}
		latencies = append(latencies, time.Since(start))
	}
	return latencies, nil
}
