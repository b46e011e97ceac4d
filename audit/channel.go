package audit

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"time"
)

// Channel says how far a network's ledger was inspected. It is kept like a Point.
type Channel struct {
	Node    string          `json:"node"`    // organization/node
	Program string          `json:"program"` // version of the program that inspected last
	Checks  int             `json:"checks"`  // see Checks
	Time    time.Time       `json:"time"`    // when it was done
	Known   json.RawMessage `json:"known"`   // as the inspection left it
}

// channelTitle begins the text.
const channelTitle = "aceso inspected 1\n"

// Sign gives it as it is kept: a signed note, see OpenChannel.
func (c Channel) Sign(key ed25519.PrivateKey) ([]byte, error) {
	return signNote(channelTitle, c, c.Node, key)
}

// OpenChannel reads what one of the keys has signed for this node. The error says why it
// is not believed.
func OpenChannel(signed []byte, node string, keys []ed25519.PublicKey) (Channel, error) {
	var c Channel
	if err := readNote(channelTitle, signed, node, keys, &c); err != nil {
		return Channel{}, err
	}
	if c.Node != node || c.Checks != Checks {
		return Channel{}, fmt.Errorf("it is that of node %q and of version %s, which checked otherwise", c.Node, c.Program)
	}
	return c, nil
}
