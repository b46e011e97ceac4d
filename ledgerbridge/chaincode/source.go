package chaincode

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// maxKeys bounds the keys of one source, revoked ones included. When they are used up,
// the source is closed and the next one registered.
const maxKeys = 64

// RegisterRequest is the argument of RegisterSource.
type RegisterRequest struct {
	Origin string `json:"origin"`
	Key    string `json:"key"` // note verifier key, valid for all sizes
}

// KeyRequest is the argument of AddKey (valid from that size on) and of RevokeKey
// (not valid from that size on).
type KeyRequest struct {
	Origin string `json:"origin"`
	Key    string `json:"key"`
	From   int64  `json:"from"`
}

// OriginRequest is the argument of CloseSource and Head.
type OriginRequest struct {
	Origin string `json:"origin"`
}

// owns refuses callers of other organisations. An organisation IS its MSP: the first
// part of the origin and the MSP id are the same bytes. The keeper of any other mapping
// could give a log away.
func (c *call) owns(origin string) error {
	if err := checkOrigin(origin); err != nil {
		return err
	}
	if organisation, _, _ := strings.Cut(origin, "/"); organisation != c.caller {
		return refuse(Denied, "%s belongs to organisation %s, the caller is of %.64q", origin, organisation, c.caller)
	}
	return nil
}

func checkOrigin(origin string) error {
	parts := strings.Split(origin, "/")
	if len(parts) != 3 || slices.ContainsFunc(parts, notName) {
		return refuse(Argument, "the origin is not organisation/node/log, each of at most 64 letters, digits, dots and hyphens")
	}
	return nil
}

func notName(s string) bool {
	return s == "" || len(s) > 64 || strings.ContainsFunc(s, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-')
	})
}

// registerSource opens a source. A repetition with the same key changes nothing.
func (c *call) registerSource(q RegisterRequest) (any, error) {
	if err := c.owns(q.Origin); err != nil {
		return nil, err
	}
	if _, err := verifier(q.Origin, q.Key); err != nil {
		return nil, err
	}
	var s Source
	found, err := c.load(sourceKey(q.Origin), &s)
	switch {
	case err != nil:
		return nil, err
	case found && s.Keys[0].Verifier == q.Key:
		return s, nil
	case found:
		return nil, refuse(Exists, "%s is registered with another key", q.Origin)
	}
	s = Source{Version: version, Origin: q.Origin, State: open, Keys: []Key{{Verifier: q.Key}}}
	if err := c.store(sourceKey(q.Origin), &s); err != nil {
		return nil, err
	}
	return s, c.store(headKey(q.Origin), emptyEdge())
}

// addKey lets another key sign, for sizes that are not anchored yet: anchored ones were
// signed by keys that were valid then.
func (c *call) addKey(q KeyRequest) (any, error) {
	s, e, err := c.loadOpen(q.Origin)
	if err != nil {
		return nil, err
	}
	v, err := verifier(q.Origin, q.Key)
	if err != nil {
		return nil, err
	}
	added := Key{Verifier: q.Key, From: q.From}
	if slices.Contains(s.Keys, added) {
		return s, nil
	}
	if err := e.checkFrom(q.From); err != nil {
		return nil, err
	}
	if len(s.Keys) >= maxKeys {
		return nil, refuse(Size, "%s has had %d keys; close it and register the next one", q.Origin, maxKeys)
	}
	for _, k := range s.Keys {
		if old, err := verifier(q.Origin, k.Verifier); err != nil || old.KeyHash() == v.KeyHash() {
			return nil, cmp.Or(err, refuse(Exists, "%s has this key, or one with its id, already", q.Origin))
		}
	}
	s.Keys = append(s.Keys, added)
	return s, c.store(sourceKey(q.Origin), &s)
}

// revokeKey ends a key. The end never lies in the anchored past, or a forked log could
// disown the signatures that prove the fork; and it only moves down.
func (c *call) revokeKey(q KeyRequest) (any, error) {
	s, e, err := c.loadOpen(q.Origin)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(s.Keys, func(k Key) bool { return k.Verifier == q.Key })
	if i < 0 {
		return nil, refuse(NotFound, "%s has no such key", q.Origin)
	}
	k := &s.Keys[i]
	if k.Until == q.From && q.From > 0 {
		return s, nil
	}
	if err := e.checkFrom(q.From); err != nil {
		return nil, err
	}
	if k.Until != 0 && k.Until < q.From {
		return nil, refuse(Exists, "this key was revoked from size %d on", k.Until)
	}
	k.Until = q.From
	return s, c.store(sourceKey(q.Origin), &s)
}

// checkFrom refuses sizes that are anchored.
func (e *edge) checkFrom(from int64) error {
	if from <= e.Size || from > maxSize {
		return refuse(Size, "the ledger is at size %d: keys change from %d on at the earliest", e.Size, e.Size+1)
	}
	return nil
}

// closeSource ends a source for ever. Its anchors stay.
func (c *call) closeSource(q OriginRequest) (any, error) {
	if err := c.owns(q.Origin); err != nil {
		return nil, err
	}
	s, _, err := c.loadSource(q.Origin)
	if err != nil || s.State == ended {
		return s, err
	}
	if err := s.takes(); err != nil {
		return nil, err
	}
	s.State = ended
	return s, c.store(sourceKey(q.Origin), &s)
}

// verifier reads a key named after the source, in its one spelling.
func verifier(origin, key string) (note.Verifier, error) {
	wrong := refuse(Argument, "the key is not an Ed25519 note verifier key named %s", origin)
	v, err := note.NewVerifier(key)
	if err != nil {
		return nil, wrong
	}
	public, err := base64.StdEncoding.DecodeString(strings.SplitN(key, "+", 3)[2])
	if err != nil || key != fmt.Sprintf("%s+%08x+%s", origin, v.KeyHash(), base64.StdEncoding.EncodeToString(public)) {
		return nil, wrong
	}
	return v, nil
}
