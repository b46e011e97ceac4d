package ledgerbridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/canonical"
)

// Erase is the interaction of an entry that erases a patient's parts. Its draft names
// the patient as touched. That ties the erased parts to it, and its own part for the
// patient becomes unreadable with the others.
const Erase = "erase"

// Purge is the interaction of an entry that removes what versions say. Its content is the
// root over those that it removes and the tombstones that it writes (see Content).
const Purge = "purge"

// Erasure empties the parts of one patient. What is left of a part does not say whose it
// was, not even to somebody who has the key of the pseudonyms: its commitment, by which
// the row can still be verified, the entry that erased it, and a mark.
type Erasure struct {
	Patient string // pseudonym
	By      string // "source/seq" of the entry

	mark func(commitment [32]byte) [32]byte
}

// Columns are the values of PartRow.Patient by which a store finds the rows.
func (e Erasure) Columns() [2]string { return [2]string{e.Patient, inputPart + e.Patient} }

// Erasure returns that of a patient (pseudonym) by the entry at a place.
func (s *Sealer) Erasure(patient, place string) Erasure {
	return Erasure{patient, place, func(commitment [32]byte) [32]byte { return s.mark(place, commitment) }}
}

// mark shows that a part was emptied by who has the keys. It stands in the part's salt,
// where somebody who only can write to the store cannot make one.
func (s *Sealer) mark(place string, commitment [32]byte) [32]byte {
	key := sum(s.cfg.Pseudonyms.Key)
	b := openHMAC(nil, &key, "aceso.erased.v1\x00")
	return closeHMAC(&key, append(canonical.Frame(canonical.Frame(b, s.cfg.Organization), place), commitment[:]...))
}

// Of names the parts of a row that go, by position, and says how many are the patient's
// own: the part about the question goes with them; what the patient's token said goes, too.
// There are none if nothing is the patient's. Of each part, Patient and ErasedBy are needed.
func (e Erasure) Of(parts []PartRow) (at []int, own int64) {
	for i := range parts {
		switch parts[i].Patient {
		case e.Patient:
			at = append(at, i)
			own++
		case inputPart + e.Patient:
			at = append(at, i)
		}
	}
	for i := range parts {
		if own > 0 && parts[i].asks() {
			at = append(at, i)
		}
	}
	return at, own
}

// Empty is what is left of a part.
func (e Erasure) Empty(p PartRow) PartRow {
	return PartRow{Salt: e.mark(p.Commitment), Commitment: p.Commitment, ErasedBy: e.By}
}

// emptied tells what Empty left. Version 1 kept the columns of erased parts.
func (r *PartRow) emptied() bool { return r.ErasedBy != "" && r.Patient == "" }

// CheckParts opens every part of a row that is not erased, and checks its clear text
// against salt and commitment and its columns against the clear text. The error is a
// *Damage unless a key could not be read.
func (s *Sealer) CheckParts(ctx context.Context, source string, row *Row) error {
	for i := range row.Parts {
		p := &row.Parts[i]
		if p.ErasedBy != "" {
			continue
		}
		found := func(column, what string) error {
			return &Damage{Source: source, Seq: row.Seq, Column: fmt.Sprintf("parts[%d].%s", i, column), What: what}
		}
		o, err := s.open(ctx, row.Parts, i)
		var unreadable *KeyError
		switch {
		case errors.As(err, &unreadable):
			return err
		case errors.Is(err, ErrErased):
			return found("sealed", "its key "+p.Key+" is gone, but no erasure is noted")
		case err != nil:
			return found("sealed", err.Error())
		case o.Patient != nil && s.PatientPseudonym(o.Patient.Patient) != p.Patient:
			return found("patient", "is not the pseudonym of the patient in the part")
		case o.Input != nil && inputPart+s.PatientPseudonym(o.Input.Patient) != p.Patient:
			return found("patient", "is not that of the patient whose token it was")
		}
	}
	return nil
}

// ParsePlace reads "source/seq", the form of PartRow.ErasedBy.
func ParsePlace(place string) (source string, seq int64, err error) {
	slash := strings.LastIndexByte(place, '/')
	if slash < 0 {
		return "", 0, fmt.Errorf("%q is not source/seq", place)
	}
	source = place[:slash]
	seq, err = strconv.ParseInt(place[slash+1:], 10, 64)
	if err != nil || seq < 0 || Place(source, seq) != place {
		return "", 0, fmt.Errorf("%q is not source/seq", place)
	}
	return source, seq, checkSource(source)
}

// Place is "source/seq".
func Place(source string, seq int64) string { return source + "/" + strconv.FormatInt(seq, 10) }

// AuditParts returns the checks of an audit of source that need keys: CheckParts for
// every row, and CheckErasure for every erased part, in the one of all logs that its
// place names.
func (s *Sealer) AuditParts(ctx context.Context, source string, all ...Log) func(*Row) error {
	type erasure struct{ place, patient string }
	checked := map[erasure]bool{}
	return func(row *Row) error {
		for i := range row.Parts {
			p := &row.Parts[i]
			if p.ErasedBy == "" {
				continue
			}
			found := func(what string) error {
				return &Damage{Source: source, Seq: row.Seq, Column: fmt.Sprintf("parts[%d].erased by", i), What: what}
			}
			if p.emptied() && p.Salt != s.mark(p.ErasedBy, p.Commitment) {
				return found("does not bear the mark of that erasure")
			}
			if checked[erasure{p.ErasedBy, p.Patient}] {
				continue
			}
			if err := CheckErasure(ctx, all, p); err != nil {
				return found(err.Error())
			}
			checked[erasure{p.ErasedBy, p.Patient}] = true
		}
		return s.CheckParts(ctx, source, row)
	}
}

// CheckErasure checks a part's ErasedBy: the entry at that place erases. If the part says
// whose it is, that has a part for the same patient (pseudonym).
func CheckErasure(ctx context.Context, logs []Log, p *PartRow) error {
	source, seq, err := ParsePlace(p.ErasedBy)
	at := slices.IndexFunc(logs, func(l Log) bool { return l.Source() == source })
	if err != nil || at < 0 {
		return fmt.Errorf("erased by %q, which is not in a log", p.ErasedBy)
	}
	row, err := ReadRow(ctx, logs[at], seq)
	if err != nil {
		return err
	}
	e, err := ParseEntry(row.Entry)
	if err != nil {
		return err
	}
	if e.Interaction == Erase && (p.emptied() || slices.ContainsFunc(row.Parts, func(o PartRow) bool { return o.Patient == p.Patient })) {
		return nil
	}
	return fmt.Errorf("erased by %s, which does not erase this patient", p.ErasedBy)
}
