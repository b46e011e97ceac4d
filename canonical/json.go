package canonical

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

// maxDepth bounds how deep values nest.
const maxDepth = 32

// JSON writes any JSON text in canonical form. It refuses what two readers might read
// differently: a name that comes twice or is not ASCII, a number that is not an integer
// within 2^53, text after the value, more than 32 levels.
func JSON(data []byte) ([]byte, error) {
	r := reader{json.NewDecoder(bytes.NewReader(data))}
	r.UseNumber()
	b, err := r.value(nil, 0)
	if err != nil {
		return nil, err
	}
	if _, err := r.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text follows the value")
	}
	return b, nil
}

type reader struct{ *json.Decoder }

func (r reader) value(b []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("more than %d levels", maxDepth)
	}
	t, err := r.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return r.list(b, depth)
		}
		return r.object(b, depth)
	case string:
		return AppendString(b, t), nil
	case json.Number:
		n, err := strconv.ParseInt(t.String(), 10, 64)
		if err != nil || n > MaxInteger || n < -MaxInteger {
			return nil, fmt.Errorf("%s is not an integer within 2^53", t)
		}
		return strconv.AppendInt(b, n, 10), nil
	case bool:
		return strconv.AppendBool(b, t), nil
	}
	return append(b, "null"...), nil
}

func (r reader) list(b []byte, depth int) ([]byte, error) {
	b = append(b, '[')
	for first := true; r.More(); first = false {
		if !first {
			b = append(b, ',')
		}
		var err error
		if b, err = r.value(b, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := r.Token()
	return append(b, ']'), err
}

func (r reader) object(b []byte, depth int) ([]byte, error) {
	members := map[string][]byte{}
	for r.More() {
		t, err := r.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if _, twice := members[name]; twice || !ascii(name) {
			return nil, fmt.Errorf("the name %q comes twice or is not ASCII", name)
		}
		if members[name], err = r.value(nil, depth+1); err != nil {
			return nil, err
		}
	}
	if _, err := r.Token(); err != nil {
		return nil, err
	}
	return appendMembers(b, members), nil
}

func appendMembers(b []byte, members map[string][]byte) []byte {
	opening := byte('{')
	for _, name := range slices.Sorted(maps.Keys(members)) {
		b = append(AppendString(append(b, opening), name), ':')
		b = append(b, members[name]...)
		opening = ','
	}
	if opening == '{' {
		b = append(b, opening)
	}
	return append(b, '}')
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
