package ledgerbridge

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// bundleVersion is the version of the proof bundle that this program writes and reads.
const bundleVersion = 1

// bundle is a proof bundle as docs/record-format.md describes it. It has one
// encoding only: canonical JSON.
type bundle struct {
	Anchor     *bundleAnchor   `json:"anchor"`
	Commitment string          `json:"commitment"`
	Entry      json.RawMessage `json:"entry"`
	Parts      bundleParts     `json:"parts"`
	Proof      string          `json:"proof"`
	Salt       string          `json:"salt"`
	State      string          `json:"state"`
	Version    int64           `json:"v"`
}

// maxParts bounds what a few bytes of a bundle each become in memory: a record has a
// part for each patient of one request.
const maxParts = 100_000

type bundleParts []bundlePart

// UnmarshalJSON reads a list that is not too long.
func (p *bundleParts) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if open, err := dec.Token(); err != nil || open != json.Delim('[') {
		return fmt.Errorf("parts are not a list")
	}
	for dec.More() {
		var part bundlePart
		if len(*p) == maxParts {
			return fmt.Errorf("there are more than %d parts", maxParts)
		}
		if err := dec.Decode(&part); err != nil {
			return err
		}
		*p = append(*p, part)
	}
	return nil
}

// bundlePart is a part that is opened, or only its commitment.
type bundlePart struct {
	Blind      string          `json:"blind"`
	Clear      json.RawMessage `json:"clear"`
	Commitment string          `json:"commitment"`
	Key        string          `json:"key"`
	Patient    string          `json:"patient"`
	Target     string          `json:"target"`
}

// bundleAnchor says where a network's ledger holds the checkpoint.
type bundleAnchor struct {
	Block       int64           `json:"block"`
	BlockHash   string          `json:"block_hash"`
	Chaincode   string          `json:"chaincode"`
	Channel     string          `json:"channel"`
	Evidence    json.RawMessage `json:"evidence"`
	Size        int64           `json:"size"`
	Transaction string          `json:"transaction"`
}

// FormatBundle writes the proof bundle of a record for someone who may read the
// parts in opened (by position in the row); of the others only commitments go in.
func FormatBundle(p Proof, opened map[int]Opened) ([]byte, error) {
	b := bundle{
		Version: bundleVersion, Entry: p.Row.Entry,
		Salt: hex.EncodeToString(p.Row.Salt[:]), Commitment: hex.EncodeToString(p.Row.Commitment[:]),
		Proof: formatTlogProof(p.Row.Seq, p.Inclusion, p.Checkpoint.Note), State: string(p.State),
	}
	if a := p.Anchor; a != nil {
		b.Anchor = &bundleAnchor{
			Block: int64(a.Block), BlockHash: hex.EncodeToString(a.BlockHash[:]), Chaincode: a.Chaincode,
			Channel: a.Channel, Evidence: a.Evidence, Size: a.Size, Transaction: a.Transaction,
		}
	}
	for i, row := range p.Row.Parts {
		part := bundlePart{Commitment: hex.EncodeToString(row.Commitment[:])}
		if o, ok := opened[i]; ok {
			if saltOf(o.blind, o.clear) != row.Salt {
				return nil, fmt.Errorf("proof bundle: part %d was opened from another row", i)
			}
			part.Blind, part.Clear = hex.EncodeToString(o.blind[:]), o.clear
			part.Key, part.Patient, part.Target = row.Key, row.Patient, row.Target
		}
		b.Parts = append(b.Parts, part)
	}
	return b.append(nil), nil
}

func (b *bundle) append(to []byte) []byte {
	to = append(to, '{')
	if b.Anchor != nil {
		to = append(b.Anchor.append(append(to, `"anchor":`...)), ',')
	}
	to = appendString(append(to, `"commitment":`...), b.Commitment)
	to = append(append(to, `,"entry":`...), b.Entry...)
	to = appendList(append(to, `,"parts":`...), b.Parts, appendPart)
	to = appendString(append(to, `,"proof":`...), b.Proof)
	to = appendString(append(to, `,"salt":`...), b.Salt)
	if b.State != "" {
		to = appendString(append(to, `,"state":`...), b.State)
	}
	to = strconv.AppendInt(append(to, `,"v":`...), b.Version, 10)
	return append(to, '}')
}

// append copies the evidence as it is: its canonical form is its verifier's business.
func (a *bundleAnchor) append(to []byte) []byte {
	to = appendObject(to, []field{
		{name: "block", num: &a.Block}, {name: "block_hash", text: &a.BlockHash},
		{name: "chaincode", text: &a.Chaincode}, {name: "channel", text: &a.Channel},
	})
	to[len(to)-1] = ','
	if a.Evidence != nil {
		to = append(append(append(to, `"evidence":`...), a.Evidence...), ',')
	}
	rest := appendObject(nil, []field{{name: "size", num: &a.Size}, {name: "transaction", text: &a.Transaction}})
	return append(to, rest[1:]...)
}

// proof is what the anchor states, for its verifier.
func (a *bundleAnchor) proof() (*AnchorProof, error) {
	hash, err := digest(a.BlockHash)
	if err != nil {
		return nil, fmt.Errorf("block_hash: %w", err)
	}
	if err := checkIntegers([]field{{name: "block", num: &a.Block}, {name: "size", num: &a.Size}}); err != nil {
		return nil, err
	}
	return &AnchorProof{
		Anchor:    Anchor{Size: a.Size, Channel: a.Channel, Transaction: a.Transaction, Block: uint64(a.Block)},
		Chaincode: a.Chaincode, BlockHash: hash, Evidence: a.Evidence,
	}, nil
}

func appendPart(to []byte, p *bundlePart) []byte {
	if p.Clear == nil {
		return appendObject(to, []field{{name: "commitment", text: &p.Commitment}})
	}
	to = appendString(append(to, `{"blind":`...), p.Blind)
	to = append(append(to, `,"clear":`...), p.Clear...)
	rest := appendObject(nil, []field{
		{name: "commitment", text: &p.Commitment}, {name: "key", text: &p.Key},
		{name: "patient", text: &p.Patient}, {name: "target", text: &p.Target},
	})
	rest[0] = ','
	return append(to, rest...)
}

// parseBundle refuses whatever append would not have written: unknown or doubled
// members, other spacing, other escapes.
func parseBundle(data []byte) (*bundle, error) {
	b := new(bundle)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(b); err != nil {
		return nil, fmt.Errorf("proof bundle: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("proof bundle: text after its end")
	}
	if b.Version != bundleVersion {
		return nil, fmt.Errorf("proof bundle: version %d, this program knows %d", b.Version, bundleVersion)
	}
	if !bytes.Equal(b.append(nil), data) {
		return nil, fmt.Errorf("proof bundle: not in canonical form, so it was changed after it was made")
	}
	return b, nil
}

// digest reads 32 bytes in hexadecimal.
func digest(s string) (h [32]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) || hex.EncodeToString(b) != s {
		return h, fmt.Errorf("not 64 lower-case hexadecimal digits")
	}
	return [32]byte(b), nil
}
