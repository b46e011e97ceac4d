package search

import (
	"encoding/json"
	"iter"

	"github.com/aceso-health/aceso/fhir/search"
)

// SetReader gives places of a type in whole, in any order and perhaps several times, however
// many they are.
type SetReader interface {
	// Live gives all current, undeleted resources.
	Live(typ string, to Sink) error
	// Gather gives those for which a condition holds that Collect can look up.
	Gather(typ string, c search.Condition, to Sink) error
	// Joined gives those that have a key which prefix makes with one of rests, which are
	// sorted. size is about how many resources of the type there are.
	Joined(typ, prefix string, rests []string, size int64, to Sink) error
	// Targets visits what follows prefix in the keys of the resources at the places for which
	// in is true.
	Targets(typ, prefix string, in func(place int64) bool, visit func(rest string), pass func(entries int) error) error
	// IDs visits the ids of the resources at some places, or, if there are none, of all that
	// are current and undeleted.
	IDs(typ string, places []int64, visit func(place int64, id string), pass func(entries int) error) error
	// Places gives the resources with some ids, deleted ones included.
	Places(typ string, ids []string, to Sink) error
	// Brief is Rows, but reads neither documents nor search keys.
	Brief(typ string, places []int64) iter.Seq2[*Row, error]
	// Deleted gives all that are deleted.
	Deleted(typ string, to Sink) error
	// Versions visits all versions of the resources at some places, in any order.
	Versions(typ string, places []int64, visit func(Stamped)) error
	// Since reads the current version of each resource that was written since a marked
	// snapshot, also if that is a deleted one. If there are more than limit, it reads none,
	// and if the snapshot is a later one than the reader's, it says so.
	Since(typ string, mark json.RawMessage, limit int) (rows []*Row, is Age, err error)
}

// Sink takes places. Readers call Pass with the number of index entries that they pass over,
// before very many; its error ends what they do.
type Sink struct {
	Add  func(place int64)
	Pass func(entries int) error
}

// Age is what a marked snapshot is to that of a reader.
type Age int

// The ages.
const (
	Known   Age = iota // what was written since is known
	Distant            // too much was written since
	Later              // it is a later one
)
