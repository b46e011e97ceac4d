// Package ledgerbridge turns what happened to health data into records that
// anyone can verify: entries with sealed parts, append-only logs with RFC 6962
// trees, signed checkpoints, proofs, and their anchoring on a Ledger.
//
// It does not decide who may do what, does not know where rows are kept (a store
// implements Log and PartKeys), and cannot show what a server never recorded.
package ledgerbridge

import (
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// Draft is the record of one request in clear, as the gate fills it. Prepare seals it.
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
	Target       string // "Patient/1" or "", in clear; readable only while all patients touched are
	Version      int64
	Content      fhir.Hash // hash of the stored bytes, or the RFC 6962 root over a transaction's rows
	Query        string    // query text in clear, sealed like Target; the entry carries a keyed hash
	Count        int64     // resources disclosed or written
	Decision     string    // permit or deny
	Reason       string    // reason code of the policy
	Policy       string    // revision in force
	Outcome      int       // HTTP status class answer: 200, 403, 404 ...
	Request      string    // request id
	Patients     []Touched // one per patient whose data were touched or asked for
	Others       []Item    // disclosed or written, belonging to no patient; request part
	Input        *Input    // what the policy was asked with; nil: it was not asked
}

// Everyone is the Patient of a Touched that stands for all patients whom a request may
// have covered without naming them one by one: a broad question. No patient has this id.
const Everyone = "Patient/*"

// Touched is one patient whose data a request touched.
type Touched struct {
	Patient  string   // "Patient/1"
	Items    []Item   // versions disclosed or written; may be empty (refused, absent)
	Consents []string // "Consent/9/_history/2" that decided
	More     int64    // of Everyone: patients concerned who are not named; 0 if it is not known
}

// Item is one version disclosed or written.
type Item struct {
	Ref     string    // "Observation/7"
	Version int64     // meta.versionId
	Method  string    // GET POST PUT DELETE
	Hash    fhir.Hash // of the stored bytes; zero for a tombstone
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

// PartRow is one sealed part. Of an erased one, commitment and ErasedBy are left, and
// Salt is the erasure's mark.
type PartRow struct {
	Patient    string   // pseudonym of the patient; "" for the request part, "asked" for the one about the question, "input " before it for the one about what the policy was asked with
	Target     string   // pseudonyms of target and items, joined by spaces; see Filter.Target
	Key        string   // id of the key that sealed it
	Sealed     []byte   // nil once erased
	Salt       [32]byte // hiding commitment to the clear text; MUST be kept when the part is erased
	Commitment [32]byte // HMAC-SHA-256(salt, patient, target and key): the leaf under the entry's disclosed
	ErasedBy   string   // "source/seq" of the entry that erased it, or ""
}
