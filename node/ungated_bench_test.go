package node

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/node/nodetest"
	"github.com/aceso-health/aceso/server"
	"github.com/aceso-health/aceso/store"
)

// ungated reads from the store without asking or telling anybody: what the gate costs is the
// difference. No server has it.
type ungated struct {
	server.Gate
	store store.Store
}

// Read implements server.Gate.
func (u ungated) Read(ctx context.Context, _ *access.Call, ref fhir.Ref) (*access.Version, error) {
	v, err := u.store.Get(ctx, ref)
	return &v, err
}

// BenchmarkGate measures what policy, Consents and the durable record of a read cost: the
// same requests to the same server with the gate and, in turns, without it.
func BenchmarkGate(b *testing.B) {
	n := startNode(b, b.TempDir())
	twoPatients(n)
	issuers, err := n.node.issuers("")
	if err != nil {
		b.Fatal(err)
	}
	authenticator, err := auth.New(auth.Config{Audience: "http://127.0.0.1/fhir", Issuers: issuers})
	if err != nil {
		b.Fatal(err)
	}
	open := httptest.NewServer(server.New(server.Config{
		Gate: ungated{n.node.gate, n.node.store}, Authenticate: authenticator.Authenticate, BaseURL: "http://127.0.0.1/fhir",
		Organization: "hospital", Logger: n.node.log, Registry: prometheus.NewRegistry(),
	}))
	defer open.Close()
	doctors := staff(n)
	without := *n
	without.Server = open
	for turn := range 3 {
		for name, asked := range map[string]*testNode{"with": n, "without": &without} {
			b.Run(fmt.Sprintf("%s/%d", name, turn), func(b *testing.B) {
				b.ReportAllocs()
				load(b, asked, nodetest.Connections, func(i int64) string {
					return nodetest.GetRequest(doctors(i), fmt.Sprintf("/Observation/o-p%d", 1+i%2))
				})
			})
		}
	}
}
