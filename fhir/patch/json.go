package patch

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/aceso-health/aceso/fhir"
)

// JSON is a JSON Patch (RFC 6902).
type JSON struct {
	operations []operation
	sum        fhir.Hash
}

// operation is one step of a JSON Patch.
type operation struct {
	op         string
	path, from pointer
	value      []byte
}

// ParseJSON reads a JSON Patch. Errors are Malformed if it is not JSON, otherwise Invalid,
// and name the operation by its number, from 1.
func ParseJSON(data []byte) (*JSON, error) {
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, &fhir.Error{Kind: fhir.Malformed, Detail: "The patch is not valid JSON in UTF-8."}
	}
	list := value{raw: bytes.TrimSpace(data)}
	if list.kind() != '[' {
		return nil, invalid("A JSON Patch is an array of operations, as in [{\"op\":\"replace\",\"path\":\"/active\",\"value\":true}].")
	}
	work := &meter{mostWork}
	if err := list.open(work); err != nil {
		return nil, err
	}
	if len(list.items) == 0 || len(list.items) > mostOperations {
		return nil, invalid(fmt.Sprintf("A JSON Patch has 1 to %d operations.", mostOperations))
	}
	p := &JSON{operations: make([]operation, len(list.items)), sum: sha256.Sum256(data)}
	for i := range list.items {
		if err := p.operations[i].read(list.items[i].value, work); err != nil {
			return nil, numbered(i, err)
		}
	}
	return p, nil
}

// Sum is the SHA-256 of the patch as it was sent.
func (p *JSON) Sum() fhir.Hash { return p.sum }

// Long is false: what it costs grows with the document.
func (p *JSON) Long() bool { return false }

func invalid(detail string) *fhir.Error { return &fhir.Error{Kind: fhir.Invalid, Detail: detail} }

// numbered says which operation an error is about.
func numbered(i int, err *fhir.Error) error {
	named := *err
	named.Detail = fmt.Sprintf("Operation %d of the patch: %s", i+1, err.Detail)
	return &named
}

// read reads an operation. Members that RFC 6902 does not define are ignored, as it says.
func (o *operation) read(v *value, work *meter) *fhir.Error {
	given, err := v.members(work)
	if err != nil {
		return err
	}
	var ok bool
	if o.op, ok = given["op"].text(); !ok {
		return invalid("op must be add, remove, replace, move, copy or test.")
	}
	if o.path, err = pointerIn(given["path"], "path"); err != nil {
		return err
	}
	switch o.op {
	case "remove":
		return nil
	case "move", "copy":
		o.from, err = pointerIn(given["from"], "from")
		return err
	case "add", "replace", "test":
		if given["value"] == nil {
			return invalid("value is missing.")
		}
		o.value = given["value"].raw
		return nil
	}
	return invalid("op must be add, remove, replace, move, copy or test.")
}

// members are those of an operation, by name.
func (v *value) members(work *meter) (map[string]*value, *fhir.Error) {
	if v.kind() != '{' {
		return nil, invalid("it must be an object.")
	}
	if err := v.open(work); err != nil {
		return nil, err
	}
	given := make(map[string]*value, len(v.items))
	for _, m := range v.items {
		if given[m.name] != nil {
			return nil, invalid("it has a member twice.")
		}
		given[m.name] = m.value
	}
	return given, nil
}

// Apply returns a document with the changes of all operations. Its error names the first
// operation that cannot be done, in which case nothing is: Unprocessable if the document
// does not have what it needs or does not pass its test, TooCostly beyond the limits. What
// it cost is added to work, in bytes.
func (p *JSON) Apply(document []byte, work *int64) ([]byte, error) {
	a := &applied{root: &value{raw: bytes.TrimSpace(document)}, meter: meter{mostWork}}
	defer func() { *work += a.done() }()
	for i := range p.operations {
		if err := a.do(&p.operations[i]); err != nil {
			return nil, numbered(i, err)
		}
	}
	size := a.root.size()
	if size > mostResult {
		return nil, &fhir.Error{Kind: fhir.TooLarge, Detail: fmt.Sprintf("The patched resource would be larger than %d MB.", mostResult/1_000_000)}
	}
	return a.root.bytes(make([]byte, 0, size)), nil
}
