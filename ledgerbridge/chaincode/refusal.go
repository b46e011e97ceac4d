package chaincode

import (
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// Prefix begins the message of a refusal, followed by ": " and a sentence for
// people. The prefixes are part of the contract's interface; the sentences are not.
type Prefix string

// What a refusal means to the sender of the transaction.
const (
	Argument   Prefix = "ACESO_ARGUMENT"   // not understood: wrong number of arguments, not canonical JSON, not an origin
	Size       Prefix = "ACESO_SIZE"       // a size or a number of commitments is out of bounds, or the sizes do not fit together
	Checkpoint Prefix = "ACESO_CHECKPOINT" // not a checkpoint in canonical form, or one for something else
	Signature  Prefix = "ACESO_SIGNATURE"  // not signed by a key that is valid for this size
	Denied     Prefix = "ACESO_DENIED"     // the source belongs to another organisation
	NotFound   Prefix = "ACESO_NOTFOUND"   // no such source, key or anchor
	Exists     Prefix = "ACESO_EXISTS"     // registered already, and not in the same way
	Gap        Prefix = "ACESO_GAP"        // the ledger (or this peer) is behind the sender: try again, or send what is missing
	Behind     Prefix = "ACESO_BEHIND"     // the ledger is ahead of the sender: compare with Head before sending anything
	Fork       Prefix = "ACESO_FORK"       // the sender contradicts the ledger: stop and raise an alarm
	Marked     Prefix = "ACESO_MARKED"     // the source is marked as forked and takes nothing more
	Closed     Prefix = "ACESO_CLOSED"     // the source was closed and takes nothing more
	State      Prefix = "ACESO_STATE"      // the peer could not read or write its state
)

// Known reports whether p is one of these. A peer's answer may come from another
// contract.
func (p Prefix) Known() bool { return p.status() != 0 }

// status is that of the response. All are at least 400, so no peer endorses them and
// nothing is written.
func (p Prefix) status() int32 {
	switch p {
	case Argument, Size, Checkpoint:
		return 400
	case Signature, Denied:
		return 403
	case NotFound:
		return 404
	case Exists, Gap, Behind, Fork, Marked, Closed:
		return 409
	case State:
		return 500
	}
	return 0
}

// refusal is the error of every function.
type refusal struct {
	prefix   Prefix
	sentence string
}

func (r *refusal) Error() string { return string(r.prefix) + ": " + r.sentence }

func refuse(p Prefix, format string, args ...any) error {
	return &refusal{prefix: p, sentence: fmt.Sprintf(format, args...)}
}

func refused(err error) *peer.Response {
	r := &refusal{prefix: State, sentence: err.Error()}
	errors.As(err, &r)
	return &peer.Response{Status: r.prefix.status(), Message: r.Error()}
}
