package ledgerbridge

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Key is a public key that may sign checkpoints of the source it is named after,
// for trees of From to To leaves (both included; To 0 means no end). A source has
// several keys when one was rotated, or when another node took the log over.
type Key struct {
	Verifier note.Verifier
	From, To int64
}

// Keys is a set of trusted keys. It always comes from the verifier, never from what is
// being verified.
type Keys []Key

// ParseKeys reads verifier keys of the form NAME+HASH+KEY, or NAME+HASH+KEY@FROM-TO
// for a key that counts only for some sizes (an empty TO means no end).
func ParseKeys(texts []string) (Keys, error) {
	var keys Keys
	for _, text := range texts {
		vkey, sizes, limited := strings.Cut(text, "@")
		v, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("trusted key %q: %w", text, err)
		}
		if err := checkSource(v.Name()); err != nil {
			return nil, fmt.Errorf("trusted key %q: %w", text, err)
		}
		k := Key{Verifier: v}
		if limited {
			if k.From, k.To, err = parseSizes(sizes); err != nil {
				return nil, fmt.Errorf("trusted key %q: %w", text, err)
			}
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func parseSizes(s string) (from, to int64, err error) {
	a, b, _ := strings.Cut(s, "-")
	from, err = strconv.ParseInt(a, 10, 64)
	if err == nil && b != "" {
		to, err = strconv.ParseInt(b, 10, 64)
	}
	if err != nil || from < 0 || to < 0 || b != "" && to < max(from, 1) {
		return 0, 0, fmt.Errorf("sizes %q are not of the form FROM-TO", s)
	}
	return from, to, nil
}

// VerifierKey writes a public key for one source as verifiers are given it.
func VerifierKey(source string, key ed25519.PublicKey) (string, error) {
	if err := checkSource(source); err != nil {
		return "", err
	}
	return note.NewEd25519VerifierKey(source, key)
}

// NewSigner makes the signer of a source's checkpoints. Its name is the source, so
// a signature for one log says nothing for another.
func NewSigner(source string, key ed25519.PrivateKey) (note.Signer, error) {
	vkey, err := VerifierKey(source, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("signer of %q: %w", source, err)
	}
	hash := strings.Split(vkey, "+")[1]
	const ed25519Algorithm = 1
	secret := base64.StdEncoding.EncodeToString(append([]byte{ed25519Algorithm}, key.Seed()...))
	return note.NewSigner("PRIVATE+KEY+" + source + "+" + hash + "+" + secret)
}

// Checkpoint is a signed statement that a source has a tree of that size and root.
type Checkpoint struct {
	Source string
	Size   int64
	Root   [32]byte
	Note   []byte // C2SP signed note: the text of a checkpoint and one signature
}

func (c *Checkpoint) text() string {
	return c.Source + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

func (c *Checkpoint) sign(signer note.Signer) error {
	signed, err := note.Sign(&note.Note{Text: c.text()}, signer)
	c.Note = signed
	return err
}

// ParseCheckpoint reads the note without checking its signature.
func ParseCheckpoint(signed []byte) (Checkpoint, error) {
	body, signature, ok := strings.Cut(string(signed), "\n\n")
	lines := strings.SplitN(body, "\n", 4)
	if !ok || len(lines) != 3 || !strings.HasSuffix(signature, "\n") || strings.Count(signature, "\n") != 1 {
		return Checkpoint{}, fmt.Errorf("checkpoint: not three lines, a blank line and one signature")
	}
	c := Checkpoint{Source: lines[0], Note: bytes.Clone(signed)}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	root, err2 := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || err2 != nil || len(root) != len(c.Root) || size < 0 || size > maxInteger {
		return Checkpoint{}, fmt.Errorf("checkpoint: its size or root is malformed")
	}
	c.Size = size
	copy(c.Root[:], root)
	if c.text() != body+"\n" || checkSource(c.Source) != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: not in canonical form")
	}
	return c, nil
}

// VerifyCheckpoint reads a checkpoint that one of keys has signed: a key named after
// the checkpoint's source and valid for its size.
func VerifyCheckpoint(signed []byte, keys Keys) (Checkpoint, error) {
	c, err := ParseCheckpoint(signed)
	if err != nil {
		return Checkpoint{}, err
	}
	n, err := keys.open(&c)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s at size %d: no valid signature by a trusted key: %w", c.Source, c.Size, err)
	}
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return Checkpoint{}, fmt.Errorf("checkpoint: more than one signature")
	}
	// The last characters of base64 may hide bits that nothing checks.
	if _, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64); err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: the signature is not canonical base64")
	}
	return c, nil
}

// open reads the note of a checkpoint with the first key that fits. It tries keys one
// by one: note.Open takes neither of two with the same id, and a key is often given
// twice, by hand and in a folder, or for sizes that overlap.
func (k Keys) open(c *Checkpoint) (n *note.Note, err error) {
	n, err = note.Open(c.Note, note.VerifierList())
	for _, key := range k {
		if key.Verifier.Name() != c.Source || c.Size < key.From || key.To != 0 && c.Size > key.To {
			continue
		}
		if n, err = note.Open(c.Note, note.VerifierList(key.Verifier)); err == nil {
			return n, nil
		}
	}
	return n, err
}
