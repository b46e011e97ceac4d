package ledgerbridge

import (
	"encoding/json"
	"fmt"
)

// RequestPart is the clear text of the part about the request.
type RequestPart struct {
	Agent   string // who, as the token names them
	Name    string
	Role    string
	Address string
	Target  string // only if no patient is touched
	Query   string // only if no patient is touched
	Items   []Item // disclosed or written, belonging to no patient

	Input       string   // the record that has the rest of the input ("a345", left out if it is this one), Unix time that the policy took for now, letter of the question; "": not known
	Questions   []string // see Input.Questions
	Scopes      []string // of the input, if this record has it and its token is of no patient; nil otherwise
	Departments []string // likewise; pseudonyms
}

// PatientPart is the clear text of the part about one patient.
type PatientPart struct {
	Patient  string // "Patient/1"
	Target   string // only if no other patient is concerned
	Query    string // only if no other patient is concerned
	Items    []Item
	Consents []string // "Consent/9/_history/2" that decided
	More     int64    // of Everyone: patients concerned who have no part; 0 if it is not known
	Share    string   // hex: of the key of the AskedPart, if there is one
}

func (p *RequestPart) appendJSON(b []byte) []byte {
	return appendObject(b, []field{
		{name: "address", text: &p.Address}, {name: "agent", text: &p.Agent}, {name: "departments", words: &p.Departments, optional: true},
		{name: "input", text: &p.Input, optional: true}, {name: "items", items: &p.Items},
		{name: "name", text: &p.Name}, {name: "query", text: &p.Query}, {name: "questions", words: &p.Questions, optional: true},
		{name: "role", text: &p.Role}, {name: "scopes", words: &p.Scopes, optional: true}, {name: "target", text: &p.Target},
	})
}

func (p *PatientPart) appendJSON(b []byte) []byte {
	return appendObject(b, []field{
		{name: "consents", words: &p.Consents}, {name: "items", items: &p.Items}, {name: "more", num: &p.More, optional: true},
		{name: "patient", text: &p.Patient}, {name: "query", text: &p.Query}, {name: "share", text: &p.Share, optional: true},
		{name: "target", text: &p.Target},
	})
}

func appendItem(b []byte, i *Item) []byte {
	hash := hexOrNone(i.Hash)
	return appendObject(b, []field{
		{name: "hash", text: &hash}, {name: "method", text: &i.Method},
		{name: "ref", text: &i.Ref}, {name: "version", num: &i.Version},
	})
}

// UnmarshalJSON reads an item of a part.
func (i *Item) UnmarshalJSON(data []byte) error {
	var doc struct {
		Ref, Method, Hash string
		Version           int64
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	*i = Item{Ref: doc.Ref, Version: doc.Version, Method: doc.Method}
	if doc.Hash == "" {
		return nil
	}
	h, err := digest(doc.Hash)
	i.Hash = h
	return err
}

// parsePart reads the clear text of a part.
func parsePart(text []byte, part interface{ appendJSON([]byte) []byte }) error {
	err := DecodeCanonical(text, part, func() ([]byte, error) { return part.appendJSON(make([]byte, 0, len(text))), nil })
	if err != nil {
		return fmt.Errorf("text of a part: %w", err)
	}
	return nil
}
