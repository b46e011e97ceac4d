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
}

// sealParts makes the request part and one part per patient. As soon as a patient is
// touched, query and target in clear go into the patients' parts only: no erasure
// reaches the request part.
func (s *Sealer) sealParts(ctx context.Context, names *pseudonymizer, d *Draft) ([]PartRow, error) {
	patients := mergePatients(d.Patients)
	request := RequestPart{Agent: d.Agent, Name: d.Name, Role: d.Role, Address: d.Address, Items: d.Others}
	target := names.of("target", d.Target)
	plain := plainPart{targets: pseudonyms(names, "", d.Others)}
	if !slices.ContainsFunc(patients, Touched.erasable) {
		request.Target, request.Query = d.Target, d.Query
		plain.targets = pseudonyms(names, target, d.Others)
	}
	plain.clear = request.appendJSON(make([]byte, 0, 256))
	parts := append(make([]PartRow, 0, 1+len(patients)), s.sealPart(s.cfg.Requests[0].ID, s.request, plain))
	for _, t := range patients {
		part := PatientPart{Patient: t.Patient, Items: t.Items, Consents: t.Consents}
		if t.erasable() {
			part.Target, part.Query = d.Target, d.Query
		}
		plain := plainPart{
			patient: names.of("patient", t.Patient),
			targets: pseudonyms(names, target, t.Items), clear: part.appendJSON(make([]byte, 0, 256)),
		}
		id, key, err := s.cfg.Parts.Key(ctx, plain.patient, true)
		if err != nil {
			return nil, fmt.Errorf("key of a patient's part: %w", err)
		}
		aead, err := newAEAD(key)
		if err != nil {
			return nil, fmt.Errorf("key %s of a part: %w", id, err)
		}
		parts = append(parts, s.sealPart(id, aead, plain))
	}
	return parts, nil
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
	sealed := make([]byte, nonceSize, nonceSize+blindSize+len(p.clear)+aead.Overhead())
	rand.Read(sealed)
	plain := make([]byte, blindSize, blindSize+len(p.clear))
	rand.Read(plain)
	row.Salt = saltOf(sum(plain), p.clear)
	row.Commitment = row.commit()
	plain = append(plain, p.clear...)
	row.Sealed = aead.Seal(sealed, sealed, plain, s.partContext(&row))
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
	return row.appendColumns(frame([]byte(partLabel), s.cfg.Organization))
}

func (r *PartRow) appendColumns(b []byte) []byte {
	return frame(frame(frame(b, r.Patient), r.Target), r.Key)
}

// commit is HMAC-SHA-256(salt, label || patient || target || key), each with its length.
func (r *PartRow) commit() sum {
	columns := len(r.Patient) + len(r.Target) + len(r.Key) + 3*4
	return closeHMAC(&r.Salt, r.appendColumns(openHMAC(&r.Salt, partLabel, columns)))
}

// saltOf is HMAC-SHA-256(blind, label || clear text).
func saltOf(blind sum, text []byte) sum {
	return closeHMAC(&blind, append(openHMAC(&blind, bodyLabel, len(text)), text...))
}

// Opened is a part in clear: it has a Request or a Patient.
type Opened struct {
	Request *RequestPart
	Patient *PatientPart

	blind sum
	clear []byte
}

// OpenPart decrypts a part and checks it against its salt and commitment. The error is
// ErrErased if the part or its key is gone.
func (s *Sealer) OpenPart(ctx context.Context, row PartRow) (Opened, error) {
	plain, err := s.decrypt(ctx, &row)
	if err != nil {
		return Opened{}, err
	}
	o := Opened{blind: sum(plain), clear: plain[blindSize:]}
	if saltOf(o.blind, o.clear) != row.Salt || row.commit() != row.Commitment {
		return Opened{}, fmt.Errorf("open part: it does not match its salt and commitment")
	}
	if row.Patient == "" {
		o.Request = new(RequestPart)
		return o, parsePart(o.clear, o.Request)
	}
	o.Patient = new(PatientPart)
	return o, parsePart(o.clear, o.Patient)
}

func (s *Sealer) decrypt(ctx context.Context, row *PartRow) ([]byte, error) {
	if row.ErasedBy != "" || len(row.Sealed) == 0 {
		return nil, ErrErased
	}
	key, err := s.partKey(ctx, row)
	if err != nil {
		return nil, err
	}
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
