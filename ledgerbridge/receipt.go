package ledgerbridge

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Receipt is what a client gets for a request: where its record is and what it
// commits to. Whoever keeps it can show later that the record was cut or changed.
type Receipt struct {
	Source     string
	Seq        int64
	Commitment [32]byte
}

// Receipt is the receipt of a row of source.
func (r *Row) Receipt(source string) Receipt {
	return Receipt{Source: source, Seq: r.Seq, Commitment: r.Commitment}
}

// String is the value of the header X-Aceso-Record: <source>/<seq>;c=<commitment in hex>.
func (r Receipt) String() string {
	return r.Source + "/" + strconv.FormatInt(r.Seq, 10) + ";c=" + hex.EncodeToString(r.Commitment[:])
}

// ParseReceipt is the inverse of String and accepts nothing else.
func ParseReceipt(s string) (Receipt, error) {
	place, sum, ok := strings.Cut(s, ";c=")
	slash := strings.LastIndexByte(place, '/')
	if !ok || slash < 0 {
		return Receipt{}, fmt.Errorf("receipt: not of the form source/seq;c=commitment")
	}
	r := Receipt{Source: place[:slash]}
	var err error
	if r.Seq, err = strconv.ParseInt(place[slash+1:], 10, 64); err != nil {
		return Receipt{}, fmt.Errorf("receipt: sequence number: %w", err)
	}
	c, err := hex.DecodeString(sum)
	if err != nil || len(c) != len(r.Commitment) {
		return Receipt{}, fmt.Errorf("receipt: the commitment is not 64 hexadecimal digits")
	}
	copy(r.Commitment[:], c)
	if r.Seq < 0 || r.String() != s || checkSource(r.Source) != nil {
		return Receipt{}, fmt.Errorf("receipt: not in canonical form")
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
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-') {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 64
}
