package web

import "time"

// Emergencies is the page on which somebody declares that a patient is in an emergency, and
// on which the office reviews that.
type Emergencies struct {
	Frame
	Form    string // anti-forgery value
	Office  bool   // the reader reviews; others declare
	Longest int    // hours
	Done    string // what has just happened
	Problem string // why not

	Patient, Reason, Minutes string // as they were typed

	All []Emergency
}

// Emergency is one of them.
type Emergency struct {
	ID, Patient, Reason, By   string
	Declared, Until, Due      time.Time
	Runs, Overdue             bool
	Judgement, JudgedBy, Text string // "" if nobody has judged it
	JudgedAt                  time.Time
}

// Running is an emergency of the reader that runs now.
type Running struct {
	Patient string
	Until   time.Time
}

// Emergencies renders declared emergencies.
func (p *Pages) Emergencies(page Emergencies) ([]byte, error) {
	return p.render("emergencies.html", page)
}
