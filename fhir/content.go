package fhir

import (
	"bytes"
	"encoding/base64"
)

// Content is what a Binary holds.
type Content struct {
	Type            string // media type
	SecurityContext string // reference to what decides who may see it, or ""
	Data            []byte
}

// NewBinary makes the document of a Binary; an empty id or security context is left out.
func NewBinary(id, contentType, context string, data []byte) []byte {
	b := make([]byte, 0, base64.StdEncoding.EncodedLen(len(data))+400)
	b = append(b, `{"resourceType":"Binary"`...)
	if id != "" {
		b = appendQuoted(append(b, `,"id":`...), id)
	}
	b = appendQuoted(append(b, `,"contentType":`...), contentType)
	if context != "" {
		b = append(appendQuoted(append(b, `,"securityContext":{"reference":`...), context), '}')
	}
	if len(data) > 0 {
		b = append(b, `,"data":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, data), '"')
	}
	return append(b, '}')
}

// ReadBinary reads a stored Binary.
func ReadBinary(body []byte) (Content, error) {
	var c Content
	s, err := openTape(body)
	if err != nil {
		return c, err
	}
	defer s.close()
	for i := range s.children(0) {
		if s.Nodes[i].PrimitiveExt {
			continue
		}
		switch s.nameOf(i) {
		case "contentType":
			c.Type = string(s.text(i))
		case "securityContext":
			for r := range s.children(i) {
				if s.Nodes[r].Elem == s.d.marks.reference && !s.Nodes[r].PrimitiveExt {
					c.SecurityContext = string(s.text(r))
				}
			}
		case "data":
			if c.Data, err = fromBase64(s.text(i)); err != nil {
				return c, &Error{Kind: Internal, Detail: "A stored Binary cannot be read.", Err: err}
			}
		}
	}
	return c, nil
}

// fromBase64 decodes data, in which R4 allows white space.
func fromBase64(text []byte) ([]byte, error) {
	if bytes.ContainsAny(text, " \t\r\n") {
		text = bytes.Join(bytes.Fields(text), nil)
	}
	data := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(data, text)
	return data[:n], err
}
