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
	Replay       *ImpactReplay // nil: it was not asked for
	Replayed     int64         // records of each log that one reads
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

// ImpactReplay is what past requests would have got.
type ImpactReplay struct {
	Hash, Form                  string
	Records, Decisions, Differs int64
	Permits, Denies, Other      int64
	Erased, NotKnown, Failed    int64
	Shown, Hidden, NotJudged    int64
	By                          []ImpactCounts
	Logs                        []ImpactLog
	Samples                     []ImpactSample
	MoreSamples                 bool
}

// ImpactCounts are decisions that differ, by something.
type ImpactCounts struct {
	Name   string
	Counts []ImpactCount
	Full   bool // there may be more
}

// ImpactCount is how many decisions with a value differ.
type ImpactCount struct {
	Value string
	Count int64
}

// ImpactLog is the part of a log that was read.
type ImpactLog struct {
	Source, Root     string
	From, Rows, Size int64
}

// ImpactSample is a past request that is decided otherwise.
type ImpactSample struct {
	Record, At              string
	Proven                  bool // its inclusion proof verified
	Who, Role, Purpose      string
	Interaction, Type, What string
	Before, After           string
	Shown, Hidden           int
	Test                    string
}

// Impact renders the impact of a revision.
func (p *Pages) Impact(page Impact) ([]byte, error) { return p.render("impact.html", page) }
