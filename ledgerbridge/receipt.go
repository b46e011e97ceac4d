package ledgerbridge

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Receipt tells the client of a request where its record is and what it commits to. A
// kept receipt shows later that the record was cut off or changed.
type Receipt struct {
	Source     string
	Seq        int64
	Commitment [32]byte
}

// Receipt returns the receipt of a row of source.
func (r *Row) Receipt(source string) Receipt {
	return Receipt{Source: source, Seq: r.Seq, Commitment: r.Commitment}
}

// String writes the value of the header X-Aceso-Record: <source>/<seq>;c=<commitment in hex>.
func (r Receipt) String() string {
	b := make([]byte, 0, len(r.Source)+2*len(r.Commitment)+24)
	b = strconv.AppendInt(append(append(b, r.Source...), '/'), r.Seq, 10)
	return string(hex.AppendEncode(append(b, ";c="...), r.Commitment[:]))
}

// ParseReceipt reads what String writes and nothing else.
func ParseReceipt(s string) (r Receipt, err error) {
	place, commitment, ok := strings.Cut(s, ";c=")
	if !ok {
		return Receipt{}, fmt.Errorf("receipt: not of the form source/seq;c=commitment")
	}
	r.Source, r.Seq, err = ParsePlace(place)
	if err == nil {
		r.Commitment, err = digest(commitment)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("receipt: %w", err)
	}
	return r, nil
}

// checkSource refuses names that could not be a note's key name or a receipt's path:
// three parts of letters, digits, dot and hyphen.
func checkSource(source string) error {
	parts := strings.Split(source, "/")
	if len(parts) != 3 {
		return fmt.Errorf("source %q is not organisation/node/log", source)
	}
	for _, p := range parts {
		if !isName(p) {
			return fmt.Errorf("source %q: %q is not made of letters, digits, dot and hyphen", source, p)
		}
	}
	return nil
}

func isName(s string) bool {
	return 0 < len(s) && len(s) <= 64 && !strings.ContainsFunc(s, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-')
	})
}
