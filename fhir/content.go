package fhir

import (
	"bytes"
	"encoding/base64"
)

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

// ReadBinary reads what a stored Binary holds, and of what media type it is. context is the
// reference to what decides who may see it, or "".
func ReadBinary(body []byte) (contentType, context string, data []byte, err error) {
	s, err := openTape(body)
	if err != nil {
		return "", "", nil, err
	}
	defer s.close()
	for i := range s.children(0) {
		if s.Nodes[i].PrimitiveExt {
			continue
		}
		switch s.nameOf(i) {
		case "contentType":
			contentType = string(s.text(i))
		case "securityContext":
			for r := range s.children(i) {
				if s.Nodes[r].Elem == s.d.marks.reference && !s.Nodes[r].PrimitiveExt {
					context = string(s.text(r))
				}
			}
		case "data":
			if data, err = fromBase64(s.text(i)); err != nil {
				return "", "", nil, &Error{Kind: Internal, Detail: "A stored Binary cannot be read.", Err: err}
			}
		}
	}
	return contentType, context, data, nil
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
