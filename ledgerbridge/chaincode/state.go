package chaincode

import (
	"cmp"
	"fmt"
)

// version is the version of the state's encoding. A contract refuses any other.
const version = 1

// maxSize is the largest size that all JSON readers agree on.
const maxSize = 1<<53 - 1

// Keys of the state. Origins have no colon and sizes a fixed width, so no two keys are
// alike and anchors sort by size.
const (
	sourcePrefix = "source:"
	sourceEnd    = "source;" // the byte after the colon
)

func sourceKey(origin string) string { return sourcePrefix + origin }
func headKey(origin string) string   { return "head:" + origin }
func anchorKey(origin string, size int64) string {
	return fmt.Sprintf("anchor:%s:%016d", origin, size)
}

// Lives of a source. There is no way back from closed or forked.
const (
	open   = "open"
	ended  = "closed"
	forked = "forked"
)

// Source is a registered log. It is the state of key source:ORIGIN.
type Source struct {
	Version int       `json:"v"`
	Origin  string    `json:"origin"`
	State   string    `json:"state"` // open, closed, forked
	Keys    []Key     `json:"keys"`  // in order of registration
	Fork    *Evidence `json:"fork,omitempty"`
}

// Key is a public key that may sign checkpoints for sizes From <= size < Until;
// Until 0 means no end.
type Key struct {
	Verifier string `json:"key"` // note verifier key, named after the origin
	From     int64  `json:"from"`
	Until    int64  `json:"until"`
}

// Evidence shows why a source is marked: two checkpoints of one size.
type Evidence struct {
	Size        int64  `json:"size"`
	First       string `json:"first"`
	Second      string `json:"second"`
	Reporter    string `json:"reporter"` // MSP id
	Transaction string `json:"transaction"`
}

// edge is the state of key head:ORIGIN: enough of the tree to grow it.
type edge struct {
	Version     int    `json:"v"`
	Size        int64  `json:"size"`
	Root        Hash   `json:"root"`
	Frontier    []Hash `json:"frontier"`    // roots of the perfect subtrees, left to right
	Transaction string `json:"transaction"` // that of the last anchor
}

// Anchor is one accepted step of a log. It is the state of key anchor:ORIGIN:SIZE,
// written once and never changed.
type Anchor struct {
	Version     int    `json:"v"`
	Origin      string `json:"origin"`
	OldSize     int64  `json:"oldSize"`
	Size        int64  `json:"size"`
	Root        Hash   `json:"root"`
	Commitments Hash   `json:"commitments"` // SHA-256 of the commitments as they were sent
	Checkpoint  string `json:"checkpoint"`
	Transaction string `json:"transaction"`
}

func (s *Source) versionOf() int { return s.Version }
func (e *edge) versionOf() int   { return e.Version }
func (a *Anchor) versionOf() int { return a.Version }

// versioned is a value in the state.
type versioned interface{ versionOf() int }

// load reads a value; found is false if there is none.
func (c *call) load(key string, v versioned) (found bool, err error) {
	data, err := c.stub.GetState(key)
	if err != nil {
		return false, refuse(State, "read %s: %v", key, err)
	}
	if len(data) == 0 {
		return false, nil
	}
	if err := decode(data, v); err != nil || v.versionOf() != version {
		return false, refuse(State, "%s is not what this version of the contract writes", key)
	}
	return true, nil
}

func (c *call) store(key string, v versioned) error {
	data, err := encode(v)
	if err != nil {
		return err
	}
	if err := c.stub.PutState(key, data); err != nil {
		return refuse(State, "write %s: %v", key, err)
	}
	return nil
}

// loadSource reads a source and its head.
func (c *call) loadSource(origin string) (s Source, e edge, err error) {
	if err := checkOrigin(origin); err != nil {
		return s, e, err
	}
	if found, err := c.load(sourceKey(origin), &s); err != nil || !found {
		return s, e, cmp.Or(err, refuse(NotFound, "%s is not registered", origin))
	}
	if found, err := c.load(headKey(origin), &e); err != nil || !found {
		return s, e, cmp.Or(err, refuse(State, "%s has no head", origin))
	}
	return s, e, nil
}

// loadOpen reads a source of the caller's that still takes anchors and keys.
func (c *call) loadOpen(origin string) (s Source, e edge, err error) {
	if err := c.owns(origin); err != nil {
		return s, e, err
	}
	if s, e, err = c.loadSource(origin); err != nil {
		return s, e, err
	}
	return s, e, s.takes()
}

// takes refuses to change a source that has ended.
func (s *Source) takes() error {
	switch s.State {
	case open:
		return nil
	case forked:
		return refuse(Marked, "%s is marked as forked at size %d", s.Origin, s.Fork.Size)
	}
	return refuse(Closed, "%s was closed", s.Origin)
}
