package chaincode

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// maxRequest bounds the JSON argument: two checkpoints with the longest names fit.
const maxRequest = 8 << 10

// Hash is a SHA-256 value; in JSON it is standard base64 with padding.
type Hash [sha256.Size]byte

// MarshalText encodes the hash.
func (h Hash) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, h[:]), nil
}

// UnmarshalText accepts 32 bytes and nothing else.
func (h *Hash) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.Strict().DecodeString(string(text))
	if err != nil || len(b) != len(h) {
		return fmt.Errorf("not 32 bytes in base64")
	}
	copy(h[:], b)
	return nil
}

// encode is the one encoding of values in arguments, answers, events and state: JSON
// without spaces, with the fields in the order of the types. All endorsers must
// arrive at the same bytes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, refuse(State, "encode: %v", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode accepts only what encode produces: no spaces, no further or repeated fields,
// no other order. Each request has exactly one encoding.
func decode(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return err
	}
	canonical, err := encode(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(canonical, data) {
		return fmt.Errorf("not in canonical form (fields in the documented order, no spaces)")
	}
	return nil
}

func decodeArgument(data []byte, v any) error {
	if len(data) > maxRequest {
		return refuse(Argument, "the JSON argument has more than %d bytes", maxRequest)
	}
	if err := decode(data, v); err != nil {
		return refuse(Argument, "%v", err)
	}
	return nil
}
