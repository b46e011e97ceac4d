package engine

import "crypto/sha256"

// Payload is what an event says beside who, when and what was scanned. Each action and
// notice reads some of the members.
type Payload struct {
	Action     string  `json:"action,omitempty"`     // escape: unlock, return or receive
	Active     bool    `json:"active,omitempty"`     // consent: given, not withdrawn
	Cause      string  `json:"cause,omitempty"`      // of a hold that is placed
	Children   []Child `json:"children,omitempty"`   // make, split
	Clear      bool    `json:"clear,omitempty"`      // line clearance was done
	Commitment Hash    `json:"commitment,omitzero"`  // give
	Courier    string  `json:"courier,omitempty"`    // give, take: an organisation
	Critical   bool    `json:"critical,omitempty"`   // of a hold that is placed
	Destroyed  int64   `json:"destroyed,omitempty"`  // labels
	FromSeq    int64   `json:"fromSeq,omitempty"`    // transport: first reading
	Hold       int64   `json:"hold,omitempty"`       // clear: the number of a hold
	Kind       string  `json:"kind,omitempty"`       // approve: full, conditional or oos
	Lat        int64   `json:"lat,omitempty"`        // millionths of a degree
	Logger     string  `json:"logger,omitempty"`     // transport
	Lon        int64   `json:"lon,omitempty"`        // millionths of a degree
	Meaning    string  `json:"meaning,omitempty"`    // of a signature
	NotAfter   int64   `json:"notAfter,omitempty"`   // permit
	NotBefore  int64   `json:"notBefore,omitempty"`  // permit
	Outcome    string  `json:"outcome,omitempty"`    // test: pass, fail or pending; transport: pass, review, reject or incomplete
	Passed     int64   `json:"passed,omitempty"`     // labels passed on
	Patient    string  `json:"patient,omitempty"`    // merge: who the patient is now; permit
	Permit     string  `json:"permit,omitempty"`     // its id
	Printed    int64   `json:"printed,omitempty"`    // labels
	Purpose    string  `json:"purpose,omitempty"`    // consent: treatment or data
	ReauthAt   int64   `json:"reauthAt,omitempty"`   // when the signer proved again who she is
	Remainder  int64   `json:"remainder,omitempty"`  // volume that is left, in microlitres
	Replaces   string  `json:"replaces,omitempty"`   // make: the bag that this takes the place of
	Risk       Hash    `json:"risk,omitzero"`        // request: of the manufacturer's risk evaluation
	Root       Hash    `json:"root,omitzero"`        // transport: of the readings
	Second     string  `json:"second,omitempty"`     // a person
	Site       string  `json:"site,omitempty"`       // where this happens
	Test       string  `json:"test,omitempty"`       // test
	To         string  `json:"to,omitempty"`         // give: an organisation
	ToSeq      int64   `json:"toSeq,omitempty"`      // transport: last reading
	Until      int64   `json:"until,omitempty"`      // approve: a conditional release
	Used       int64   `json:"used,omitempty"`       // labels
	ValidUntil int64   `json:"validUntil,omitempty"` // give
	Volume     int64   `json:"volume,omitempty"`     // microlitres
	Waste      int64   `json:"waste,omitempty"`      // volume that is discarded
}

// Child is a bag that comes out of another.
type Child struct {
	Bag    string `json:"bag"`
	Volume int64  `json:"volume"`
}

const maxChildren = 64

// Append appends the payload in canonical form.
func (p *Payload) Append(b []byte) []byte {
	o := object{b: append(b, '{')}
	o = p.second(p.first(o))
	return append(o.b, '}')
}

func (p *Payload) first(o object) object {
	o = o.text("action", p.Action)
	o = o.yes("active", p.Active)
	o = o.text("cause", p.Cause)
	if len(p.Children) > 0 {
		o = o.children(p.Children)
	}
	o = o.yes("clear", p.Clear)
	o = o.digest("commitment", p.Commitment)
	o = o.text("courier", p.Courier)
	o = o.yes("critical", p.Critical)
	o = o.number("destroyed", p.Destroyed)
	o = o.number("fromSeq", p.FromSeq)
	o = o.number("hold", p.Hold)
	o = o.text("kind", p.Kind)
	o = o.number("lat", p.Lat)
	o = o.text("logger", p.Logger)
	o = o.number("lon", p.Lon)
	o = o.text("meaning", p.Meaning)
	o = o.number("notAfter", p.NotAfter)
	o = o.number("notBefore", p.NotBefore)
	o = o.text("outcome", p.Outcome)
	o = o.number("passed", p.Passed)
	return o
}

func (p *Payload) second(o object) object {
	o = o.text("patient", p.Patient)
	o = o.text("permit", p.Permit)
	o = o.number("printed", p.Printed)
	o = o.text("purpose", p.Purpose)
	o = o.number("reauthAt", p.ReauthAt)
	o = o.number("remainder", p.Remainder)
	o = o.text("replaces", p.Replaces)
	o = o.digest("risk", p.Risk)
	o = o.digest("root", p.Root)
	o = o.text("second", p.Second)
	o = o.text("site", p.Site)
	o = o.text("test", p.Test)
	o = o.text("to", p.To)
	o = o.number("toSeq", p.ToSeq)
	o = o.number("until", p.Until)
	o = o.number("used", p.Used)
	o = o.number("validUntil", p.ValidUntil)
	o = o.number("volume", p.Volume)
	o = o.number("waste", p.Waste)
	return o
}

// Hash is the SHA-256 of the canonical form.
func (p *Payload) Hash() Hash {
	var room [1024]byte
	return sha256.Sum256(p.Append(room[:0]))
}

// digest leaves a hash out that is zero.
func (o object) digest(name string, value Hash) object {
	if value != (Hash{}) {
		return o.hash(name, value)
	}
	return o
}

func (o object) children(children []Child) object {
	o = o.name("children")
	opening := byte('[')
	for i := range children {
		c := object{b: append(o.b, opening, '{')}
		c = c.text("bag", children[i].Bag).number("volume", children[i].Volume)
		o.b, opening = append(c.b, '}'), ','
	}
	o.b = append(o.b, ']')
	return o
}
