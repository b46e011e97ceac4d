package ledgerbridge

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/canonical"
)

// ErrErased means that a part was erased: its key is destroyed.
var ErrErased = errors.New("ledgerbridge: the part was erased")

// Labels of the hashed and authenticated text of a part.
const (
	partLabel = "aceso.part.v1\x00"
	bodyLabel = "aceso.part.body.v1\x00"
)

// Sizes in bytes.
const (
	nonceSize = 12
	blindSize = 32
)

// plainPart is a part before it is sealed.
type plainPart struct {
	patient string // pseudonym, "" for the request part
	targets string // pseudonyms, joined
	clear   []byte
	blind   *sum // nil: any
}

// sealing makes the parts of one record.
type sealing struct {
	*Sealer
	names  *pseudonymizer
	draft  *Draft
	target string         // pseudonym
	teller *pseudonymizer // of query and target, in the entry
	parts  []PartRow
	first  *firstInput
	kept   keeping
	room   [256]byte // of what was asked with, as text
}

// sealParts makes the request part, one part per patient and, for two or more patients,
// one that says what was asked; last, if it is to be kept, one about the input. As soon as a patient is concerned, query and target in
// clear go where they are erased with each of them: no erasure reaches the request part.
func (s *Sealer) sealParts(ctx context.Context, names *pseudonymizer, d *Draft) (*sealing, error) {
	patients := mergePatients(d.Patients)
	erasable := 0
	for _, t := range patients {
		if t.erasable() {
			erasable++
		}
	}
	w := &sealing{Sealer: s, names: names, draft: d, target: names.of("target", d.Target), teller: names}
	input, err := w.keep(ctx)
	if err != nil {
		return nil, err
	}
	w.request(erasable == 0, input)
	var key []byte
	shares := make([]string, 1)
	if erasable > 1 {
		key, shares = split(erasable)
	}
	keys, err := w.keys(ctx, patients)
	if err != nil {
		return nil, err
	}
	for i, t := range patients {
		share := ""
		if t.erasable() {
			share, shares = shares[0], shares[1:]
		}
		if err := w.patient(keys[i], t, share, erasable == 1 && t.erasable()); err != nil {
			return nil, err
		}
	}
	if erasable > 1 {
		if err := w.asked(key); err != nil {
			return nil, err
		}
	}
	return w, w.input(input)
}

// request seals the part about the request; alone, it says what was asked.
func (w *sealing) request(alone bool, input *keeping) {
	d := w.draft
	part, target := RequestPart{Agent: d.Agent, Name: d.Name, Role: d.Role, Address: d.Address, Items: d.Others}, ""
	if alone {
		part.Target, part.Query, target = d.Target, d.Query, w.target
	}
	input.tell(&part, d.Input)
	plain := plainPart{targets: pseudonyms(w.names, target, d.Others), clear: part.appendJSON(make([]byte, 0, 256))}
	w.parts = append(w.parts, w.sealPart(w.cfg.Requests[0].ID, w.Sealer.request, plain))
}

// patientKey is the key of a patient's part, and the pseudonym.
type patientKey struct {
	Secret
	patient string
}

// keys finds or makes the keys of all patients at once.
func (w *sealing) keys(ctx context.Context, patients []Touched) ([]patientKey, error) {
	if len(patients) == 0 {
		return nil, nil
	}
	names, keys := make([]string, len(patients)), make([]patientKey, len(patients))
	for i, t := range patients {
		names[i] = w.names.of("patient", t.Patient)
	}
	secrets, err := w.cfg.Parts.Keys(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("keys of patients' parts: %w", err)
	}
	for i := range keys {
		keys[i] = patientKey{secrets[i], names[i]}
	}
	return keys, nil
}

// patient seals the part of one patient; alone, it says what was asked.
func (w *sealing) patient(key patientKey, t Touched, share string, alone bool) error {
	d, target := w.draft, ""
	part := PatientPart{Patient: t.Patient, Items: ownItems(t, d.Patients), Consents: t.Consents, More: t.More, Share: share}
	plain := plainPart{patient: key.patient}
	if alone {
		part.Target, part.Query, target = d.Target, d.Query, w.target
		plain.blind = w.tell()
	}
	plain.targets, plain.clear = pseudonyms(w.names, target, part.Items), part.appendJSON(make([]byte, 0, 256))
	return w.seal(key.ID, key.Key, plain)
}

// asked seals the part that says what was asked of several patients.
func (w *sealing) asked(key []byte) error {
	part := AskedPart{Query: w.draft.Query, Target: w.draft.Target}
	return w.seal(sharedKey, key, plainPart{
		patient: askedPart, targets: w.target, clear: part.appendJSON(make([]byte, 0, 256)), blind: w.tell(),
	})
}

// tell makes the blind of the part that says what was asked. The entry's pseudonyms of
// that hang on it: they are random numbers once nobody can open the part.
func (w *sealing) tell() *sum {
	var blind sum
	rand.Read(blind[:])
	w.teller = &pseudonymizer{key: blind, organization: w.cfg.Organization}
	return &blind
}

func (w *sealing) seal(id string, key []byte, plain plainPart) error {
	aead, err := newAEAD(key)
	if err != nil {
		return fmt.Errorf("key %s of a part: %w", id, err)
	}
	w.parts = append(w.parts, w.sealPart(id, aead, plain))
	return nil
}

// ownItems leaves out of a patient's part other patients themselves, if they have parts:
// their names are erased with them.
func ownItems(t Touched, all []Touched) []Item {
	others := func(i Item) bool {
		return i.Ref != t.Patient && strings.HasPrefix(i.Ref, "Patient/") &&
			slices.ContainsFunc(all, func(o Touched) bool { return o.Patient == i.Ref })
	}
	if !slices.ContainsFunc(t.Items, others) {
		return t.Items
	}
	return slices.DeleteFunc(slices.Clone(t.Items), others)
}

// erasable says that the part goes when a patient is erased. Only such a part says what
// was asked, as soon as there is one.
func (t Touched) erasable() bool { return t.Patient != Everyone }

// mergePatients leaves one Touched per patient, in the order of first mention.
func mergePatients(all []Touched) []Touched {
	if len(all) < 2 {
		return all
	}
	merged, at := make([]Touched, 0, len(all)), make(map[string]int, len(all))
	for _, t := range all {
		i, ok := at[t.Patient]
		if !ok {
			at[t.Patient] = len(merged)
			merged = append(merged, t)
			continue
		}
		m := &merged[i]
		m.Items = append(m.Items[:len(m.Items):len(m.Items)], t.Items...)
		m.Consents = append(m.Consents[:len(m.Consents):len(m.Consents)], t.Consents...)
	}
	return merged
}

// pseudonyms joins the distinct target pseudonyms of a part.
func pseudonyms(names *pseudonymizer, target string, items []Item) string {
	if len(items) == 0 {
		return target
	}
	found := make([]string, 0, 1+len(items))
	if target != "" {
		found = append(found, target)
	}
	var seen map[string]bool // pays off for many items
	if len(items) > 16 {
		seen = map[string]bool{target: true}
	}
	for _, item := range items {
		p := names.of("target", item.Ref)
		if seen[p] || seen == nil && slices.Contains(found, p) {
			continue
		}
		found = append(found, p)
		if seen != nil {
			seen[p] = true
		}
	}
	return strings.Join(found, " ")
}

// sealPart encrypts blind || clear text. The row's salt is HMAC(blind, clear text): it
// hides and fixes the text. The key covers the blind too, so destroying it leaves
// nothing to check a guess against. The commitment covers salt and columns, so an
// erased part's can still be recomputed.
func (s *Sealer) sealPart(key string, aead cipher.AEAD, p plainPart) PartRow {
	row := PartRow{Patient: p.patient, Target: p.targets, Key: key}
	sealed := make([]byte, nonceSize+blindSize, nonceSize+blindSize+len(p.clear)+aead.Overhead())
	nonce, blind := sealed[:nonceSize], sealed[nonceSize:]
	if rand.Read(sealed); p.blind != nil {
		copy(blind, p.blind[:])
	}
	row.Salt = saltOf(sum(blind), p.clear)
	row.Commitment = row.commit()
	plain := append(sealed, p.clear...)[nonceSize:]
	row.Sealed = aead.Seal(nonce, nonce, plain, s.partContext(&row)) // in place
	return row
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// partContext is the text that a sealed part authenticates. It names no position: the
// sequence number comes later.
func (s *Sealer) partContext(row *PartRow) []byte {
	size := len(partLabel) + len(s.cfg.Organization) + len(row.Patient) + len(row.Target) + len(row.Key) + 4*4
	return row.appendColumns(canonical.Frame(append(make([]byte, 0, size), partLabel...), s.cfg.Organization))
}

func (r *PartRow) appendColumns(b []byte) []byte {
	return canonical.Frame(canonical.Frame(canonical.Frame(b, r.Patient), r.Target), r.Key)
}

// commit is HMAC-SHA-256(salt, label || patient || target || key), each with its length.
func (r *PartRow) commit() sum {
	var room [512]byte
	return closeHMAC(&r.Salt, r.appendColumns(openHMAC(room[:0], &r.Salt, partLabel)))
}

// saltOf is HMAC-SHA-256(blind, label || clear text).
func saltOf(blind sum, text []byte) sum {
	var room [1024]byte
	return closeHMAC(&blind, append(openHMAC(room[:0], &blind, bodyLabel), text...))
}

// Opened is a part in clear: it has a Request, a Patient, an Asked or an Input, or nothing if
// it was erased.
type Opened struct {
	Request *RequestPart
	Patient *PatientPart
	Asked   *AskedPart
	Input   *InputPart

	blind sum
	clear []byte
}

// Empty says that the part was erased, or not opened.
func (o Opened) Empty() bool { return o.clear == nil }

// OpenPart decrypts a part and checks it against its salt and commitment. The error is
// ErrErased if the part or its key is gone. The part about the question needs the others
// of its row: see OpenParts.
func (s *Sealer) OpenPart(ctx context.Context, row PartRow) (Opened, error) {
	if row.gone() {
		return Opened{}, ErrErased
	}
	key, err := s.partKey(ctx, &row)
	if err != nil {
		return Opened{}, err
	}
	plain, err := s.decrypt(&row, key)
	if err != nil {
		return Opened{}, err
	}
	return openText(&row, plain)
}

func (r *PartRow) gone() bool { return r.ErasedBy != "" || len(r.Sealed) == 0 }

// openText reads blind and clear text, and checks them.
func openText(row *PartRow, plain []byte) (Opened, error) {
	o := Opened{blind: sum(plain), clear: plain[blindSize:]}
	if saltOf(o.blind, o.clear) != row.Salt || row.commit() != row.Commitment {
		return Opened{}, fmt.Errorf("open part: it does not match its salt and commitment")
	}
	switch {
	case row.Patient == "":
		o.Request = new(RequestPart)
		return o, parsePart(o.clear, o.Request)
	case row.asks():
		o.Asked = new(AskedPart)
		return o, parsePart(o.clear, o.Asked)
	case row.says():
		o.Input = new(InputPart)
		return o, parsePart(o.clear, o.Input)
	}
	o.Patient = new(PatientPart)
	return o, parsePart(o.clear, o.Patient)
}

func (s *Sealer) decrypt(row *PartRow, key []byte) ([]byte, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, fmt.Errorf("open part: %w", err)
	}
	if len(row.Sealed) < nonceSize {
		return nil, fmt.Errorf("open part: it is truncated")
	}
	plain, err := aead.Open(nil, row.Sealed[:nonceSize], row.Sealed[nonceSize:], s.partContext(row))
	if err != nil || len(plain) < blindSize {
		return nil, fmt.Errorf("open part: sealed bytes, patient, target or key were changed")
	}
	return plain, nil
}

func (s *Sealer) partKey(ctx context.Context, row *PartRow) ([]byte, error) {
	if row.Patient == "" {
		for _, k := range s.cfg.Requests {
			if k.ID == row.Key {
				return k.Key, nil
			}
		}
		return nil, fmt.Errorf("open part: no key %q", row.Key)
	}
	key, err := s.cfg.Parts.Open(ctx, row.Key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: key %s is destroyed", ErrErased, row.Key)
	}
	if err != nil {
		return nil, &KeyError{Key: row.Key, Err: err}
	}
	return key, nil
}

// KeyError means that a part's key could not be read: the part may be intact.
type KeyError struct {
	Key string
	Err error
}

// Error names the key.
func (e *KeyError) Error() string { return "read key " + e.Key + " of a part: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *KeyError) Unwrap() error { return e.Err }
