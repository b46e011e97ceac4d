package web

import "time"

// Purges lists what is, or was, to be removed for good, and begins with it.
type Purges struct {
	Frame
	Form   string // anti-forgery value
	Of     string // as it was asked for
	All    []PurgeRow
	Done   string
	Within int // bytes of a reason
}

// PurgeRow is one of them.
type PurgeRow struct {
	ID, Of, Reason, State, By string
	Tone                      Tone
	Erases                    bool // records, and no resource
	Asked                     time.Time
	Versions                  int
}

// Purge is one of them with what goes and what stays.
type Purge struct {
	Frame
	Form string
	PurgeRow
	Approver        string
	Approved, Ended time.Time
	Problem, Digest string
	Waits           bool // for decisions and an approval
	Drops           bool // it can be taken back
	Certificate     bool
	Types           []PurgeType
	Shared, Kept    []PurgeLine
	Mentions        []PurgeLine
	Beyond, Looked  int
	Gone            int // versions
	Records         *NamedRecords
}

// NamedRecords are the records that name a patient, or did.
type NamedRecords struct{ Keys, Changes, Accesses int }

// PurgeType is how many resources of a type go.
type PurgeType struct {
	Type string
	N    int
}

// PurgeLine is a resource that stays, unless it goes.
type PurgeLine struct {
	Ref, Why string
	Goes     bool
}

// Purges renders the list.
func (p *Pages) Purges(page Purges) ([]byte, error) { return p.render("purges.html", page) }

// Purge renders one.
func (p *Pages) Purge(page Purge) ([]byte, error) { return p.render("purge.html", page) }
