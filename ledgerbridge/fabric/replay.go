package fabric

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// replay recomputes every log's tree from the commitments in a channel's transactions.
// It trusts neither the contract's state nor the endorsing chaincodes.
type replay struct {
	trust *Trust
	held  Held
	logs  map[string]*replayed
}

// replayed is one log.
type replayed struct {
	source  chaincode.Source // as the last transaction left it
	keys    ledgerbridge.Keys
	tree    *compact.Range
	size    int64
	count   int                // anchors
	anchors []chaincode.Anchor // the last ones, at least keepAnchors
	held    int                // checkpoints that were compared

	since  []chaincode.Source // states that source had since mark, the one before it first
	marked int64              // size at mark
	known  bool               // it was there at mark
}

// keepAnchors is how many anchors of a log are kept for comparison with the
// contract's state.
const keepAnchors = 100

// mark notes that a peer's contract is asked now: it answers with the state so far, or a
// later one.
func (r *replay) mark() {
	for _, l := range r.logs {
		l.since, l.marked, l.known = []chaincode.Source{l.source}, l.size, true
	}
}

// Held are the roots of checkpoints that a verifier got outside the channel, by source
// and size.
type Held map[string]map[int64][32]byte

// Add adds a checkpoint (signed note) without checking its signature.
func (h Held) Add(signed []byte) error {
	c, err := ledgerbridge.ParseCheckpoint(signed)
	if err != nil {
		return err
	}
	if h[c.Source] == nil {
		h[c.Source] = map[int64][32]byte{}
	}
	if other, ok := h[c.Source][c.Size]; ok && other != c.Root {
		return &ledgerbridge.Damage{Source: c.Source, Seq: -1, Column: "checkpoint", What: fmt.Sprintf("two held ones for size %d have different roots", c.Size)}
	}
	h[c.Source][c.Size] = c.Root
	return nil
}

// foundError says what is wrong about a source.
type foundError struct{ source, what string }

func (e *foundError) Error() string { return e.what }

var ranges = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// transaction applies a valid transaction of the contract.
func (r *replay) transaction(t *transaction, e *common.Envelope) error {
	if len(t.args) == 0 {
		return nil
	}
	switch string(t.args[0]) {
	case "RegisterSource", "AddKey", "RevokeKey", "CloseSource", "ReportFork":
		var s chaincode.Source
		if err := json.Unmarshal(t.answer, &s); err != nil {
			return fmt.Errorf("transaction %s: %w", t.id, err)
		}
		return r.about(s.Origin, t, e, func() error { return r.change(s) })
	case "Anchor":
		var a chaincode.Anchored
		if err := json.Unmarshal(t.answer, &a); err != nil {
			return fmt.Errorf("transaction %s: %w", t.id, err)
		}
		if a.Repeated {
			return nil
		}
		return r.about(a.Anchor.Origin, t, e, func() error { return r.anchor(a.Anchor, t) })
	}
	return nil // a submitted query
}

// about checks who made and endorsed a transaction before it is applied; errors name
// the source.
func (r *replay) about(origin string, t *transaction, e *common.Envelope, apply func() error) error {
	err := r.authorized(origin, t, e)
	if err == nil {
		err = apply()
	}
	if err != nil {
		return &foundError{origin, fmt.Sprintf("transaction %s: %v", t.id, err)}
	}
	return nil
}

// authorized checks that the organisation of the source made a transaction (any member
// may report a fork), and that peers of two organisations endorsed it if there are two.
func (r *replay) authorized(origin string, t *transaction, e *common.Envelope) error {
	made, err := t.creatorOf(&r.trust.Organizations, e.GetPayload(), e.GetSignature())
	if err != nil {
		return err
	}
	if owner, _, _ := strings.Cut(origin, "/"); made != owner && !t.is("ReportFork", 1) {
		return fmt.Errorf("it was made by %s", made)
	}
	endorsed, unknown, err := t.endorsers(&r.trust.Organizations)
	if err != nil {
		return err
	}
	if needed := min(2, len(r.trust.Organizations.roots)); len(endorsed) < needed {
		return fmt.Errorf("only %s endorsed it", strings.Join(append(endorsed, unknown...), " and "))
	}
	return nil
}

// change applies a transaction to the keys and state of a source.
func (r *replay) change(s chaincode.Source) error {
	l := r.logs[s.Origin]
	if l == nil {
		l = &replayed{tree: ranges.NewEmptyRange(0)}
		r.logs[s.Origin] = l
	}
	keys, err := ledgerbridge.ParseKeys(keyTexts(s.Keys, 0))
	if err != nil {
		return err
	}
	l.source, l.keys = s, keys
	l.since = append(l.since, s)
	return nil
}

// anchor grows a log's tree by the commitments that were sent.
func (r *replay) anchor(a chaincode.Anchor, t *transaction) error {
	l := r.logs[a.Origin]
	if l == nil {
		return errors.New("the source was never registered")
	}
	if !t.is("Anchor", 2) || a.Transaction != t.id || a.OldSize != l.size || sha256.Sum256(t.args[2]) != a.Commitments {
		return errors.New("the anchor is not what was sent")
	}
	commitments := t.args[2]
	if int64(len(commitments)) != (a.Size-a.OldSize)*sha256.Size {
		return errors.New("the anchor has not as many commitments as its sizes say")
	}
	var differs error
	for ; len(commitments) > 0; commitments = commitments[sha256.Size:] {
		if err := l.tree.Append(rfc6962.DefaultHasher.HashLeaf(commitments[:sha256.Size]), nil); err != nil {
			return err
		}
		l.size++
		differs = errors.Join(differs, r.compare(l))
	}
	root, err := l.root()
	if err != nil {
		return err
	}
	c, err := ledgerbridge.VerifyCheckpoint([]byte(a.Checkpoint), l.keys)
	if err != nil {
		return err
	}
	if root != a.Root || c.Root != a.Root || c.Size != a.Size || c.Source != a.Origin {
		return errors.New("the commitments, the anchor and its checkpoint do not have the same root")
	}
	l.keep(a)
	return differs
}

func (l *replayed) keep(a chaincode.Anchor) {
	if l.count++; len(l.anchors) >= 2*keepAnchors {
		l.anchors = append(l.anchors[:0], l.anchors[keepAnchors:]...)
	}
	l.anchors = append(l.anchors, a)
}

func (l *replayed) root() (root [32]byte, err error) {
	h, err := l.tree.GetRootHash(nil)
	copy(root[:], h)
	return root, err
}

// compare compares the root with the held checkpoint of this size, if there is one.
func (r *replay) compare(l *replayed) error {
	held, ok := r.held[l.source.Origin][l.size]
	if !ok {
		return nil
	}
	root, err := l.root()
	if err != nil {
		return err
	}
	l.held++
	if root != held {
		return fmt.Errorf("at size %d the channel has another root than the held checkpoint: if both are signed, "+
			"the log was forked, and the contract's ReportFork takes them as evidence", l.size)
	}
	return nil
}

// agree compares the contract's state on a peer with the replayed transactions.
func (r *replay) agree(h chaincode.Head) error {
	l := r.logs[h.Source.Origin]
	switch {
	case l == nil:
		return &foundError{h.Source.Origin, "the contract's state has a source that no transaction registered"}
	case !slices.ContainsFunc(l.since, func(s chaincode.Source) bool { return reflect.DeepEqual(s, h.Source) }):
		return &foundError{h.Source.Origin, "the contract's state has other keys, or another life, than the source's transactions gave it"}
	case h.Size < l.marked:
		return &foundError{h.Source.Origin, fmt.Sprintf("the contract's state has size %d, its transactions lead to %d", h.Size, l.marked)}
	case h.Size == 0:
		return nil
	}
	return l.agree(chaincode.Anchor{Size: h.Size, Root: h.Root, Checkpoint: h.Checkpoint, Transaction: h.Transaction})
}

// agree compares an anchor of the contract's state, as far as it is given.
func (l *replayed) agree(stated chaincode.Anchor) error {
	a := l.at(stated.Size)
	if a == nil {
		return &foundError{l.source.Origin, fmt.Sprintf("the contract's state has size %d, to which no anchor led", stated.Size)}
	}
	if a.Root != stated.Root || a.Checkpoint != stated.Checkpoint || a.Transaction != stated.Transaction {
		return &foundError{l.source.Origin, fmt.Sprintf("the contract's state at size %d is not what its transactions led to", stated.Size)}
	}
	return nil
}

// at returns the anchor that led to a size.
func (l *replayed) at(size int64) *chaincode.Anchor {
	for i := len(l.anchors) - 1; i >= 0 && l.anchors[i].Size >= size; i-- {
		if l.anchors[i].Size == size {
			return &l.anchors[i]
		}
	}
	return nil
}
