package web

import "time"

// Accesses is who saw what, as a form asks.
type Accesses struct {
	Frame
	Filters  []Filter
	Patients []Link // to choose from
	Problem  string
	Rows     []Access
	Next     string // page
	File     string // the same as a file
}

// Filter is a field of a form that narrows a list.
type Filter struct {
	Name, Words, Hint, Value string
	Kind                     string   // of the input; "" is text
	Options                  []string // to choose from
	Param                    string   // of the search
}

// Access is one record, as a row.
type Access struct {
	ID           string // of its AuditEvent
	At           time.Time
	Decision     string
	Reason       string
	Failed       bool
	Who          string // name of who asked
	Agent        string // the same as an id
	Role         string
	Organization string
	Purpose      string
	What         string // interaction
	Asked        string // query
	Request      string // id
	Receipt      string
	Patients     []Named
	Data         []string // versions, as Type/id/_history/1
	Consents     []string
}

// Named is something with an id, and with a name if the reader may know it.
type Named struct{ ID, Words string }

// Denied says whether the policy or a Consent refused it.
func (a Access) Denied() bool { return a.Decision == "deny" }

// Accesses renders who saw what.
func (p *Pages) Accesses(page Accesses) ([]byte, error) { return p.render("accesses.html", page) }
