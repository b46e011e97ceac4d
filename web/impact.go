package web

import "time"

// Impact says what a change of policies would do.
type Impact struct {
	Frame
	Form         string // anti-forgery value
	Problem      string
	Hash, Before string
	Report       string // hash of the report that is kept; "" if none is
	Fresh        bool   // it was worked out now, and names some patients
	Submitted    bool   // it cannot be worked out anew
	At           time.Time
	Proof        ImpactProof
	People       *ImpactPeople
	NoPeople     string
}

// ImpactProof is what is proved.
type ImpactProof struct {
	Words, Why string
	Tone       Tone
	Cases      int64
	More, Less *ImpactExample
}

// ImpactExample is a request that is decided otherwise.
type ImpactExample struct {
	Facts         []Fact
	Before, After string
}

// ImpactPeople is who would see whom otherwise.
type ImpactPeople struct {
	Staff           int
	Patients        int64
	Types, Purposes string
	MoreStaff       bool
	Unlooked        bool
	Changes         []ImpactChange
}

// ImpactChange is some staff who would see some patients otherwise.
type ImpactChange struct {
	Words           string
	Tone            Tone
	Staff           int
	Patients        int64
	Purposes, Types string
	Who             []string
	Whom            []string
}

// Impact renders the impact of a revision.
func (p *Pages) Impact(page Impact) ([]byte, error) { return p.render("impact.html", page) }
