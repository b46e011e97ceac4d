// Package ledgerbridge turns what happened to health data into records that
// anyone can verify: entries with sealed parts, append-only logs with RFC 6962
// trees, signed checkpoints, proofs, and their anchoring on a Ledger.
//
// It does not decide who may do what, and it does not know where rows are kept:
// a store implements Log and PartKeys.
package ledgerbridge

import (
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// Draft is one request's record in clear, as the gate fills it. Prepare seals it.
type Draft struct {
	Action       string // C R U D E (AuditEvent.action)
	Interaction  string // read, vread, history-instance, search-type, create, transaction, ...
	Agent        string // who, in clear: goes to the request part and, as a pseudonym, to the entry
	Name         string // display name of the agent, request part only
	Role         string // request part only
	Address      string // client address, request part only
	Organization string
	Client       string
	Purpose      string
	Type         string // resource type asked for
	Target       string // "Patient/1" or "", in clear; sealed under the patient's key if a patient is touched
	Version      int64
	Content      fhir.Hash // hash of the stored bytes, or the RFC 6962 root over a transaction's rows
	Query        string    // query text in clear; the entry carries a keyed hash
	Count        int64     // resources disclosed or written
	Decision     string    // permit or deny
	Reason       string    // reason code of the policy
	Policy       string    // revision in force
	Outcome      int       // HTTP status class answer: 200, 403, 404 ...
	Request      string    // request id
	Patients     []Touched // one per patient whose data were touched or asked for
	Others       []Item    // what was disclosed or written that belongs to no patient; request part
}

// Touched is what concerns one patient.
type Touched struct {
	Patient  string   // "Patient/1"
	Items    []Item   // versions disclosed or written; may be empty (refused, absent)
	Consents []string // "Consent/9/_history/2" that decided
}

// Item is one version disclosed or written.
type Item struct {
	Ref     string    // "Observation/7"
	Version int64     //
	Method  string    // GET POST PUT DELETE
	Hash    fhir.Hash // of the stored bytes
}

// Row is one sealed entry as a log keeps it.
type Row struct {
	Seq        int64
	Time       time.Time // the entry's time, ms
	Entry      []byte    // canonical JSON (RFC 8785) of the fixed schema
	Salt       [32]byte
	Commitment [32]byte // HMAC-SHA-256(salt, "aceso.entry.v1\x00" || Entry)
	Agent      string   // the entry's agent pseudonym, for Find
	Action     string
	Outcome    int
	Parts      []PartRow
}

// PartRow is one sealed part.
type PartRow struct {
	Patient    string // pseudonym of the patient; "" for the request part
	Target     string // pseudonyms of the parts' items, joined; see Find
	Key        string // id of the key that sealed it
	Sealed     []byte // nil once erased
	Salt       [32]byte
	Commitment [32]byte
	ErasedBy   string // "source/seq" of the entry that erased it, or ""
}

// Receipt is what a client gets: X-Aceso-Record: <source>/<seq>;c=<commitment hex>.
type Receipt struct {
	Source     string
	Seq        int64
	Commitment [32]byte
}

// Pending is a Draft that is pseudonymised, its parts sealed, its disclosed root
// computed; only sequence, time, salt and commitment are missing. A store's one
// writer calls Seal inside the transaction that appends it.
type Pending struct{}

// Seal completes the entry for position seq. It MUST be called by the writer that
// owns the log, with dense seq; it may be called again with another seq if the
// transaction was rolled back.
func (p *Pending) Seal(source string, seq int64, now time.Time) (Row, error) { panic("contract") }
