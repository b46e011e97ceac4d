package ledgerbridge

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"
)

// What was asked may name several patients. It must not outlive any of them, so it is
// sealed once, under a random key of which each one's part has a share: all are needed.

// askedPart is the Patient of the part that says what was asked of two or more patients.
// No pseudonym is spelled so.
const askedPart = "asked"

// sharedKey is the Key of that part: no key file has it.
const sharedKey = "shares"

// mostAsked is how many bytes of a query's text a record keeps.
const mostAsked = 8 << 10

// AskedPart is the clear text of the part about the question, if two or more patients
// are concerned. It can be read as long as the parts of all of them can.
type AskedPart struct {
	Query  string
	Target string
}

func (p *AskedPart) appendJSON(b []byte) []byte {
	return appendObject(b, []field{{name: "query", text: &p.Query}, {name: "target", text: &p.Target}})
}

// bounded is a query as a record keeps it: of a long one the beginning, and the hash of
// the rest.
func bounded(query string) string {
	if len(query) <= mostAsked {
		return query
	}
	cut := mostAsked
	for cut > mostAsked-utf8.UTFMax && !utf8.RuneStart(query[cut]) {
		cut--
	}
	return fmt.Sprintf("%s [%d bytes more, SHA-256 %x]", query[:cut], len(query)-cut, sha256.Sum256([]byte(query[cut:])))
}

// split returns a random key and n shares of it; any n-1 of them say nothing about it.
func split(n int) (key []byte, shares []string) {
	key = make([]byte, sha256.Size)
	rand.Read(key)
	last := append([]byte(nil), key...)
	share := make([]byte, len(key))
	for range n - 1 {
		rand.Read(share)
		subtle.XORBytes(last, last, share)
		shares = append(shares, hex.EncodeToString(share))
	}
	return key, append(shares, hex.EncodeToString(last))
}

// asks tells the part about the question.
func (r *PartRow) asks() bool { return r.Patient == askedPart }

// OpenParts opens the parts of a row that are wanted (nil: all), in their places. Those
// that were erased stay empty, as do the others. What was asked of several patients is
// erased with any of them.
func (s *Sealer) OpenParts(ctx context.Context, parts []PartRow, wanted func(i int) bool) ([]Opened, error) {
	all := make([]Opened, len(parts))
	for i := range parts {
		if wanted != nil && !wanted(i) {
			continue
		}
		o, err := s.open(ctx, parts, i)
		if err != nil && !errors.Is(err, ErrErased) {
			return nil, err
		}
		all[i] = o
	}
	return all, nil
}

// open opens one part of a row.
func (s *Sealer) open(ctx context.Context, parts []PartRow, i int) (Opened, error) {
	if parts[i].asks() {
		return s.openAsked(ctx, parts, i)
	}
	return s.OpenPart(ctx, parts[i])
}

// openAsked opens the part about the question with the shares in the others.
func (s *Sealer) openAsked(ctx context.Context, parts []PartRow, at int) (Opened, error) {
	row := &parts[at]
	if row.gone() {
		return Opened{}, ErrErased
	}
	key := make([]byte, sha256.Size)
	for i := range parts {
		if i == 0 || i == at || parts[i].says() {
			continue
		}
		o, err := s.OpenPart(ctx, parts[i])
		if err != nil {
			return Opened{}, err
		}
		if err := addShare(key, o.Patient.Share); err != nil {
			return Opened{}, err
		}
	}
	plain, err := s.decrypt(row, key)
	if err != nil {
		return Opened{}, err
	}
	return openText(row, plain)
}

func addShare(key []byte, share string) error {
	if share == "" { // everyone's part has none
		return nil
	}
	b, err := digest(share)
	if err != nil {
		return fmt.Errorf("share of a key: %w", err)
	}
	subtle.XORBytes(key, key, b[:])
	return nil
}
