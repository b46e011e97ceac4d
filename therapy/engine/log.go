package engine

import (
	"encoding/json"
	"slices"
)

// Log is every event that was recorded, in order. States share what is common to them, so
// that one more costs no copy of those before. In JSON it is a list.
type Log struct {
	last *entry
	n    int
}

type entry struct {
	Seen
	before *entry
}

// Seen is an event that was recorded, and its first result.
type Seen struct {
	ID       string  `json:"id"`
	Hash     Hash    `json:"hash"`
	Verdict  Verdict `json:"verdict"`
	Code     Code    `json:"code,omitempty"`
	Head     Hash    `json:"head"`
	Register Hash    `json:"register"` // of the register by which it was judged
}

// Len is how many there are.
func (l Log) Len() int { return l.n }

// All lists them in order.
func (l Log) All() []Seen {
	list := make([]Seen, 0, l.n)
	for e := l.last; e != nil; e = e.before {
		list = append(list, e.Seen)
	}
	slices.Reverse(list)
	return list
}

// with is the log with one more.
func (l Log) with(s Seen) Log { return Log{&entry{s, l.last}, l.n + 1} }

// find finds an event by its id, or nil.
func (l Log) find(id string) *Seen {
	for e := l.last; e != nil; e = e.before {
		if e.ID == id {
			return &e.Seen
		}
	}
	return nil
}

// MarshalJSON writes the list.
func (l Log) MarshalJSON() ([]byte, error) { return json.Marshal(l.All()) }

// UnmarshalJSON reads it.
func (l *Log) UnmarshalJSON(text []byte) error {
	var list []Seen
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*l = Log{}
	for _, s := range list {
		*l = l.with(s)
	}
	return nil
}
