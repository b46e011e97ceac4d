package ledgerbridge

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// bundleVersion is the version of the proof bundle that this program writes and reads.
const bundleVersion = 1

// bundle is a proof bundle as docs/record-format.md describes it. It has one
// encoding only: canonical JSON.
type bundle struct {
	Anchor     *bundleAnchor   `json:"anchor,omitempty"`
	Commitment string          `json:"commitment"`
	Entry      json.RawMessage `json:"entry"`
	Parts      bundleParts     `json:"parts"`
	Proof      string          `json:"proof"`
	Salt       string          `json:"salt"`
	State      string          `json:"state,omitempty"`
	Version    int64           `json:"v"`
}

// maxParts bounds the memory that a bundle of many tiny parts takes. A record has one
// part for each patient of a request.
const maxParts = 100_000

type bundleParts []bundlePart

// UnmarshalJSON refuses a list that is too long while reading it.
func (p *bundleParts) UnmarshalJSON(data []byte) error {
	*p = bundleParts{}
	dec := json.NewDecoder(bytes.NewReader(data))
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

// bundlePart is an opened part, or only the commitment of a closed one.
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
	Evidence    json.RawMessage `json:"evidence,omitempty"` // its canonical form is its verifier's business
	Size        int64           `json:"size"`
	Transaction string          `json:"transaction"`
}

// FormatBundle writes the proof bundle of a record for a reader who may see the parts
// in opened (by position in the row). Of other parts it writes only the commitments.
func FormatBundle(p Proof, opened map[int]Opened) ([]byte, error) {
	b := bundle{
		Version: bundleVersion, Entry: p.Row.Entry, Parts: make(bundleParts, 0, len(p.Row.Parts)),
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
	return marshal(b)
}

// MarshalJSON writes of a closed part only its commitment.
func (p bundlePart) MarshalJSON() ([]byte, error) {
	if p.Clear == nil {
		return marshal(map[string]string{"commitment": p.Commitment})
	}
	type opened bundlePart
	return marshal(opened(p))
}

// marshal is json.Marshal without escapes for HTML. Members are declared in sorted
// order, so what it writes is canonical.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// proof returns what the anchor states, for its verifier.
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

// parseBundle reads what FormatBundle writes and nothing else.
func parseBundle(data []byte) (*bundle, error) {
	b := new(bundle)
	err := DecodeCanonical(data, b, func() ([]byte, error) {
		if b.Version != bundleVersion {
			return nil, fmt.Errorf("version %d, this program knows %d", b.Version, bundleVersion)
		}
		return marshal(b)
	})
	if err != nil {
		return nil, fmt.Errorf("proof bundle: %w", err)
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
