package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Impact is the report of what a change from one revision to another would do. Its hash stands
// for it when the change is submitted and approved.
type Impact struct {
	Before   string    `json:"before"` // in force when it was worked out
	After    string    `json:"after"`
	At       time.Time `json:"at"`
	Proof    Proof     `json:"proof"`
	People   *People   `json:"people,omitempty"`
	NoPeople string    `json:"noPeople,omitempty"` // why it does not say who sees whom
}

// Proof is what is proved for all requests that there can be.
type Proof struct {
	Verdict string        `json:"verdict"`       // equal, narrower, wider, both, unproved
	Why     string        `json:"why,omitempty"` // of unproved: what stands in the way
	Cases   int           `json:"cases"`
	More    *ProofExample `json:"more,omitempty"` // the smallest request that gets more, or less
	Less    *ProofExample `json:"less,omitempty"`
}

// ProofExample is a request that is decided otherwise.
type ProofExample struct {
	Input   Input    `json:"input"`
	Matters []string `json:"matters"` // all else of the input is any
	Before  string   `json:"before"`
	After   string   `json:"after"`
}

// People are the staff and patients of a node who see, and are seen, otherwise. What somebody
// "sees" is what a read by her, in her role, with scopes for everything and no patient's
// context, shows of what is stored, now and with the Consents in force.
type People struct {
	Staff     int            `json:"staff"`               // who were looked at: practitioners that are stored, local users, and whom the policies name
	Patients  int64          `json:"patients"`            // that are stored
	Types     []string       `json:"types"`               // of a patient's compartment, of which something is stored
	Purposes  []string       `json:"purposes"`            // that were asked; of a local user only the own ones
	MoreStaff bool           `json:"moreStaff,omitempty"` // there are more than were looked at
	Unlooked  bool           `json:"unlooked,omitempty"`  // it would have cost too much to look at all of it: there may be more changes
	Changes   []PeopleChange `json:"changes"`
}

// Ways in which some staff see some patients otherwise.
const (
	Newly     = "newly"      // nothing of what they see now is visible, then all is
	NewlySome = "newly-some" // nothing is visible now, then some may be
	NoLonger  = "no-longer"  // what is visible, if anything, no longer is
	More      = "more"       // what is visible stays so, and more may be
	Less      = "less"       // nothing else is visible, and some may no longer be
	Either    = "either"     // it depends on each row
	Obliged   = "obliged"    // the same rows, with other obligations
)

// PeopleChange is some staff who see some patients otherwise.
type PeopleChange struct {
	What     string   `json:"what"`
	Staff    int      `json:"staff"`
	Patients int64    `json:"patients"`
	Purposes []string `json:"purposes"`
	Types    []string `json:"types"`
	Who      []string `json:"who,omitempty"`  // some of the staff
	Whom     []string `json:"whom,omitempty"` // some of the patients
}

// Kept is a report as it is kept and hashed: it names no patients, whose names would outlive
// their removal.
func (r *Impact) Kept() (hash string, text []byte, err error) {
	bare := *r
	if r.People != nil {
		people := *r.People
		people.Changes = slices.Clone(people.Changes)
		for i := range people.Changes {
			people.Changes[i].Whom = nil
		}
		bare.People = &people
	}
	if text, err = json.Marshal(&bare); err != nil {
		return "", nil, err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), text, nil
}

// ReadImpact reads a report that was kept. One that does not fit its hash was changed, and is refused.
func ReadImpact(hash string, text []byte) (*Impact, error) {
	sum := sha256.Sum256(text)
	if hex.EncodeToString(sum[:]) != hash {
		return nil, fmt.Errorf("the store holds a report of impact that does not fit its hash %s: it was changed", hash)
	}
	r := new(Impact)
	return r, json.Unmarshal(text, r)
}
