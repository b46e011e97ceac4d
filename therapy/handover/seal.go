// Package handover has what giver and receiver of a bag hold in their hands: the tamper seal,
// whose code carries a nonce, and the reading of bag, seal and logger from which both make
// the same commitment.
//
// It decides nothing: package engine compares. It draws and prints no codes, keeps nothing,
// and knows no network.
package handover

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aceso-health/aceso/therapy/engine"
)

// A nonce has 160 bits: nobody finds it by trying, however often.
const nonceBytes = 20

// prefix begins the code of every seal, and names the version of its form.
const prefix = "ACS1"

var alphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// Seal is a tamper seal: a number that everybody may read, and a nonce that only who has the
// seal in hand knows.
type Seal struct {
	Number string
	Nonce  string
}

// New makes a seal with a random nonce. The number is the manufacturer's, of digits and
// capital letters.
func New(number string, random io.Reader) (Seal, error) {
	if !plain(number) {
		return Seal{}, errNumber
	}
	var nonce [nonceBytes]byte
	if _, err := io.ReadFull(random, nonce[:]); err != nil {
		return Seal{}, fmt.Errorf("make seal %s: %w", number, err)
	}
	return Seal{number, alphabet.EncodeToString(nonce[:])}, nil
}

// Code is what the QR code on the seal says: digits, capitals and colons only, which a QR
// code holds in its alphanumeric mode, and four characters that find a misreading.
func (s Seal) Code() string {
	text := prefix + ":" + s.Number + ":" + s.Nonce
	return text + ":" + check(text)
}

// Parse reads a code, as a scanner or a person typed it.
func Parse(code string) (Seal, error) {
	code = strings.ToUpper(strings.TrimSpace(code))
	at := strings.LastIndexByte(code, ':')
	if at < 0 || check(code[:at]) != code[at+1:] {
		return Seal{}, errCode
	}
	parts := strings.Split(code[:at], ":")
	if len(parts) != 3 || parts[0] != prefix || !plain(parts[1]) {
		return Seal{}, errCode
	}
	if nonce, err := alphabet.DecodeString(parts[2]); err != nil || len(nonce) != nonceBytes {
		return Seal{}, errCode
	}
	return Seal{parts[1], parts[2]}, nil
}

var (
	errNumber = errors.New("the number of a seal has 1 to 40 digits and capital letters")
	errCode   = errors.New("this is not the code of a seal, or it was misread: scan it again")
)

// check is four characters that depend on all others.
func check(text string) string {
	sum := sha256.Sum256([]byte(text))
	return alphabet.EncodeToString(sum[:])[:4]
}

func plain(number string) bool {
	for i := range len(number) {
		if c := number[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return number != "" && len(number) <= 40
}

// Scans are what a receiver reads blind: from the seal, and from the labels of bag and
// logger. Nothing of it comes from the giver's form.
func Scans(seal Seal, coi, product, bag, count, logger string) []engine.Scan {
	return []engine.Scan{
		{What: "nonce", Value: seal.Nonce, Symbology: "QR"}, {What: "seal", Value: seal.Number, Symbology: "QR"},
		{What: "coi", Value: coi}, {What: "product", Value: product}, {What: "bag", Value: bag},
		{What: "count", Value: count}, {What: "logger", Value: logger},
	}
}

// Commitment is what a giver commits to after the same scans.
func Commitment(scans []engine.Scan) (engine.Hash, error) {
	var h engine.Handover
	into := map[string]*string{"nonce": &h.Nonce, "seal": &h.Seal, "coi": &h.COI, "product": &h.Product, "bag": &h.Bag, "count": &h.Count, "logger": &h.Logger}
	for _, s := range scans {
		if field := into[s.What]; field != nil {
			*field = s.Value
		}
	}
	for _, s := range Scans(Seal{}, "", "", "", "", "") {
		if *into[s.What] == "" {
			return engine.Hash{}, fmt.Errorf("%s was not scanned", s.What)
		}
	}
	return engine.Commit(h), nil
}
