package web

// Consents is the page of a patient's Consents in sentences, of what would change, and of
// patients whose Consents somebody should look at.
type Consents struct {
	Frame
	Form     string // anti-forgery value
	Language string // of the sentences
	Others   []Link // the page in other languages
	Done     string // what has just happened
	Problem  string // why not

	Typed    string // who was looked for
	Patients []Link // who fit
	Patient  string
	All      []ConsentSaid
	Older    bool // there are more than are shown

	What    string // that is simulated: the Consent, or "" for one that was pasted
	Pasted  string
	New     *Said // what a pasted Consent says
	Judged  int
	More    bool
	Changes []ConsentChange // nil: nothing was simulated

	Suspects                           []Suspect // nil: not looked for
	Looked                             bool
	Unreadable, Doubtful, Contradicted int
	Next                               string // link to further ones
	Incomplete                         bool
}

// ConsentSaid is a Consent in sentences.
type ConsentSaid struct {
	ID     string // Consent/1
	Status string
	Says   Said
}

// Said is what a Consent, or a part of it, says in sentences.
type Said struct {
	Sentences []string
	Below     []Said
}

// ConsentChange is what would change for somebody.
type ConsentChange struct {
	Who, Purpose  string
	Before, After int
	Gains, Loses  []Count
}

// Suspect is a patient whose Consents somebody should look at.
type Suspect struct {
	ID      string
	Because []string
}

// Consents renders Consents in sentences.
func (p *Pages) Consents(page Consents) ([]byte, error) { return p.render("consents.html", page) }
