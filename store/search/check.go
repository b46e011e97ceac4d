package search

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// Checked is what a store adds to the check of one version.
type Checked interface {
	// Found reports what is wrong with "version", "stamp", "facts" or "body".
	Found(column, what string)
	// Base is the base URL that the search keys depend on. If it is missing, Base
	// reports that and ok is false.
	Base() (url string, ok bool, err error)
	// Derived compares the stored search keys with those derived from the document.
	// The facts have been compared.
	Derived(x *search.Index, facts *fhir.Facts) error
}

// CheckVersion checks a version against the one before it, nil for the first, and
// against what can be derived again from its document.
func CheckVersion(c Checked, r, before *Row) error {
	number, stamp := int64(1), int64(0)
	if before != nil {
		number, stamp = before.Version+1, before.Stamp
	}
	if r.Version != number {
		c.Found("version", fmt.Sprintf("version %d is missing before it", number))
	}
	if r.Stamp <= stamp || r.Stamp < store.FirstStamp(time.UnixMilli(r.Updated)) {
		c.Found("stamp", "the version is out of order")
	}
	if r.Purged != "" {
		return checkPurged(c, r)
	}
	if r.Deleted {
		checkTombstone(c, r, before)
		return nil
	}
	return checkDocument(c, r)
}

// checkPurged holds that nothing is left of what the version said.
func checkPurged(c Checked, r *Row) error {
	if r.PackedBody != nil {
		c.Found("body", "a purged version has a document")
	}
	facts, err := store.UnpackFacts(r.PackedFacts)
	if err != nil {
		c.Found("facts", "cannot be unpacked")
		return nil
	}
	said, err := store.Unpack(r.PackedFacts)
	remains := store.Remains(&facts, false)
	left, failed := remains.AppendBinary(nil)
	if err != nil || failed != nil || !bytes.Equal(said, left) {
		c.Found("facts", "a purged version has more facts than may remain")
	}
	return nil
}

func checkTombstone(c Checked, r, before *Row) {
	facts, err := store.Unpack(r.PackedFacts)
	switch {
	case r.PackedBody != nil:
		c.Found("body", "a deleted version has a document")
	case err != nil:
		c.Found("facts", "cannot be unpacked")
	case before != nil: // otherwise it is found already
		if old, err := store.Unpack(before.PackedFacts); err != nil || !bytes.Equal(facts, old) {
			c.Found("facts", "differ from those of the version that was deleted")
		}
	}
}

// checkDocument derives everything again from the document.
func checkDocument(c Checked, r *Row) error {
	body, err := store.Unpack(r.PackedBody)
	if err != nil || body == nil {
		c.Found("body", "cannot be unpacked")
		return nil
	}
	if sha256.Sum256(body) != r.Hash {
		c.Found("body", "the document does not match its hash")
	}
	doc, err := fhir.Open(body)
	if err != nil {
		c.Found("body", "the document is not a FHIR resource")
		return nil
	}
	if doc.Type() != r.Ref.Type || doc.ID() != r.Ref.ID || doc.Version() != r.Version || doc.LastUpdated().UnixMilli() != r.Updated {
		c.Found("body", "type, id, version or time in the document differ from the row")
	}
	base, ok, err := c.Base()
	if err != nil || !ok {
		return err
	}
	x, facts, err := search.Describe(doc, base)
	if err != nil {
		c.Found("body", "no search keys can be derived from the document")
		return nil
	}
	if !sameFacts(facts, r.PackedFacts) {
		c.Found("facts", "differ from what the document says")
	}
	return c.Derived(x, &facts)
}

// sameFacts compares facts derived from a document with those stored. A Consent of schema
// version 1 may have inherited patients (see RenewFacts).
func sameFacts(said fhir.Facts, packed []byte) bool {
	stored, err := store.Unpack(packed)
	if err != nil {
		return false
	}
	kept, err := fhir.ParseFacts(stored)
	if err != nil {
		return false
	}
	if said.Type == consent && len(said.Patients) == 0 {
		said.Patients = kept.Patients
	}
	said.Blind = kept.Blind // who wrote it knew what was there, the document does not
	raw, err := said.AppendBinary(nil)
	return err == nil && bytes.Equal(raw, stored)
}

// Derive derives the search keys of a packed document.
func Derive(packed []byte, base string) (*search.Index, error) {
	body, err := store.Unpack(packed)
	if err != nil {
		return nil, err
	}
	doc, err := fhir.Open(body)
	if err != nil {
		return nil, err
	}
	return search.IndexOf(doc, base)
}
