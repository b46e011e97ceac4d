// Package certificate makes and verifies certificates: texts signed with the key of a log,
// with proofs that the log holds the records that they name.
//
// It does not know what they say, and keeps none.
package certificate

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Beginnings of the lines that a certificate ends with.
const (
	certifiedUnder = "checkpoint "
	certifiedProof = "proof "
)

// mostProved bounds how many records a certificate proves. Each takes about a kilobyte.
const mostProved = 64

// mostCertificate bounds what is read as one.
const mostCertificate = 1 << 20

// Make signs a text of whole lines with the key of a log. With it go proofs, under a
// checkpoint, that the log holds the records of the first receipts: those of other logs are
// left out. Who has the keys of the log verifies it without a network.
func Make(ctx context.Context, j *ledgerbridge.Journal, signer note.Signer, text string, receipts []string) (string, error) {
	var proofs []string
	c, err := j.Checkpoint(ctx)
	if err != nil {
		return "", err
	}
	for _, r := range receipts {
		receipt, err := ledgerbridge.ParseReceipt(r)
		if err != nil {
			return "", err
		}
		if receipt.Source != j.Source() || len(proofs) == mostProved {
			continue
		}
		path, err := j.Inclusion(ctx, receipt.Seq, c.Size)
		if err != nil {
			return "", err
		}
		var hashes []byte
		for _, h := range path {
			hashes = append(hashes, h[:]...)
		}
		proofs = append(proofs, certifiedProof+r+" "+base64.StdEncoding.EncodeToString(hashes)+"\n")
	}
	if len(proofs) > 0 {
		text += certifiedUnder + base64.StdEncoding.EncodeToString(c.Note) + "\n" + strings.Join(proofs, "")
	}
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	return string(signed), err
}

// Verified is a certificate that was verified.
type Verified struct {
	Text   string // without proofs
	Source string // the log whose key signed it
	Proved int    // records that it names and the log holds
	Size   int64  // of the log then, 0 without proofs
}

// Verify verifies a signature by one of keys, and all proofs.
func Verify(data []byte, keys ledgerbridge.Keys) (c Verified, err error) {
	if len(data) > mostCertificate {
		return c, fmt.Errorf("certificate: more than %d bytes", mostCertificate)
	}
	err = errors.New("no trusted keys")
	var n *note.Note
	var by ledgerbridge.Key
	for _, by = range keys {
		if n, err = note.Open(data, note.VerifierList(by.Verifier)); err == nil {
			break
		}
	}
	if err != nil {
		return c, fmt.Errorf("certificate: no valid signature by a trusted key: %w", err)
	}
	if !bytes.Equal(data, canonicalNote(n)) {
		return c, errors.New("certificate: it has more than one signature, or is not in canonical form")
	}
	text, rest, proofs := strings.Cut(n.Text, "\n"+certifiedUnder)
	c.Source, c.Text = by.Verifier.Name(), strings.TrimSuffix(text, "\n")
	if proofs {
		if err := c.prove(strings.Split(strings.TrimSuffix(rest, "\n"), "\n"), keys); err != nil {
			return c, err
		}
	}
	if by.To != 0 && (c.Size == 0 || c.Size > by.To) {
		return c, fmt.Errorf("certificate: its key counts up to %d entries, and it was not made until then", by.To)
	}
	return c, nil
}

// canonicalNote is a note of one signature as it is written.
func canonicalNote(n *note.Note) []byte {
	s := n.Sigs[0]
	raw, err := base64.StdEncoding.Strict().DecodeString(s.Base64)
	if err != nil {
		return nil
	}
	return fmt.Appendf(nil, "%s\n— %s %s\n", n.Text, s.Name, base64.StdEncoding.EncodeToString(raw))
}

// prove checks the proofs: a checkpoint, then records.
func (c *Verified) prove(lines []string, keys ledgerbridge.Keys) error {
	signed, err := base64.StdEncoding.Strict().DecodeString(lines[0])
	if err != nil {
		return fmt.Errorf("certificate: its checkpoint is no base64: %w", err)
	}
	checkpoint, err := ledgerbridge.VerifyCheckpoint(signed, keys)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	for _, line := range lines[1:] {
		text, path, ok := strings.Cut(strings.TrimPrefix(line, certifiedProof), " ")
		raw, err := base64.StdEncoding.Strict().DecodeString(path)
		if !ok || err != nil || len(raw)%32 != 0 || !strings.Contains(c.Text, text) {
			return errors.New("certificate: a proof is malformed, or of a record that the certificate does not name")
		}
		receipt, err := ledgerbridge.ParseReceipt(text)
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		var hashes [][32]byte
		for ; len(raw) > 0; raw = raw[32:] {
			hashes = append(hashes, [32]byte(raw))
		}
		if err := ledgerbridge.VerifyInclusion(receipt, checkpoint, hashes); err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		c.Proved++
	}
	c.Size = checkpoint.Size
	return nil
}
