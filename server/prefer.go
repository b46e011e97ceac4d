package server

import (
	"strconv"
	"strings"
	"time"
)

// preference is what the Prefer header asks for. Unknown preferences are ignored, as
// RFC 7240 wants.
type preference struct {
	result  string // of return: minimal, representation, OperationOutcome or ""
	lenient bool
	anchor  bool          // anchor=wait: answer when the record is on the ledger
	wait    time.Duration // wait=SECONDS: but not later than that
}

func preferOf(headers []string) preference {
	p := preference{wait: usualWait}
	fields := strings.FieldsFunc(strings.Join(headers, ","), func(c rune) bool { return c == ',' || c == ';' })
	for _, field := range fields {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "return":
			p.result = value
		case "handling":
			p.lenient = strings.EqualFold(value, "lenient")
		case "anchor":
			p.anchor = value == "wait"
		case "wait":
			if seconds, err := strconv.ParseUint(value, 10, 16); err == nil {
				p.wait = time.Duration(seconds) * time.Second
			}
		}
	}
	return p
}
