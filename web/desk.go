package web

import "time"

// Desk is what somebody who is signed in has to look at.
type Desk struct {
	Frame
	At      time.Time
	Own     string // address of the reader's own report, if she is a patient
	Office  bool   // she answers for access
	Today   string
	Alarms  []Named     // logs that are not whole, or late
	Waiting []PolicyRow // policies to approve
	Denied  []Access    // today, newest first
	More    bool        // refusals than these
	Many    bool        // records today: too many to look through
	Busy    []Busy
	Alike   []Alike
}

// Alike is somebody who asked about a patient of the same surname.
type Alike struct {
	Agent, Who string
	Patient    Named
}

// Busy is somebody who asked about many patients today.
type Busy struct {
	Agent    string
	Patients int
}

// Desk renders the desk.
func (p *Pages) Desk(page Desk) ([]byte, error) { return p.render("desk.html", page) }
