package server

import (
	"net/http"
	"strings"
)

// preference is what the Prefer header asks for (RFC 7240). What is unknown in
// it is ignored, as that RFC wants.
type preference struct {
	result  string // of return: minimal, representation, OperationOutcome or ""
	lenient bool
}

func preferOf(r *http.Request) preference {
	var p preference
	fields := strings.FieldsFunc(strings.Join(r.Header.Values("Prefer"), ","), func(c rune) bool { return c == ',' || c == ';' })
	for _, field := range fields {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "return":
			p.result = value
		case "handling":
			p.lenient = strings.EqualFold(value, "lenient")
		}
	}
	return p
}
