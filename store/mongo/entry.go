package mongo

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// entry is a document of the collections changes and accesses: one record with its
// parts. Its _id is source/0000000000000003.
type entry struct {
	ID         string `bson:"_id"`
	Time       int64  `bson:"t"` // milliseconds since 1970
	Agent      string `bson:"a"`
	Action     string `bson:"x"`
	Outcome    int32  `bson:"o"`
	Salt       []byte `bson:"salt"`
	Commitment []byte `bson:"c"`
	Entry      []byte `bson:"e"`
	Parts      []part `bson:"p"`
}

type part struct {
	Patient    string `bson:"p"`
	Target     string `bson:"t"`
	Key        string `bson:"k"`
	ErasedBy   string `bson:"e"`
	Salt       []byte `bson:"salt"`
	Commitment []byte `bson:"c"`
	Sealed     []byte `bson:"b"` // null once erased
}

// row is what the document says. A salt or commitment of the wrong length is
// damaged and left zero, so that verifying the row fails.
func (e *entry) row() ledgerbridge.Row {
	r := ledgerbridge.Row{
		Seq: seqOf(e.ID), Time: time.UnixMilli(e.Time).UTC(), Agent: e.Agent, Action: e.Action,
		Outcome: int(e.Outcome), Entry: e.Entry, Parts: make([]ledgerbridge.PartRow, len(e.Parts)),
	}
	copyFixed(r.Salt[:], e.Salt)
	copyFixed(r.Commitment[:], e.Commitment)
	for i := range e.Parts {
		p, to := &e.Parts[i], &r.Parts[i]
		*to = ledgerbridge.PartRow{Patient: p.Patient, Target: p.Target, Key: p.Key, ErasedBy: p.ErasedBy, Sealed: p.Sealed}
		copyFixed(to.Salt[:], p.Salt)
		copyFixed(to.Commitment[:], p.Commitment)
	}
	return r
}

func copyFixed(to, from []byte) {
	if len(from) == len(to) {
		copy(to, from)
	}
}

// encodeEntry is the document of a row, written by hand: every request has one.
func encodeEntry(source string, r *ledgerbridge.Row) (bson.Raw, error) {
	size := 256 + len(r.Agent) + len(r.Entry)
	for i := range r.Parts {
		size += 256 + len(r.Parts[i].Target) + len(r.Parts[i].Sealed)
	}
	start, doc := bsoncore.AppendDocumentStart(make([]byte, 0, size))
	doc = bsoncore.AppendStringElement(doc, "_id", entryID(source, r.Seq))
	doc = bsoncore.AppendInt64Element(doc, "t", r.Time.UnixMilli())
	doc = bsoncore.AppendStringElement(doc, "a", r.Agent)
	doc = bsoncore.AppendStringElement(doc, "x", r.Action)
	doc = bsoncore.AppendInt32Element(doc, "o", int32(r.Outcome))
	doc = appendBytes(doc, "salt", r.Salt[:])
	doc = appendBytes(doc, "c", r.Commitment[:])
	doc = appendBytes(doc, "e", r.Entry)
	list, doc := bsoncore.AppendArrayElementStart(doc, "p")
	for i := range r.Parts {
		doc = appendPart(doc, strconv.Itoa(i), &r.Parts[i])
	}
	doc, err := bsoncore.AppendArrayEnd(doc, list)
	if err != nil {
		return nil, err
	}
	return bsoncore.AppendDocumentEnd(doc, start)
}

func appendPart(doc []byte, key string, p *ledgerbridge.PartRow) []byte {
	start, doc := bsoncore.AppendDocumentElementStart(doc, key)
	doc = bsoncore.AppendStringElement(doc, "p", p.Patient)
	doc = bsoncore.AppendStringElement(doc, "t", p.Target)
	doc = bsoncore.AppendStringElement(doc, "k", p.Key)
	doc = bsoncore.AppendStringElement(doc, "e", p.ErasedBy)
	doc = appendBytes(doc, "salt", p.Salt[:])
	doc = appendBytes(doc, "c", p.Commitment[:])
	doc = appendBytes(doc, "b", p.Sealed)
	doc, _ = bsoncore.AppendDocumentEnd(doc, start) // fails only for lengths that no document has
	return doc
}

func appendBytes(doc []byte, key string, value []byte) []byte {
	if value == nil {
		return bsoncore.AppendNullElement(doc, key)
	}
	return bsoncore.AppendBinaryElement(doc, key, bson.TypeBinaryGeneric, value)
}

// errEntry says that a document of a log cannot be read.
var errEntry = errors.New("a document of a log is damaged")

// readEntry is the inverse of encodeEntry, and reads what a projection has left.
func readEntry(doc bson.Raw) (r ledgerbridge.Row, err error) {
	r.Seq = -1
	ok := eachField(doc, func(name []byte, v bson.RawValue) (ok bool) {
		switch string(name) {
		case "_id":
			r.Seq, ok = seqIn(v)
		case "t":
			var ms int64
			ms, ok = v.AsInt64OK()
			r.Time = time.UnixMilli(ms).UTC()
		case "a":
			r.Agent, ok = v.StringValueOK()
		case "x":
			r.Action, ok = v.StringValueOK()
		case "o":
			var outcome int64
			outcome, ok = v.AsInt64OK()
			r.Outcome = int(outcome)
		case "salt":
			ok = copyBytes(r.Salt[:], v)
		case "c":
			ok = copyBytes(r.Commitment[:], v)
		case "e":
			r.Entry, ok = bytesOf(v)
		case "p":
			r.Parts, ok = readParts(v)
		default:
			ok = true
		}
		return ok
	})
	if !ok {
		return r, errEntry
	}
	return r, nil
}

func readParts(list bson.RawValue) (all []ledgerbridge.PartRow, ok bool) {
	if list.Type == bson.TypeNull {
		return nil, true
	}
	parts, ok := list.ArrayOK()
	return all, ok && eachField(bson.Raw(parts), func(_ []byte, v bson.RawValue) bool {
		doc, ok := v.DocumentOK()
		if !ok {
			return false
		}
		var p ledgerbridge.PartRow
		ok = eachField(doc, func(name []byte, v bson.RawValue) bool { return readPart(&p, name, v) })
		all = append(all, p)
		return ok
	})
}

func readPart(p *ledgerbridge.PartRow, name []byte, v bson.RawValue) (ok bool) {
	switch string(name) {
	case "p":
		p.Patient, ok = v.StringValueOK()
	case "t":
		p.Target, ok = v.StringValueOK()
	case "k":
		p.Key, ok = v.StringValueOK()
	case "e":
		p.ErasedBy, ok = v.StringValueOK()
	case "salt":
		ok = copyBytes(p.Salt[:], v)
	case "c":
		ok = copyBytes(p.Commitment[:], v)
	case "b":
		p.Sealed, ok = bytesOf(v)
	default:
		ok = true
	}
	return ok
}

// seqIn is seqOf for the value of an _id.
func seqIn(v bson.RawValue) (int64, bool) {
	if v.Type != bson.TypeString {
		return -1, false
	}
	text, ok := v.StringValueOK()
	return seqOf(text), ok
}

// bytesOf copies what is binary: the document may be gone with the next one. Null is nil.
func bytesOf(v bson.RawValue) ([]byte, bool) {
	if v.Type == bson.TypeNull {
		return nil, true
	}
	_, data, ok := v.BinaryOK()
	return slices.Clone(data), ok
}

// copyBytes leaves what has another length zero, as entry.row does.
func copyBytes(to []byte, v bson.RawValue) bool {
	if v.Type == bson.TypeNull {
		return true
	}
	_, data, ok := v.BinaryOK()
	copyFixed(to, data)
	return ok
}

// eachField visits the fields of a document, until one is not as expected, without making a
// list of them. It says whether all were.
func eachField(doc bson.Raw, visit func(name []byte, v bson.RawValue) bool) bool {
	length, rest, ok := bsoncore.ReadLength(doc)
	if !ok || int(length) != len(doc) {
		return false
	}
	for len(rest) > 1 {
		var e bsoncore.Element
		if e, rest, ok = bsoncore.ReadElement(rest); !ok {
			return false
		}
		name := e.KeyBytes()
		if !visit(name, bson.RawValue{Type: bson.Type(e[0]), Value: e[len(name)+2:]}) {
			return false
		}
	}
	return len(rest) == 1 && rest[0] == 0
}
