// Package purge removes for good what a patient, or the law, wants removed: all that is in a
// patient's compartment alone, or a single version. An officer asks, what would go and what
// would stay is looked for and decided line by line, another person approves exactly that,
// and then it goes, step by step, each with its record, while the server serves. A
// certificate says what was done. The records about a patient are erased by the same steps,
// apart from this: they are the proof of what was done with her data.
//
// It does not store, decide or record: Data, Records and the Keeper do. It knows no HTTP. It
// reaches no backups.
package purge

import (
	"context"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/quorum"
)

// The spaces of what is kept.
const (
	Space     = "purge"
	HoldSpace = "purge-hold"  // legal holds, by patient
	RuleSpace = "purge-rules" // one row: how long what is kept
	ruleKey   = "rules"
)

// Version is a stored version as it is looked at.
type Version struct {
	Ref      fhir.Ref
	Version  int64
	At       time.Time
	Owner    string
	Deleted  bool
	Purged   bool
	Patients []string // in whose compartments it is
	Logical  []string // system|value of patients who are named by an identifier alone
	Names    []string // Binaries
	Body     []byte
}

// Data is what versions are in. Everything asked of it is decided and recorded.
type Data interface {
	// Look visits versions: of one resource, or all.
	Look(ctx context.Context, call *kept.Call, who agent.Agent, patient string, only fhir.Ref, visit func(*Version) error) error
	// Remove removes all versions of some resources, and one version if it is named, and
	// writes the row of the step in the same transaction. A resource that was written after
	// Until stays. kept.ErrChanged: the row or a resource was changed meanwhile.
	Remove(ctx context.Context, call *kept.Call, who agent.Agent, step Step) error
	// Scrub overwrites what is left behind.
	Scrub(ctx context.Context) error
}

// Step is what goes at once.
type Step struct {
	Patient string
	Whole   []fhir.Ref
	Ref     fhir.Ref // of a single version ...
	Version int64    // ... which; 0: none
	Until   time.Time
	Detail  string
	Row     func(resources, versions int) (kept.Row, error) // told what goes
}

// Purges are the purges of a house.
type Purges struct {
	Keeper       kept.Keeper
	Data         Data
	Records      Records
	Quorum       *quorum.Quorum
	Organization string
	Beside       []string                                                                  // spaces of rows with a member "patient"; hers go, too
	Sign         func(ctx context.Context, text string, receipts []string) (string, error) // makes a certificate of its text, with proofs of the records that it names
	Now          func() time.Time
	Wake         func() // Work is to be called soon; may be nil
}

// The states of a purge.
const (
	Looking  = "looking"  // what would go is being looked for
	Asked    = "asked"    // waits for decisions and approval
	Approved = "approved" // goes as soon as it has been looked at once more
	Removing = "removing" // is going
	Done     = "done"
	Dropped  = "dropped" // taken back
)

// Purge is one purge and how far it is.
type Purge struct {
	ID       string       `json:"id"`
	Patient  string       `json:"patient"`           // whose data it is, "" if nobody's; of an erased patient nobody's any more
	Records  *Named       `json:"records,omitempty"` // not nil: her records go, as many as there were when it began, and no resource
	Only     string       `json:"version,omitempty"` // Observation/1/_history/2: that version alone
	Reason   string       `json:"reason"`
	State    string       `json:"state"`
	By       agent.Person `json:"by"`
	Asked    time.Time    `json:"asked"`
	Approver agent.Person `json:"approver,omitzero"`
	Approved time.Time    `json:"approved,omitzero"`
	Began    time.Time    `json:"began,omitzero"` // what came later does not go
	Ended    time.Time    `json:"ended,omitzero"`
	Preview  Preview      `json:"preview"`
	Gone     Gone         `json:"gone"`
	Problem  string       `json:"problem,omitempty"` // why it does not go on

	Certificate string `json:"certificate,omitempty"`

	Agent   actor `json:"agent"` // in whose name it goes on
	version int64 // of the row
}

// Gone is what has gone.
type Gone struct {
	Resources int      `json:"resources"`
	Versions  int      `json:"versions"`
	Records   []string `json:"records,omitempty"` // receipts of the steps
}

// actor is an agent without what belongs to its token.
type actor struct {
	Subject      string        `json:"subject"`
	Name         string        `json:"name,omitempty"`
	Role         string        `json:"role"`
	Organization string        `json:"organization"`
	Client       string        `json:"client,omitempty"`
	Purpose      string        `json:"purpose"`
	Scopes       []agent.Scope `json:"scopes,omitempty"`
	Actors       []string      `json:"actors,omitempty"`
}

func actorOf(a agent.Agent) actor {
	return actor{a.Subject, a.Name, a.Role, a.Organization, a.Client, a.Purpose, a.Scopes, a.Actors}
}

func (a actor) agent() agent.Agent {
	return agent.Agent{Subject: a.Subject, Name: a.Name, Role: a.Role, Organization: a.Organization, Client: a.Client, Purpose: a.Purpose, Scopes: a.Scopes, Actors: a.Actors}
}

// refused is an answer to who asks.
func refused(kind fhir.Kind, detail string) error { return &fhir.Error{Kind: kind, Detail: detail} }
