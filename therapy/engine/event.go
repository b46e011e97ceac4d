package engine

import (
	"crypto/sha256"
	"strconv"

	"github.com/aceso-health/aceso/canonical"
)

// Event is a step as one organisation tells it. Events of one bag form a chain: each names
// the hash of the one before it.
type Event struct {
	ID           string `json:"eventId"` // UUIDv7
	Journey      string `json:"journey"`
	Bag          string `json:"bag,omitempty"` // "" for notices about the journey
	Step         string `json:"step"`
	PrevHash     Hash   `json:"prevHash"` // zero for notices, which stand beside the chain
	Organisation string `json:"organisation"`
	Role         string `json:"role"`
	Person       string `json:"person"`
	Device       string `json:"device"`
	DeviceSeq    int64  `json:"deviceSeq"`
	DeviceTime   int64  `json:"deviceTime"` // ms since 1970, UTC
	ServerTime   int64  `json:"serverTime"`
	Scans        []Scan `json:"scans,omitempty"`
	PayloadHash  Hash   `json:"payloadHash"`

	Payload Payload `json:"-"` // beside the event; PayloadHash is its hash
}

// Scan is what was read from a label, a wristband, a seal or a screen.
type Scan struct {
	What      string `json:"what"`
	Value     string `json:"value"`
	Symbology string `json:"symbology,omitempty"`
	Manual    bool   `json:"manual,omitempty"` // typed: a second person has compared it
}

const maxScans = 32

// Append appends the event in canonical form.
func (e *Event) Append(b []byte) []byte {
	o := object{b: append(b, '{')}
	o = o.text("bag", e.Bag)
	o = o.text("device", e.Device)
	o = o.number("deviceSeq", e.DeviceSeq)
	o = o.number("deviceTime", e.DeviceTime)
	o = o.text("eventId", e.ID)
	o = o.text("journey", e.Journey)
	o = o.text("organisation", e.Organisation)
	o = o.hash("payloadHash", e.PayloadHash)
	o = o.text("person", e.Person)
	o = o.hash("prevHash", e.PrevHash)
	o = o.text("role", e.Role)
	if len(e.Scans) > 0 {
		o = o.scans(e.Scans)
	}
	o = o.number("serverTime", e.ServerTime)
	o = o.text("step", e.Step)
	return append(o.b, '}')
}

// Hash is the SHA-256 of the canonical form; organisations sign it.
func (e *Event) Hash() Hash {
	var room [1536]byte
	return sha256.Sum256(e.Append(room[:0]))
}

// object writes members in the order of the calls, which must be sorted. What is empty is
// left out. It is passed by value, so that what it writes to may stay on the stack.
type object struct {
	b     []byte
	comma bool
}

func (o object) name(name string) object {
	if o.comma {
		o.b = append(o.b, ',')
	}
	return object{append(append(append(o.b, '"'), name...), '"', ':'), true}
}

func (o object) text(name, value string) object {
	if value != "" {
		o = o.name(name)
		o.b = canonical.AppendString(o.b, value)
	}
	return o
}

func (o object) number(name string, value int64) object {
	if value != 0 {
		o = o.name(name)
		o.b = strconv.AppendInt(o.b, value, 10)
	}
	return o
}

func (o object) yes(name string, value bool) object {
	if value {
		o = o.name(name)
		o.b = append(o.b, "true"...)
	}
	return o
}

func (o object) hash(name string, value Hash) object {
	o = o.name(name)
	o.b = append(o.b, '"')
	for _, c := range value {
		o.b = append(o.b, hexDigits[c>>4], hexDigits[c&15])
	}
	o.b = append(o.b, '"')
	return o
}

const hexDigits = "0123456789abcdef"

func (o object) scans(scans []Scan) object {
	o = o.name("scans")
	opening := byte('[')
	for i := range scans {
		s := object{b: append(o.b, opening, '{')}
		s = s.yes("manual", scans[i].Manual).text("symbology", scans[i].Symbology).text("value", scans[i].Value).text("what", scans[i].What)
		o.b, opening = append(s.b, '}'), ','
	}
	o.b = append(o.b, ']')
	return o
}
