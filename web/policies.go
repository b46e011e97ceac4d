package web

import "time"

// Policies lists the revisions of the policies, and what is in force.
type Policies struct {
	Frame
	Form     string // anti-forgery value
	Problem  string // why a step was refused
	Active   string // hash
	By       string
	Since    time.Time
	Until    time.Time // of an emergency change
	Previous string    // what a rollback leads to
	Canary   string
	Houses   []string // of the canary
	Shadow   *Shadow
	Rows     []PolicyRow
}

// PolicyRow is one revision.
type PolicyRow struct {
	Hash, State, Reason, Origin string
	Tone                        Tone
	Uses                        []string // for what it is in force now
	Authors, Approver           string
	Created                     time.Time
	Tests                       string // what they found, in words
}

// Shadow is what a revision that is only asked would have decided otherwise.
type Shadow struct {
	Hash             string
	Asked, Different int64
	Lines            []string
}

// Policy is one revision with its files, and what can be done with it.
type Policy struct {
	Frame
	PolicyRow
	Form    string
	Problem string // why a step was refused
	Base    string
	Impact  string // hash of the report
	Version int64
	Steps   []PolicyStep
	Trial   *PolicyTrial
	Ahead   []PolicyVerb
	Houses  string // of the canary that somebody typed
	Against string
	Others  []Named // revisions with which it can be compared
	Diffs   []FileDiff
	Files   []PolicyFile
	Left    int // lines that are not shown
}

// PolicyStep is what somebody did.
type PolicyStep struct {
	What, By string
	At       time.Time
}

// PolicyVerb is a step that can be taken.
type PolicyVerb struct {
	Name, Words, Hint string
	At                string // where its form goes, below the page of the revision
	Houses            bool   // it asks for organisations
	Quiet             bool
}

// PolicyTrial is what check and tests found.
type PolicyTrial struct {
	Passes, Tested bool
	Passed, Failed int
	Coverage       float64
	Problems       []PolicyPlace
	Failures       []PolicyPlace
	Missed         []PolicyPlace
}

// PolicyPlace is a place in a file and what is said of it.
type PolicyPlace struct {
	Words string `json:"words"`
	File  string `json:"file,omitempty"`
	Line  int    `json:"line,omitempty"`
	URL   string `json:"-"`
	Got   string `json:"got,omitempty"`
}

// PolicyFile is one file, line by line.
type PolicyFile struct {
	Name  string
	N     int // for anchors
	Lines [][]Piece
	Open  bool
}

// FileDiff is how a file differs.
type FileDiff struct {
	Name, What string // new, gone, changed
	Changes    []Change
}

// PolicyEdit is where somebody writes a draft.
type PolicyEdit struct {
	Frame
	Form         string
	Problem      string
	Base, Reason string
	Files        []PolicyEditFile
	Trial        *PolicyTrial
	Fields       []string // of input
	MostReason   int
}

// PolicyEditFile is one file of a draft.
type PolicyEditFile struct {
	N          int
	Name, Text string
	Lines      int
	New        bool // its name can be typed
	Gone, Open bool
}

// Policies renders the list.
func (p *Pages) Policies(page Policies) ([]byte, error) { return p.render("policies.html", page) }

// Policy renders one revision.
func (p *Pages) Policy(page Policy) ([]byte, error) { return p.render("policy.html", page) }

// PolicyEdit renders the editor.
func (p *Pages) PolicyEdit(page PolicyEdit) ([]byte, error) { return p.render("policyedit.html", page) }
