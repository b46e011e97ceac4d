package ledgerbridge_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// independent verifies a bundle with nothing of this package but x/mod's note and
// tlog: a second opinion, written from docs/record-format.md.
func independent(data []byte, vkey string) error {
	var b struct {
		Commitment string
		Entry      json.RawMessage
		Parts      []struct {
			Blind, Commitment, Key, Patient, Target string
			Clear                                   json.RawMessage
		}
		Proof, Salt string
	}
	var e struct {
		Source, Disclosed string
		Seq               int64
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return err
	}
	if err := json.Unmarshal(b.Entry, &e); err != nil {
		return err
	}
	commitment := mac(unhex(b.Salt), "aceso.entry.v1\x00"+string(b.Entry))
	if hex.EncodeToString(commitment) != b.Commitment {
		return fmt.Errorf("commitment")
	}
	if err := independentParts(len(b.Parts), e.Disclosed, func(i int) (string, []byte) {
		p := b.Parts[i]
		if p.Clear == nil {
			return p.Commitment, unhex(p.Commitment)
		}
		salt := mac(unhex(p.Blind), "aceso.part.body.v1\x00"+string(p.Clear))
		return p.Commitment, mac(salt, "aceso.part.v1\x00"+sized(p.Patient)+sized(p.Target)+sized(p.Key))
	}); err != nil {
		return err
	}
	head, checkpoint, _ := strings.Cut(b.Proof, "\n\n")
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	n, err := note.Open([]byte(checkpoint), note.VerifierList(v))
	if err != nil {
		return err
	}
	lines := strings.Split(n.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || lines[0] != e.Source || lines[0] != v.Name() {
		return fmt.Errorf("checkpoint of %s, %v", lines[0], err)
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil {
		return err
	}
	var path tlog.RecordProof
	proof := strings.Split(head, "\n")
	for _, line := range proof[2:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		path = append(path, h)
	}
	if proof[0] != "c2sp.org/tlog-proof@v1" || proof[1] != fmt.Sprintf("index %d", e.Seq) {
		return fmt.Errorf("proof for another position")
	}
	return tlog.CheckRecord(path, size, tlog.Hash(root), e.Seq, tlog.RecordHash(commitment))
}

func independentParts(count int, disclosed string, part func(int) (string, []byte)) error {
	o := new(oracle)
	for i := range count {
		stated, computed := part(i)
		if stated != hex.EncodeToString(computed) {
			return fmt.Errorf("commitment of part %d", i)
		}
		more, err := tlog.StoredHashes(int64(i), computed, o)
		if err != nil {
			return err
		}
		o.hashes = append(o.hashes, more...)
	}
	root, err := tlog.TreeHash(int64(count), o)
	if err != nil || hex.EncodeToString(root[:]) != disclosed {
		return fmt.Errorf("disclosed: %v", err)
	}
	return nil
}

// independentQuestion opens what was asked of several patients with the shares in their
// parts, and compares it with the entry.
func independentQuestion(g golden, query, target string) error {
	key := make([]byte, 32)
	open := func(p goldenPart, key []byte) (blind, clear []byte, err error) {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, nil, err
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			return nil, nil, err
		}
		sealed := unhex(p.Sealed)
		plain, err := gcm.Open(nil, sealed[:12], sealed[12:], []byte("aceso.part.v1\x00"+sized("clinic")+sized(p.Patient)+sized(p.Target)+sized(p.Key)))
		if err != nil {
			return nil, nil, err
		}
		return plain[:32], plain[32:], nil
	}
	last := slices.IndexFunc(g.Parts, func(p goldenPart) bool { return p.Patient == "asked" })
	for _, p := range g.Parts[1:last] {
		_, text, err := open(p, unhex(g.PartKeys[p.Key]))
		if err != nil {
			return err
		}
		var part struct{ Share string }
		if err := json.Unmarshal(text, &part); err != nil {
			return err
		}
		for i, b := range unhex(part.Share) {
			key[i] ^= b
		}
	}
	blind, text, err := open(g.Parts[last], key)
	if err != nil || g.Parts[last].Patient != "asked" {
		return fmt.Errorf("the question: %v", err)
	}
	var asked struct{ Query, Target string }
	if err := json.Unmarshal(text, &asked); err != nil {
		return err
	}
	pseudonym := func(kind, value string) string {
		return hex.EncodeToString(mac(blind, "aceso.pseudonym.v1\x00"+sized("clinic")+sized(kind)+value)[:16])
	}
	if asked.Query == "" || pseudonym("query", asked.Query) != query || asked.Target == "" || pseudonym("target", asked.Target) != target {
		return fmt.Errorf("the entry was made for another question than %+v", asked)
	}
	return nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func unhex(s string) []byte {
	b, _ := hex.DecodeString(s)
	return b
}

func sized(s string) string {
	return string([]byte{byte(len(s) >> 24), byte(len(s) >> 16), byte(len(s) >> 8), byte(len(s))}) + s
}
