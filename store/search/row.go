package search

import (
	"errors"
	"fmt"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// Row is one stored version. Facts and search keys are decoded on first use. A row is
// not safe for concurrent use.
type Row struct {
	Ref           fhir.Ref
	Place         int64 // of the resource in the order of creation: above 0, unique, the same for all versions
	Stamp         int64 // of the version in the order of writing
	Version       int64
	Updated       int64 // when it was written, in milliseconds since 1970
	Deleted       bool
	Method, Owner string
	Source        string // change log entry that wrote it: source ...
	Seq           int64  // ... and position
	Hash          fhir.Hash
	Purged        string // change log entry by which it was purged; it is Deleted then
	Keyless       bool   // the search keys were not read

	PackedFacts, PackedBody []byte // see store.Pack
	Columns

	facts         *fhir.Facts
	index, ranges *search.Index
}

// Columns decodes the columns of a row that each store encodes in its own way.
type Columns interface {
	// DecodeIndex decodes the search keys.
	DecodeIndex() (*search.Index, error)
	// DecodeRanges is DecodeIndex, perhaps without Keys.
	DecodeRanges() (*search.Index, error)
	// Damaged is the error of a column that cannot be decoded: "facts" or "body".
	Damaged(column string) error
}

// Facts are the facts that the version was written with or, in a history, those after
// protectPast.
func (r *Row) Facts() (*fhir.Facts, error) {
	if r.facts == nil {
		facts, err := store.UnpackFacts(r.PackedFacts)
		if err != nil {
			return nil, r.Damaged("facts")
		}
		r.facts = &facts
	}
	return r.facts, nil
}

// Quick is implemented by Columns that can judge some conditions without decoding all keys.
type Quick interface {
	// HoldsQuickly is Holds; known is false for conditions that it does not judge.
	HoldsQuickly(c search.Condition) (holds, known bool, err error)
}

// Holds implements store.Content.
func (r *Row) Holds(c search.Condition) (holds, known bool, err error) {
	if r.Keyless || r.Deleted {
		return false, false, nil
	}
	if q, quick := r.Columns.(Quick); quick && r.index == nil {
		if holds, known, err = q.HoldsQuickly(c); known || err != nil {
			return holds, known, err
		}
	}
	index, err := r.Index()
	return err == nil && search.Match(c, search.Holder{Ref: r.Ref, Index: index}, nil), err == nil, err
}

// Document implements store.Content.
func (r *Row) Document() ([]byte, error) {
	if r.Deleted || r.PackedBody == nil {
		return nil, nil
	}
	body, err := store.Unpack(r.PackedBody)
	if err != nil {
		return nil, r.Damaged("body")
	}
	return body, nil
}

// Index gives the search keys.
func (r *Row) Index() (_ *search.Index, err error) {
	if r.index == nil {
		if r.index, err = r.DecodeIndex(); err != nil {
			return nil, err
		}
		r.ranges = r.index
	}
	return r.index, nil
}

// Ranges is Index, perhaps without Keys.
func (r *Row) Ranges() (_ *search.Index, err error) {
	if r.ranges == nil {
		r.ranges, err = r.DecodeRanges()
	}
	return r.ranges, err
}

// The keys of a row that are read with it; more cost a step for each further stepKeys.
const (
	usualKeys = 1000
	stepKeys  = 10
)

// keySteps is what it costs to decode the search keys, if that was done, beyond the row.
func (r *Row) keySteps() int64 {
	if r.index == nil {
		return 0
	}
	return int64(max(0, r.index.Len()-usualKeys) / stepKeys)
}

// size is what the version counts against the bytes of an answer.
func (r *Row) size() int64 {
	patients := 0
	if facts, err := r.Facts(); err == nil {
		patients = len(facts.Whose())
	}
	return store.Weight(store.UnpackedLen(r.PackedBody), patients)
}

// Full is the version with its document.
func (r *Row) Full(epoch int64) (store.Version, error) {
	facts, err := r.Facts()
	if err != nil {
		return store.Version{}, err
	}
	body, err := store.Unpack(r.PackedBody)
	if err != nil {
		return store.Version{}, r.Damaged("body")
	}
	return store.Version{
		Ref: r.Ref, Version: r.Version, LastUpdated: time.UnixMilli(r.Updated).UTC(),
		Deleted: r.Deleted, Method: r.Method, Owner: r.Owner, Body: body, Hash: r.Hash, Purged: r.Purged,
		Facts: *facts, Source: r.Source, Seq: r.Seq, Epoch: epoch,
	}, nil
}

// Stored is a row with all that a copy takes over. index gives its search keys.
func Stored(r *Row, base string, index func() (*search.Index, error)) (one store.Stored, err error) {
	one.Stamp, one.Base = r.Stamp, base
	if one.Version, err = r.Full(0); err == nil && !r.Deleted {
		one.Index, err = index()
	}
	return one, err
}

// Versions are rows with their documents.
func Versions(rows []*Row, epoch int64) ([]store.Version, error) {
	all := make([]store.Version, len(rows))
	for i, r := range rows {
		var err error
		if all[i], err = r.Full(epoch); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Failed adds what failed to an error, unless the error is an answer to the client.
func Failed(what string, err error) error {
	var answer *fhir.Error
	if err == nil || errors.As(err, &answer) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrChanged) {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}
