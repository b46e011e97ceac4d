package web

import "time"

// Consent is the page on which somebody allows or refuses what an app asks for.
type Consent struct {
	Frame
	Action  string // where the form goes
	Form    string // anti-forgery value
	Request string // the app's request, as it came
	App     string
	Contact string
	Home    string // where the app gets its answer
	User    string
	Problem string // what is still missing

	Picker   *Picker  // nil if the app asks for no patient
	Visits   []Choice // of the patient, if the app asks for one; the last is none
	Purposes []Choice
	Data     []DataChoice
	Others   []string // what it asks for beside data, in words

	Offline, OfflineChosen bool // it wants access when the user is gone
	Online                 bool // it wants access for as long as the user is there
}

// Choice is one of several.
type Choice struct {
	ID, Name           string // of the input, where the template does not say it
	Value, Words, Hint string
	Chosen             bool
}

// DataChoice is one scope on data. Categories narrow it.
type DataChoice struct {
	Choice
	Categories []Choice
	Narrowed   bool
}

// Picker chooses the patient.
type Picker struct {
	Fixed    string // the patient that is chosen already
	Find     string
	Searched bool
	Patients []Choice
	More     bool
}

// Apps is the page of what a person has allowed.
type Apps struct {
	Frame
	Form string
	Done string // what has just happened
	Apps []App
}

// App is one authorisation.
type App struct {
	Grant, Name, Purpose, Patient string
	What                          []string
	Since, Until                  time.Time
}
