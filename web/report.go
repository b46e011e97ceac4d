package web

import (
	"fmt"
	"strings"
	"time"
)

// Report says to a patient who saw her data, in plain words.
type Report struct {
	Frame
	Patient, Name string
	From, To      string // days, "" without
	At            time.Time
	People        []Person // who asked about her
	Broad         []Person // who asked questions that may have covered her
	More          bool     // there are older records
}

// Person is somebody, or a system, and what she did.
type Person struct {
	Who, Agent, Role, Organization string
	Days                           []Day
}

// Day is one day, in UTC.
type Day struct {
	Day   string
	Deeds []Deed
}

// Deed is what somebody did on a day, once or several times.
type Deed struct {
	What, Purpose   string
	Times           int
	Refused, Failed bool
	Data            []Count
}

// Count is how many resources of a type there were.
type Count struct {
	Type string
	N    int
}

// NotShown is what the report leaves out.
func (r Report) NotShown() []string { return notShown() }

// Report renders the report of a patient.
func (p *Pages) Report(page Report) ([]byte, error) { return p.render("report.html", page) }

// Sentence says it in plain words.
func (d Deed) Sentence() string {
	words, known := deeds()[d.What]
	if !known {
		words = "used the function " + d.What
	}
	var of []string
	for _, c := range d.Data {
		of = append(of, fmt.Sprintf("%s (%d)", spaced(c.Type), c.N))
	}
	s := words
	if len(of) > 0 {
		s += ": " + strings.Join(of, ", ")
	}
	if d.Times > 1 {
		s += fmt.Sprintf("; %d times", d.Times)
	}
	switch {
	case d.Refused:
		s += ". This was refused: nothing was shown"
	case d.Failed:
		s += ". This failed: nothing was shown"
	}
	return s + "."
}

// For is the purpose in plain words.
func (d Deed) For() string {
	if words, known := reasons()[d.Purpose]; known {
		return words
	}
	return d.Purpose
}

// deeds are the interactions in plain words.
func deeds() map[string]string {
	return map[string]string{
		"read": "Looked at your data", "vread": "Looked at an earlier version of your data", "meta": "Looked at labels of your data", "history-instance": "Looked at earlier versions of your data",
		"history-type": "Looked through recent changes", "history-system": "Looked through recent changes", "search-type": "Searched, and saw of you", "search-system": "Searched, and saw of you", "everything": "Fetched your whole record",
		"create": "Recorded something about you", "update": "Changed your data", "patch": "Changed your data", "delete": "Deleted data of yours", "transaction": "Recorded several things about you",
		"access-report": "Read this report", "audit-read": "Looked at a record of who saw your data", "audit-search": "Searched the records of who saw your data", "proof": "Fetched the proof of such a record",
		"verify": "Checked that your data are unchanged", "validate": "Checked your data for mistakes", "erase": "Erased you from the records",
		"disclosure-record": "Reported that your data were given to others, which was not observed here; told of", "simulate": "Asked what a Consent of yours would change", "consent-problems": "Looked for Consents that nobody can follow", "explain": "Asked who could see your data",
		"authorize": "Let an app see your data", "token": "Gave an app a key to your data", "refresh": "Renewed an app's key to your data", "revoke": "Ended an app's access to your data", "launch": "Opened an app for your data",
	}
}

// reasons are purposes of use in plain words.
func reasons() map[string]string {
	return map[string]string{
		"TREAT": "your treatment", "ETREAT": "an emergency treatment", "CAREMGT": "managing your care", "COC": "coordinating your care", "HPAYMT": "payment", "HOPERAT": "running the house", "HRESCH": "research",
		"CLINTRL": "a clinical trial", "PATRQT": "a request of yours", "BTG": "an emergency, past the usual limits", "PUBHLTH": "public health", "FAMRQT": "a request of your family",
	}
}

// spaced writes MedicationRequest as medication request.
func spaced(typ string) string {
	var b strings.Builder
	for i, r := range typ {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}
