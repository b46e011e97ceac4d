package ledgerbridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Erase is the interaction of an entry that erases a patient's parts. Its draft names
// the patient as touched. That ties the erased parts to it, and its own part for the
// patient becomes unreadable with the others.
const Erase = "erase"

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
		o, err := s.OpenPart(ctx, *p)
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
			if p.ErasedBy == "" || checked[erasure{p.ErasedBy, p.Patient}] {
				continue
			}
			if err := CheckErasure(ctx, all, p.ErasedBy, p.Patient); err != nil {
				return &Damage{Source: source, Seq: row.Seq, Column: fmt.Sprintf("parts[%d].erased by", i), What: err.Error()}
			}
			checked[erasure{p.ErasedBy, p.Patient}] = true
		}
		return s.CheckParts(ctx, source, row)
	}
}

// CheckErasure checks a part's ErasedBy: the entry at that place erases, and has a part
// for the same patient (pseudonym).
func CheckErasure(ctx context.Context, logs []Log, place, patient string) error {
	source, seq, err := ParsePlace(place)
	at := slices.IndexFunc(logs, func(l Log) bool { return l.Source() == source })
	if err != nil || at < 0 {
		return fmt.Errorf("erased by %q, which is not in a log", place)
	}
	row, err := ReadRow(ctx, logs[at], seq)
	if err != nil {
		return err
	}
	e, err := ParseEntry(row.Entry)
	if err != nil {
		return err
	}
	for i := range row.Parts {
		if e.Interaction == Erase && row.Parts[i].Patient == patient {
			return nil
		}
	}
	return fmt.Errorf("erased by %s, which does not erase this patient", place)
}
