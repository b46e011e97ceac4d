package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// members are the members of one JSON object under their exact names. (Decoding
// into a struct would also accept EXP for exp, and the last of two.)
type members map[string]json.RawMessage

// parseMembers reads an object and refuses duplicate names at any depth, even if
// they differ in case only: all readers must understand a token in the same way.
func parseMembers(data []byte) (members, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := unique(d, 0); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	var m members
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	if m == nil {
		return nil, errors.New("not an object")
	}
	return m, nil
}

const maxDepth = 16

// unique reads one value.
func unique(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	switch t {
	case json.Delim('['):
		return uniqueIn(d, depth, nil)
	case json.Delim('{'):
		return uniqueIn(d, depth, map[string]bool{})
	}
	return nil
}

// uniqueIn reads the rest of an array (names is nil) or of an object.
func uniqueIn(d *json.Decoder, depth int, names map[string]bool) error {
	for d.More() {
		if names != nil {
			name, err := d.Token()
			if err != nil {
				return err
			}
			folded := strings.ToLower(name.(string))
			if names[folded] {
				return errors.New("duplicate member")
			}
			names[folded] = true
		}
		if err := unique(d, depth+1); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// decode reads an optional member; null counts as absent.
func (m members) decode(name string, to any) error {
	raw, given := m[name]
	if !given || string(raw) == "null" {
		return nil
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// object reads an optional object.
func (m members) object(name string) (members, error) {
	var o members
	err := m.decode(name, &o)
	return o, err
}

// codings reads a Coding, a list of Codings, or a plain code: IUA leaves the choice.
func (m members) codings(name string) ([]fhir.Coding, error) {
	raw := bytes.TrimSpace(m[name])
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if raw[0] != '[' {
		raw = append(append([]byte("["), raw...), ']')
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var codings []fhir.Coding
	for _, item := range list {
		c, err := coding(item)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		codings = append(codings, c)
	}
	return codings, nil
}

func coding(raw json.RawMessage) (fhir.Coding, error) {
	var c fhir.Coding
	if raw[0] == '"' {
		return c, json.Unmarshal(raw, &c.Code)
	}
	var m members
	if err := json.Unmarshal(raw, &m); err != nil {
		return c, err
	}
	return c, errors.Join(m.decode("system", &c.System), m.decode("code", &c.Code))
}
