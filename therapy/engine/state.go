package engine

// State is what is known of a journey. Apply never changes one; it returns another.
type State struct {
	Opening
	Definition Hash     `json:"definition"`
	Genesis    Hash     `json:"genesis"` // what the first event of the first bag follows
	Ended      Code     `json:"ended,omitempty"`
	Bags       []*Bag   `json:"bags"`
	Holds      []Hold   `json:"holds"`
	Alarms     []Alarm  `json:"alarms"`
	Seen       Log      `json:"seen"`
	Devices    []Device `json:"devices"`
}

// Bag is a bag of cells: one token with one custodian. therapy.Bag is this.
type Bag struct {
	ID         string `json:"id"`
	Product    string `json:"product"`
	Parent     string `json:"parent,omitempty"`
	State      string `json:"state"`
	Custodian  string `json:"custodian"` // an organisation
	Head       Hash   `json:"head"`
	Seq        int64  `json:"seq"`
	Superseded bool   `json:"superseded,omitempty"` // all of it went into others, or another took its place

	Volume  int64 `json:"volume"` // in it when it came to be
	Infused int64 `json:"infused"`
	Wasted  int64 `json:"wasted"`
	Printed int64 `json:"printed"` // labels
	Expiry  int64 `json:"expiry"`
	Thawed  int64 `json:"thawed"`
	Acted   int64 `json:"acted"` // when the latest step happened

	Band     string    `json:"band,omitempty"`
	Logger   string    `json:"logger,omitempty"`
	Reading  int64     `json:"reading"`           // the last one of the logger that a verdict covers
	Outcome  string    `json:"outcome,omitempty"` // the latest transport's
	Entered  []Entered `json:"entered"`
	Results  []Result  `json:"results"`
	Makers   []string  `json:"makers"` // persons who had a hand in it
	Pending  *Pending  `json:"pending,omitempty"`
	Seals    []Hash    `json:"seals"`    // the commitments under which it was given
	Attempts int64     `json:"attempts"` // wrong acceptances
	Locked   bool      `json:"locked,omitempty"`
	Keeps    string    `json:"keeps,omitempty"` // who has it in quarantine
	Release  *Release  `json:"release,omitempty"`
	Request  string    `json:"request,omitempty"` // the physician who asked for it out of specification
	Permit   *Permit   `json:"permit,omitempty"`
	Escape   *Escape   `json:"escape,omitempty"`
}

// Entered is when a bag came into a state.
type Entered struct {
	State string `json:"state"`
	At    int64  `json:"at"`
}

// Result of a test: pass, fail or pending. Of several the latest counts.
type Result struct {
	Test    string `json:"test"`
	Outcome string `json:"outcome"`
}

// Pending is a handover that was begun.
type Pending struct {
	From       string `json:"from"`
	To         string `json:"to"`
	Courier    string `json:"courier"`
	Carried    bool   `json:"carried,omitempty"`
	Commitment Hash   `json:"commitment"`
	ValidUntil int64  `json:"validUntil"`
	Warned     bool   `json:"warned,omitempty"` // an alarm says that it is overdue
	Back       string `json:"back"`             // the state before
}

// Release of a bag for its patient.
type Release struct {
	Kind      string `json:"kind"` // full, conditional or oos
	Signer    string `json:"signer"`
	At        int64  `json:"at"`
	Until     int64  `json:"until,omitempty"`
	Suspended bool   `json:"suspended,omitempty"` // for good: only a new release ends it
	Warned    bool   `json:"warned,omitempty"`
}

// Permit to thaw and infuse once.
type Permit struct {
	ID        string `json:"id"`
	NotBefore int64  `json:"notBefore"`
	NotAfter  int64  `json:"notAfter"`
	Used      bool   `json:"used,omitempty"`
}

// Escape is what one of giver, receiver and sponsor asked for when a partner is dead.
type Escape struct {
	Action string `json:"action"`
	By     string `json:"by"` // an organisation
}

// Hold stops a bag, or the whole journey if Bag is "".
type Hold struct {
	Number   int64  `json:"number"`
	Bag      string `json:"bag,omitempty"`
	Code     Code   `json:"code"`
	Critical bool   `json:"critical,omitempty"`
	Person   string `json:"person"` // who attempted or placed it
	Event    Hash   `json:"event"`
	At       int64  `json:"at"`
	Cleared  string `json:"cleared,omitempty"` // by whom
}

// Alarm tells organisations that they must act.
type Alarm struct {
	Number int64    `json:"number"`
	Bag    string   `json:"bag,omitempty"`
	Code   Code     `json:"code"`
	Owners []string `json:"owners"` // organisations, the first one acts
	Event  Hash     `json:"event"`
	At     int64    `json:"at"`
	Due    int64    `json:"due,omitempty"`
}

// Device is how far a device has told.
type Device struct {
	ID           string `json:"id"`
	Organisation string `json:"organisation"`
	Seq          int64  `json:"seq"`
	Time         int64  `json:"time"`
}

// bag finds a bag, or nil.
func (s *State) bag(id string) *Bag {
	for _, b := range s.Bags {
		if b.ID == id {
			return b
		}
	}
	return nil
}

// Bag finds a bag. What it points to must not be changed.
func (s *State) Bag(id string) *Bag { return s.bag(id) }

// entered is when the bag first came into a state; 0 if it never did.
func (b *Bag) entered(state string) int64 {
	for _, e := range b.Entered {
		if e.State == state {
			return e.At
		}
	}
	return 0
}

// result is the latest outcome of a test.
func (b *Bag) result(test string) string {
	for _, r := range b.Results {
		if r.Test == test {
			return r.Outcome
		}
	}
	return ""
}

// held says whether a hold stops the bag.
func (s *State) held(bag string) bool {
	for i := range s.Holds {
		if h := &s.Holds[i]; h.Cleared == "" && (h.Bag == "" || h.Bag == bag) {
			return true
		}
	}
	return false
}
