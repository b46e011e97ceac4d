package ledgerbridge

import (
	"encoding/hex"
	"fmt"
)

// Damage means that a log, its tree or its checkpoints were changed: what was found,
// and where. A store or command adds the name of file and table.
type Damage struct {
	Source string // the log
	Seq    int64  // the row; -1 if it is not about one row
	Column string // entry, salt, commitment, time, agent, action, outcome, seq, parts[1].sealed, tile 0/3, checkpoint ...
	What   string // a sentence without patient data
}

// Error names the place first.
func (d *Damage) Error() string {
	if d.Seq < 0 {
		return fmt.Sprintf("%s, %s: %s", d.Source, d.Column, d.What)
	}
	return fmt.Sprintf("%s, row %d, %s: %s", d.Source, d.Seq, d.Column, d.What)
}

// CheckRow checks everything about a row that needs no key: it stands at position seq
// of source; entry, salt and commitment agree; the columns beside the entry repeat the
// entry; and the parts are those that its disclosed root covers. The error is a *Damage.
func CheckRow(source string, seq int64, row *Row) error {
	found := func(column, what string) error {
		return &Damage{Source: source, Seq: seq, Column: column, What: what}
	}
	if row.Seq != seq {
		return found("seq", fmt.Sprintf("row %d stands here", row.Seq))
	}
	if commitEntry(row.Salt, row.Entry) != row.Commitment {
		return found("entry", "entry, salt and commitment do not agree")
	}
	e, err := ParseEntry(row.Entry)
	if err != nil {
		return found("entry", err.Error())
	}
	switch {
	case e.Source != source || e.Seq != seq:
		return found("entry", fmt.Sprintf("the entry was sealed for %s, row %d", e.Source, e.Seq))
	case !e.Time.Equal(row.Time):
		return found("time", "differs from the entry")
	case e.Agent != row.Agent:
		return found("agent", "differs from the entry")
	case e.Action != row.Action:
		return found("action", "differs from the entry")
	case e.Outcome != int64(row.Outcome):
		return found("outcome", "differs from the entry")
	}
	return checkParts(source, &e, row)
}

func checkParts(source string, e *Entry, row *Row) error {
	for i := range row.Parts {
		p := &row.Parts[i]
		found := func(column, what string) error {
			return &Damage{Source: source, Seq: row.Seq, Column: fmt.Sprintf("parts[%d].%s", i, column), What: what}
		}
		switch {
		case (p.Patient == "") != (i == 0 || p.emptied()):
			return found("patient", "the request part comes first and alone has no patient")
		case p.ErasedBy != "" && (i == 0 || !isPlace(p.ErasedBy)):
			return found("erased by", "is not source/seq")
		case p.emptied() && (p.Target != "" || p.Key != "" || len(p.Sealed) != 0):
			return found("erased by", "an erasure is noted but the part is not empty")
		case p.emptied():
		case p.commit() != p.Commitment:
			return found("commitment", "patient, target, key, salt and commitment do not agree")
		case len(p.Sealed) == 0 && p.ErasedBy == "":
			return found("sealed", "is gone and no erasure is noted")
		case len(p.Sealed) != 0 && p.ErasedBy != "":
			return found("sealed", "an erasure is noted but the sealed bytes are there")
		}
	}
	disclosed := disclosedRoot(row.Parts)
	if hex.EncodeToString(disclosed[:]) != e.Disclosed {
		return &Damage{Source: source, Seq: row.Seq, Column: "parts", What: "are not those that the entry covers: one was added, removed, changed or moved"}
	}
	return nil
}

func isPlace(s string) bool {
	_, _, err := ParsePlace(s)
	return err == nil
}
