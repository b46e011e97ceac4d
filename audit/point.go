package audit

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Checks is the generation of all checks together. It grows when they look at something
// that they did not look at before: then everything is checked again.
const Checks = 1

// Point says how far a node's data were verified. It is signed with a key that signs the
// node's checkpoints: whoever can write to the folder or the database, but has no key,
// cannot make one.
type Point struct {
	Node     string                           `json:"node"`    // organization/node
	Program  string                           `json:"program"` // version of the program that checked last
	Checks   int                              `json:"checks"`  // see Checks
	Time     time.Time                        `json:"time"`    // when the last check began
	Heads    map[string]ledgerbridge.TreeHead `json:"heads"`   // of the logs at that time: they must still begin like this
	Logs     map[string]ledgerbridge.TreeHead `json:"logs"`    // how far each log was audited
	Turns    map[string]int64                 `json:"turns"`   // the row of each log with which the next turn through it begins
	Versions Progress                         `json:"versions"`
	Store    []byte                           `json:"store,omitempty"` // as the store's check left it
}

// pointTitle begins the text of a point. No checkpoint begins like it, so neither is ever
// taken for the other, though one key signs both.
const pointTitle = "aceso verified 1\n"

// Sign gives the point as it is kept: a signed note, see OpenPoint.
func (p Point) Sign(key ed25519.PrivateKey) ([]byte, error) {
	return signNote(pointTitle, p, p.Node, key)
}

func signNote(title string, v any, node string, key ed25519.PrivateKey) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	signer, err := ledgerbridge.NewSigner(node+pointLog, key)
	if err != nil {
		return nil, fmt.Errorf("sign what was verified: %w", err)
	}
	return note.Sign(&note.Note{Text: title + string(data) + "\n"}, signer)
}

// pointLog follows the node's name in the name of the key.
const pointLog = "/verified"

// OpenPoint reads a point that one of the keys has signed for this node. The error says
// why it is not believed.
func OpenPoint(signed []byte, node string, keys []ed25519.PublicKey) (Point, error) {
	var p Point
	if err := readNote(pointTitle, signed, node, keys, &p); err != nil {
		return Point{}, err
	}
	switch {
	case p.Node != node:
		return Point{}, fmt.Errorf("it is that of node %q", p.Node)
	case p.Checks != Checks:
		return Point{}, fmt.Errorf("it was made by version %s, which checked otherwise", p.Program)
	}
	return p, nil
}

// readNote reads what one of the keys has signed under a title.
func readNote(title string, signed []byte, node string, keys []ed25519.PublicKey, v any) error {
	n, err := openNote(signed, node, keys)
	if err != nil {
		return err
	}
	data, ok := strings.CutPrefix(n.Text, title)
	if !ok {
		return errors.New("it is of another kind")
	}
	if err := json.Unmarshal([]byte(data), v); err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	return nil
}

func openNote(signed []byte, node string, keys []ed25519.PublicKey) (*note.Note, error) {
	for _, key := range keys {
		text, err := ledgerbridge.VerifierKey(node+pointLog, key)
		if err != nil {
			return nil, err
		}
		v, err := note.NewVerifier(text)
		if err != nil {
			return nil, err
		}
		if n, err := note.Open(signed, note.VerifierList(v)); err == nil {
			return n, nil
		}
	}
	return nil, errors.New("no key of the node has signed it")
}
