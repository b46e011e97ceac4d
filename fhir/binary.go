package fhir

import (
	"bytes"
	"encoding/base64"
	"mime"
)

// Content is what a Binary holds: its media type, without parameters and in lower case, and
// its bytes. It is Invalid for any other resource, and without data.
func (r *Resource) Content() (media string, data []byte, err error) {
	s, err := openTape(r.data)
	if err != nil {
		return "", nil, err
	}
	defer s.close()
	text := s.memberText(0, "data")
	if r.typ != "Binary" || text == nil {
		return "", nil, &Error{Kind: Invalid, Expression: r.typ + ".data", Detail: "A Binary with data is needed here."}
	}
	if media, _, err = mime.ParseMediaType(string(s.memberText(0, "contentType"))); err != nil {
		return "", nil, &Error{Kind: Invalid, Expression: "Binary.contentType", Detail: "The contentType of the Binary is no media type."}
	}
	data, err = base64.StdEncoding.AppendDecode(nil, bytes.Join(bytes.Fields(text), nil))
	if err != nil {
		return "", nil, &Error{Kind: Invalid, Expression: "Binary.data", Detail: "The data of the Binary is not base64."}
	}
	return media, data, nil
}
