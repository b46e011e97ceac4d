package ledgerbridge

import (
	"bytes"
	"fmt"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// entrySchema is the version of the entry that this program writes. It reads all versions
// up to that.
//
// Version 2 did not say what the policy was asked with. Version 1 had one pseudonym of a target or query for ever, and wrote the query into the
// part of every patient.
const entrySchema = 3

// timeFormat is how an entry states its time: RFC 3339, UTC, milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z"

// entryLabel begins the text under a commitment, so that no other hash of ours passes
// for one.
const entryLabel = "aceso.entry.v1\x00"

// Entry is the fixed schema of a record. Every member is always present; "" and 0
// mean that it does not apply. docs/record-format.md explains each member.
type Entry struct {
	Schema       int64     `json:"v"`
	Source       string    `json:"source"` // the log that holds it
	Seq          int64     `json:"seq"`    // its position there
	Time         time.Time `json:"time"`
	Action       string    `json:"action"` // C R U D E
	Interaction  string    `json:"interaction"`
	Agent        string    `json:"agent"`        // pseudonym
	Organization string    `json:"organisation"` // of the agent
	Client       string    `json:"client"`
	Purpose      string    `json:"purpose"` // purpose of use
	Type         string    `json:"type"`
	Target       string    `json:"target"` // pseudonym
	Version      int64     `json:"version"`
	Content      string    `json:"content"`   // hex
	Query        string    `json:"query"`     // keyed hash
	Disclosed    string    `json:"disclosed"` // hex: root over the parts' commitments
	Count        int64     `json:"count"`
	Decision     string    `json:"decision"`
	Reason       string    `json:"reason"`
	Policy       string    `json:"policy"` // revision
	Outcome      int64     `json:"outcome"`
	Request      string    `json:"request"` // request id
	Keys         string    `json:"keys"`    // ids of the node's keys used, joined by spaces
}

// fields lists the members in canonical order; at holds the time as text.
func (e *Entry) fields(at *string) [23]field {
	return [23]field{
		{name: "action", text: &e.Action},
		{name: "agent", text: &e.Agent},
		{name: "client", text: &e.Client},
		{name: "content", text: &e.Content},
		{name: "count", num: &e.Count},
		{name: "decision", text: &e.Decision},
		{name: "disclosed", text: &e.Disclosed},
		{name: "interaction", text: &e.Interaction},
		{name: "keys", text: &e.Keys},
		{name: "organisation", text: &e.Organization},
		{name: "outcome", num: &e.Outcome},
		{name: "policy", text: &e.Policy},
		{name: "purpose", text: &e.Purpose},
		{name: "query", text: &e.Query},
		{name: "reason", text: &e.Reason},
		{name: "request", text: &e.Request},
		{name: "seq", num: &e.Seq},
		{name: "source", text: &e.Source},
		{name: "target", text: &e.Target},
		{name: "time", text: at},
		{name: "type", text: &e.Type},
		{name: "v", num: &e.Schema},
		{name: "version", num: &e.Version},
	}
}

// AppendJSON appends the canonical JSON of the entry.
func (e *Entry) AppendJSON(b []byte) ([]byte, error) {
	at := e.Time.UTC().Format(timeFormat)
	fields := e.fields(&at)
	if err := checkIntegers(fields[:]); err != nil {
		return nil, fmt.Errorf("entry: %w", err)
	}
	if y := e.Time.UTC().Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("entry: the clock says year %d", y)
	}
	return appendObject(b, fields[:]), nil
}

// ParseEntry reads canonical JSON; anything else is an error, as is a schema of
// a later version.
func ParseEntry(data []byte) (Entry, error) {
	var e Entry
	var at string
	fields := e.fields(&at)
	scanObject(string(data), fields[:])
	if e.Schema < 1 || e.Schema > entrySchema {
		return Entry{}, fmt.Errorf("entry: schema version %d, this program knows 1 to %d", e.Schema, entrySchema)
	}
	var err error
	if e.Time, err = time.Parse(time.RFC3339, at); err != nil {
		return Entry{}, fmt.Errorf("entry: %w", err)
	}
	again, err := e.AppendJSON(make([]byte, 0, len(data)))
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(again, data) {
		return Entry{}, fmt.Errorf("entry: %w", errNotCanonical)
	}
	return e, nil
}

// commitEntry is the commitment of an entry: HMAC-SHA-256(salt, label || entry).
func commitEntry(salt sum, entry []byte) sum {
	var room [2048]byte
	return closeHMAC(&salt, append(openHMAC(room[:0], &salt, entryLabel), entry...))
}

// hexOrNone is "" for the zero hash: nothing was hashed.
func hexOrNone(h fhir.Hash) string {
	if h == (fhir.Hash{}) {
		return ""
	}
	return hexOf(h[:])
}
