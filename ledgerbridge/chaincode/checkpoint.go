package chaincode

import (
	"encoding/base64"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// checkpoint is the statement of a signed note: a log has a tree of that size and root.
type checkpoint struct {
	origin string
	size   int64
	root   Hash
}

func (c *checkpoint) text() string {
	return c.origin + "\n" + strconv.FormatInt(c.size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.root[:]) + "\n"
}

// verify reads a note signed by a key of the source that is valid for the note's size.
func (s *Source) verify(signed string) (checkpoint, error) {
	c, err := parseCheckpoint(signed)
	if err != nil {
		return c, err
	}
	if c.origin != s.Origin {
		return c, refuse(Checkpoint, "the checkpoint is one of %s, not of %s", c.origin, s.Origin)
	}
	var valid []note.Verifier
	for _, k := range s.Keys {
		if c.size < k.From || k.Until != 0 && c.size >= k.Until {
			continue
		}
		v, err := verifier(s.Origin, k.Verifier)
		if err != nil {
			return c, err
		}
		valid = append(valid, v)
	}
	n, err := note.Open([]byte(signed), note.VerifierList(valid...))
	if err != nil {
		return c, refuse(Signature, "no key that is valid for size %d has signed the checkpoint", c.size)
	}
	if !onlySignature(signed, n) {
		return c, refuse(Checkpoint, "the checkpoint does not have exactly one signature in canonical form")
	}
	return c, nil
}

// onlySignature reports whether the note is its text, one verified signature and nothing
// else, so that only its signer can vary a checkpoint.
func onlySignature(signed string, n *note.Note) bool {
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return false
	}
	s := n.Sigs[0]
	_, err := base64.StdEncoding.Strict().DecodeString(s.Base64)
	return err == nil && signed == n.Text+"\n— "+s.Name+" "+s.Base64+"\n"
}

// parseCheckpoint reads the three lines of a note.
func parseCheckpoint(signed string) (c checkpoint, err error) {
	body, _, ok := strings.Cut(signed, "\n\n")
	lines := strings.Split(body, "\n")
	if !ok || len(lines) != 3 {
		return c, refuse(Checkpoint, "the checkpoint is not three lines, a blank line and a signature")
	}
	c.origin = lines[0]
	c.size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || c.size < 0 || c.size > maxSize || c.root.UnmarshalText([]byte(lines[2])) != nil {
		return c, refuse(Checkpoint, "the checkpoint's size or root is not one")
	}
	if checkOrigin(c.origin) != nil || c.text() != body+"\n" {
		return c, refuse(Checkpoint, "the checkpoint is not in canonical form")
	}
	return c, nil
}
