package web

// Explained is the page that says why something was decided, and who could read what.
type Explained struct {
	Frame
	Language string // of the sentences

	Record string // that is explained, or ""

	Agent, Role, Purpose, Patient, Resource, At string // of the question, as they were typed

	Told, Asked bool // a record was explained; a question was asked
	Yes, Lost   bool // Lost: nobody knows any more
	Sentences   []string
}

// Explained renders explanations.
func (p *Pages) Explained(page Explained) ([]byte, error) { return p.render("explain.html", page) }
