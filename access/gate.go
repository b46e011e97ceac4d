// Package access is the one door to health data: every interaction, operation and
// export reads and writes through Gate, which decides and records.
//
// It does not speak HTTP, does not authenticate and does not keep anything itself.
package access

import (
	"context"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// Version is one stored version of a resource.
type Version = store.Version

// Call is one request on its way through the gate. Receipts is filled by the gate,
// also when the answer is an error.
type Call struct {
	Agent    Agent
	Request  string   // request id
	Address  string   // client address
	Receipts []string // values for the X-Aceso-Record header
}

// Operation is one thing to do to one resource: a request, or an entry of a transaction.
type Operation struct {
	Method      string // POST PUT DELETE GET
	Ref         fhir.Ref
	Version     int64 // GET of one version; 0: the current
	Resource    *fhir.Resource
	IfMatch     int64        // version that must be current; 0: none
	Conditional bool         // Criteria count: If-None-Exist on POST, search URL on PUT and DELETE
	Criteria    []fhir.Param // of a conditional interaction or of a GET search
	FullURL     string
	Expression  string // place in the request, e.g. Bundle.entry[3]; "" for a single request
}

// Effect is what became of an Operation.
type Effect struct {
	Status  int // 200 201 204 ...
	Version *Version
	Result  *Result // of a GET search
}

// SearchRequest is a search as it arrived.
type SearchRequest struct {
	Type        string
	Params      []fhir.Param
	Compartment string // "Patient/1" or ""
	Lenient     bool
	Link        string // opaque paging token; the other fields are ignored then
}

// HistoryRequest is a history interaction as it arrived.
type HistoryRequest struct {
	Type, ID  string // both empty: system level
	Since, At time.Time
	Count     int
	Link      string
}

// Result is one page.
type Result struct {
	Query    *fhir.Query // nil for a history
	Matches  []Version
	Included []Version
	Total    int64 // -1: not counted
	Next     string // opaque paging token, "" on the last page
	Self     string // canonical query string for the self link
	Warnings []fhir.Issue
}

// Gate is the door.
type Gate struct{}

// Read returns the current version. Absent and hidden are both NotFound; deleted is Gone.
func (g *Gate) Read(ctx context.Context, c *Call, ref fhir.Ref) (*Version, error) {
	panic("contract")
}

// VRead returns one version.
func (g *Gate) VRead(ctx context.Context, c *Call, ref fhir.Ref, version int64) (*Version, error) {
	panic("contract")
}

// History returns versions newest first.
func (g *Gate) History(ctx context.Context, c *Call, h HistoryRequest) (*Result, error) {
	panic("contract")
}

// Search answers a search or a further page of one.
func (g *Gate) Search(ctx context.Context, c *Call, s SearchRequest) (*Result, error) {
	panic("contract")
}

// Apply does all operations or none. Operations come in the order of
// fhir.ParseBundle; effects are in the order of ops.
func (g *Gate) Apply(ctx context.Context, c *Call, ops []Operation) ([]Effect, error) {
	panic("contract")
}

// ReadAuditEvent renders one record as an AuditEvent.
func (g *Gate) ReadAuditEvent(ctx context.Context, c *Call, id string) (*Version, error) {
	panic("contract")
}

// SearchAuditEvents searches the records (_id date entity patient agent action outcome _count; others refused).
func (g *Gate) SearchAuditEvents(ctx context.Context, c *Call, s SearchRequest) (*Result, error) {
	panic("contract")
}

// Proof returns the proof bundle of one record (application/json), for aceso verify record.
func (g *Gate) Proof(ctx context.Context, c *Call, auditEvent string) ([]byte, error) {
	panic("contract")
}

// VerifyVersion compares the stored bytes of a version with its change entry and
// returns a Parameters resource.
func (g *Gate) VerifyVersion(ctx context.Context, c *Call, ref fhir.Ref, version int64) ([]byte, error) {
	panic("contract")
}

// AccessReport says who accessed a patient's data: a searchset of AuditEvents. Only Type "Patient" compartments.
func (g *Gate) AccessReport(ctx context.Context, c *Call, patient fhir.Ref, s SearchRequest) (*Result, error) {
	panic("contract")
}

// Operate decides and records an operation without resources (metrics, policy-read ...);
// nil means allowed.
func (g *Gate) Operate(ctx context.Context, c *Call, operation string) error {
	panic("contract")
}

// Ready reports why the node cannot serve, nil if it can.
func (g *Gate) Ready(ctx context.Context) error { panic("contract") }
