package ledgerbridge

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/aceso-health/aceso/canonical"
)

// Secret is a 32-byte key and its id.
type Secret struct {
	ID  string
	Key []byte
}

// Config configures a Sealer. Keys come as values: this package knows no keyring.
type Config struct {
	Organization string   // of the node; pseudonyms of two organisations differ
	Node         string   // name of the node
	Pseudonyms   Secret   // HMAC key of pseudonyms and query hashes
	Requests     []Secret // of request parts: the first seals, all open
	Parts        PartKeys // of patients' parts
}

// Sealer turns drafts into pending entries and opens parts again.
type Sealer struct {
	cfg     Config
	request cipher.AEAD // of new request parts
	keys    string      // Entry.Keys of every entry
	homes   *homes      // of inputs
}

// maxNode bounds the name of a node: NODE.accesses.0.NUMBER is the id of a record's
// AuditEvent, which has at most 64 letters, and numbers go up to 2^53.
const maxNode = 64 - len(".accesses.0.") - len("9007199254740991")

// NewSealer checks names and keys.
func NewSealer(cfg Config) (*Sealer, error) {
	if !isName(cfg.Organization) || !isName(cfg.Node) {
		return nil, fmt.Errorf("organisation %q and node %q must be 1 to 64 letters, digits, dots and hyphens", cfg.Organization, cfg.Node)
	}
	if len(cfg.Node) > maxNode {
		return nil, fmt.Errorf("node %q has more than %d letters: with the name of a log and a number it does not fit into the id of an AuditEvent", cfg.Node, maxNode)
	}
	if cfg.Parts == nil || len(cfg.Requests) == 0 {
		return nil, fmt.Errorf("a sealer needs keys for parts")
	}
	for _, s := range append([]Secret{cfg.Pseudonyms}, cfg.Requests...) {
		if s.ID == "" || len(s.Key) != 32 {
			return nil, fmt.Errorf("key %q of the sealer has no id or not 32 bytes", s.ID)
		}
	}
	request, err := newAEAD(cfg.Requests[0].Key)
	if err != nil {
		return nil, fmt.Errorf("key %q of the sealer: %w", cfg.Requests[0].ID, err)
	}
	return &Sealer{cfg: cfg, request: request, keys: joinSorted([]string{cfg.Pseudonyms.ID, cfg.Requests[0].ID}), homes: new(homes)}, nil
}

// Source names one of the node's logs: organisation/node/log.
func (s *Sealer) Source(log string) string {
	return s.cfg.Organization + "/" + s.cfg.Node + "/" + log
}

// AgentPseudonym returns what Entry.Agent and Filter.Agent hold for an agent.
func (s *Sealer) AgentPseudonym(agent string) string { return s.pseudonymizer().of("agent", agent) }

// PatientPseudonym returns what PartRow.Patient and Filter.Patient hold for "Patient/1".
func (s *Sealer) PatientPseudonym(ref string) string { return s.pseudonymizer().of("patient", ref) }

// TargetPseudonym returns what PartRow.Target and Filter.Target hold for "Observation/7".
func (s *Sealer) TargetPseudonym(ref string) string { return s.pseudonymizer().of("target", ref) }

// pseudonymizer computes keyed hashes, 128 bits in hex.
type pseudonymizer struct {
	key          sum
	organization string
}

func (s *Sealer) pseudonymizer() *pseudonymizer {
	return &pseudonymizer{key: sum(s.cfg.Pseudonyms.Key), organization: s.cfg.Organization}
}

// of keeps kinds apart: the pseudonym of Patient/1 as a patient does not lead to that
// of Patient/1 as a target. "" stays "".
func (p *pseudonymizer) of(kind, value string) string {
	if value == "" {
		return ""
	}
	var room [512]byte
	b := openHMAC(room[:0], &p.key, "aceso.pseudonym.v1\x00")
	h := closeHMAC(&p.key, append(canonical.Frame(canonical.Frame(b, p.organization), kind), value...))
	return hexOf(h[:16])
}

// Pending is a Draft that is pseudonymised, its parts sealed, its disclosed root
// computed; only sequence, time, salt and commitment are missing. A store's one
// writer calls Seal inside the transaction that appends it.
type Pending struct {
	entry Entry
	parts []PartRow
	first *firstInput // nil: its input stands in another record, or it has none
}

// Prepare pseudonymises a draft and seals its parts. The keys of new patients become
// durable before the record does, see PartKeys.
func (s *Sealer) Prepare(ctx context.Context, d Draft) (*Pending, error) {
	names := s.pseudonymizer()
	d.Query = bounded(d.Query)
	w, err := s.sealParts(ctx, names, &d)
	if err != nil {
		return nil, fmt.Errorf("prepare record: %w", err)
	}
	disclosed := disclosedRoot(w.parts)
	p := &Pending{parts: w.parts, first: w.first, entry: Entry{
		Schema: entrySchema, Action: d.Action, Interaction: d.Interaction,
		Agent: names.of("agent", d.Agent), Organization: d.Organization,
		Client: d.Client, Purpose: d.Purpose, Type: d.Type,
		Target: w.teller.of("target", d.Target), Version: d.Version,
		Content: hexOrNone(d.Content), Query: w.teller.of("query", d.Query),
		Disclosed: hexOf(disclosed[:]), Count: d.Count,
		Decision: d.Decision, Reason: d.Reason, Policy: d.Policy,
		Outcome: int64(d.Outcome), Request: d.Request,
		Keys: s.keys,
	}}
	var at string
	fields := p.entry.fields(&at)
	if err := checkIntegers(fields[:]); err != nil {
		return nil, fmt.Errorf("prepare record: %w", err)
	}
	return p, nil
}

// Bytes estimates how many bytes a store keeps for it.
func (p *Pending) Bytes() int {
	if p == nil {
		return 0
	}
	n := 1024 + len(p.entry.Reason)
	for i := range p.parts {
		r := &p.parts[i]
		n += 160 + len(r.Patient) + len(r.Target) + len(r.Key) + len(r.Sealed)
	}
	return n
}

// Seal completes the entry for position seq. It MUST be called by the writer that
// owns the log, with dense seq; it may be called again with another seq if the
// transaction was rolled back.
func (p *Pending) Seal(source string, seq int64, now time.Time) (Row, error) {
	if p == nil || p.entry.Schema == 0 {
		return Row{}, fmt.Errorf("seal record: it was not prepared")
	}
	if err := checkSource(source); err != nil {
		return Row{}, fmt.Errorf("seal record: %w", err)
	}
	e := p.entry
	e.Source, e.Seq, e.Time = source, seq, now.UTC().Truncate(time.Millisecond)
	text, err := e.AppendJSON(make([]byte, 0, 1024))
	if err != nil {
		return Row{}, fmt.Errorf("seal record: %w", err)
	}
	row := Row{
		Seq: seq, Time: e.Time, Entry: text, Agent: e.Agent, Action: e.Action,
		Outcome: int(e.Outcome), Parts: slices.Clone(p.parts),
	}
	rand.Read(row.Salt[:])
	row.Commitment = commitEntry(row.Salt, text)
	return row, nil
}
