package ledgerbridge

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/aceso-health/aceso/fhir"
)

// RequestPart is the clear text of the part about the request itself.
type RequestPart struct {
	Agent   string // who, as the token names them
	Name    string
	Role    string
	Address string
	Target  string // only if no patient is touched
	Query   string // only if no patient is touched
	Items   []Item // disclosed or written, belonging to no patient
}

// PatientPart is the clear text of the part about one patient.
type PatientPart struct {
	Patient  string // "Patient/1"
	Target   string
	Query    string
	Items    []Item
	Consents []string // "Consent/9/_history/2" that decided
}

func (p *RequestPart) appendJSON(b []byte) []byte {
	b = appendObject(b, []field{{name: "address", text: &p.Address}, {name: "agent", text: &p.Agent}})
	b = appendItems(append(b[:len(b)-1], `,"items":`...), p.Items)
	rest := appendObject(nil, []field{
		{name: "name", text: &p.Name}, {name: "query", text: &p.Query},
		{name: "role", text: &p.Role}, {name: "target", text: &p.Target},
	})
	rest[0] = ','
	return append(b, rest...)
}

func (p *PatientPart) appendJSON(b []byte) []byte {
	b = appendList(append(b, `{"consents":`...), p.Consents, func(b []byte, s *string) []byte { return appendString(b, *s) })
	b = appendItems(append(b, `,"items":`...), p.Items)
	rest := appendObject(nil, []field{
		{name: "patient", text: &p.Patient}, {name: "query", text: &p.Query}, {name: "target", text: &p.Target},
	})
	rest[0] = ','
	return append(b, rest...)
}

func appendItems(b []byte, items []Item) []byte {
	return appendList(b, items, func(b []byte, i *Item) []byte {
		sum := hexOrNone(i.Hash)
		return appendObject(b, []field{
			{name: "hash", text: &sum}, {name: "method", text: &i.Method},
			{name: "ref", text: &i.Ref}, {name: "version", num: &i.Version},
		})
	})
}

// UnmarshalJSON reads an item of a part.
func (i *Item) UnmarshalJSON(data []byte) error {
	var sum string
	fields := []field{
		{name: "hash", text: &sum}, {name: "method", text: &i.Method},
		{name: "ref", text: &i.Ref}, {name: "version", num: &i.Version},
	}
	if err := parseObject(data, fields); err != nil {
		return err
	}
	h, err := hex.DecodeString(sum)
	if err != nil || len(h) != 0 && len(h) != len(i.Hash) {
		return fmt.Errorf("hash of an item: not 64 hexadecimal digits")
	}
	i.Hash = fhir.Hash{}
	copy(i.Hash[:], h)
	return nil
}

// parsePart reads the clear text of a part; writing it again must give the same bytes.
func parsePart(clear []byte, part interface{ appendJSON([]byte) []byte }) error {
	dec := json.NewDecoder(bytes.NewReader(clear))
	dec.DisallowUnknownFields()
	if err := dec.Decode(part); err != nil {
		return fmt.Errorf("text of a part: %w", err)
	}
	if !bytes.Equal(part.appendJSON(nil), clear) {
		return fmt.Errorf("text of a part: not canonical")
	}
	return nil
}
