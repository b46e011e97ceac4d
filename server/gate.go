package server

import (
	"context"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// Gate is what the server needs of *access.Gate. Every method decides and
// records before it returns, and fills Call.Receipts even if it returns an
// error. The server MUST NOT send anything about resources that these methods
// did not return.
type Gate interface {
	Reads
	Records
	// Terminology answers an operation of terminology with a resource.
	Terminology(ctx context.Context, c *access.Call, t access.TermsRequest) ([]byte, error)
	// Apply does all operations or none.
	Apply(ctx context.Context, c *access.Call, ops []access.Operation) ([]access.Effect, error)
	// Validate holds a resource against rules; findings are no error.
	Validate(ctx context.Context, c *access.Call, v access.ValidateRequest) ([]fhir.Issue, error)
	// Deliver decides and records that an answer made before leaves now.
	Deliver(ctx context.Context, c *access.Call, b *access.Basis) (stands bool, err error)
	// Operate decides and records an operation without resources.
	Operate(ctx context.Context, c *access.Call, operation string) error
	// Explain says how a search would be answered.
	Explain(ctx context.Context, c *access.Call, s access.SearchRequest) ([]access.Explanation, error)
	// CouldRead says whether somebody else could read a resource, and why.
	CouldRead(ctx context.Context, c *access.Call, asked access.CouldRead) (*access.Could, error)
	// Replay shows recorded requests, to be decided again.
	Replay(ctx context.Context, c *access.Call, ask access.ReplayRequest) (*access.Replayed, error)
	// ConsentProblems lists patients whose Consents somebody should look at.
	ConsentProblems(ctx context.Context, c *access.Call, after string, count int) (*access.Problems, error)
	// Simulate says what would change if a Consent were written or ended.
	Simulate(ctx context.Context, c *access.Call, asked access.Simulation) (*access.Simulated, error)
	// RecordDisclosure records what somebody reports to have disclosed.
	RecordDisclosure(ctx context.Context, c *access.Call, d access.Disclosure) error
	// Tell says what a Consent says that another method has returned; it reads nothing else.
	Tell(v *access.Version) (*access.Told, error)
	// Why says why a record says what it says.
	Why(ctx context.Context, c *access.Call, asked access.WhyRequest) (*access.Why, error)
	// CheckScopes reads a scope claim, and refuses one that cannot be enforced.
	CheckScopes(claim string) ([]agent.Scope, error)
	// IndexProgress says how far custom search parameters are.
	IndexProgress(ctx context.Context, c *access.Call) ([]access.Indexing, error)
}

// Reads are the interactions that only read.
type Reads interface {
	Read(ctx context.Context, c *access.Call, ref fhir.Ref) (*access.Version, error)
	VRead(ctx context.Context, c *access.Call, ref fhir.Ref, version int64) (*access.Version, error)
	Meta(ctx context.Context, c *access.Call, ref fhir.Ref) (*access.Version, error)
	History(ctx context.Context, c *access.Call, h access.HistoryRequest) (*access.Result, error)
	Search(ctx context.Context, c *access.Call, s access.SearchRequest) (*access.Result, error)
	LastN(ctx context.Context, c *access.Call, l access.LastNRequest) (*access.Result, error)
	Everything(ctx context.Context, c *access.Call, e access.EverythingRequest) (*access.Result, error)
}

// Records are the interactions and operations on audit records.
type Records interface {
	ReadAuditEvent(ctx context.Context, c *access.Call, id string) (*access.Version, error)
	SearchAuditEvents(ctx context.Context, c *access.Call, s access.SearchRequest) (*access.Result, error)
	AccessReport(ctx context.Context, c *access.Call, patient fhir.Ref, s access.SearchRequest) (*access.Result, error)
	Proofs
}

// Proofs are the operations that let others check the records.
type Proofs interface {
	Proof(ctx context.Context, c *access.Call, auditEvent string) ([]byte, error)
	Ledger(ctx context.Context, c *access.Call) (*access.LedgerView, error)
	VerifyVersion(ctx context.Context, c *access.Call, ref fhir.Ref, version int64) ([]byte, error)
}

var _ Gate = (*access.Gate)(nil)
