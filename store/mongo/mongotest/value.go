package mongotest

import (
	"encoding/binary"
	"iter"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// The types of BSON, as bsoncore names them.
const (
	tDouble    = bsoncore.Type(bson.TypeDouble)
	tString    = bsoncore.Type(bson.TypeString)
	tObject    = bsoncore.Type(bson.TypeEmbeddedDocument)
	tArray     = bsoncore.Type(bson.TypeArray)
	tBinary    = bsoncore.Type(bson.TypeBinary)
	tUndefined = bsoncore.Type(bson.TypeUndefined)
	tObjectID  = bsoncore.Type(bson.TypeObjectID)
	tBool      = bsoncore.Type(bson.TypeBoolean)
	tDate      = bsoncore.Type(bson.TypeDateTime)
	tNull      = bsoncore.Type(bson.TypeNull)
	tRegex     = bsoncore.Type(bson.TypeRegex)
	tSymbol    = bsoncore.Type(bson.TypeSymbol)
	tInt       = bsoncore.Type(bson.TypeInt32)
	tTimestamp = bsoncore.Type(bson.TypeTimestamp)
	tLong      = bsoncore.Type(bson.TypeInt64)
	tDecimal   = bsoncore.Type(bson.TypeDecimal128)
	tMaxKey    = bsoncore.Type(bson.TypeMaxKey)
	tMinKey    = bsoncore.Type(bson.TypeMinKey)
)

type (
	document = bsoncore.Document
	value    = bsoncore.Value
)

var (
	null      = value{Type: tNull}
	undefined = value{Type: tUndefined}
	missing   = value{} // type 0: no such field
)

// fields goes through the elements of a document or array.
func fields(d []byte) iter.Seq2[string, value] {
	return func(yield func(string, value) bool) {
		if len(d) < 5 {
			return
		}
		for rest := d[4:]; len(rest) > 1; {
			e, r, ok := bsoncore.ReadElement(rest)
			if !ok || !yield(e.Key(), e.Value()) {
				return
			}
			rest = r
		}
	}
}

// field is the value of a field, or missing.
func field(d []byte, name string) value {
	if len(d) < 5 {
		return missing
	}
	for rest := d[4:]; len(rest) > 1; {
		e, r, ok := bsoncore.ReadElement(rest)
		if !ok {
			return missing
		}
		if e.CompareKey([]byte(name)) {
			return e.Value()
		}
		rest = r
	}
	return missing
}

func isNumber(v value) bool {
	return v.Type == tInt || v.Type == tLong || v.Type == tDouble || v.Type == tDecimal
}

// whole is a number without its fraction; 0 if it is none.
func whole(v value) int64 {
	if v.Type == tDecimal {
		n, exp, err := bson.NewDecimal128(v.Decimal128()).BigInt()
		if err != nil || exp != 0 || !n.IsInt64() {
			return 0
		}
		return n.Int64()
	}
	n, _ := v.AsInt64OK()
	return n
}

// truth is how MongoDB reads a value as a boolean.
func truth(v value) bool {
	switch v.Type {
	case tBool:
		return v.Boolean()
	case 0, tNull, tUndefined:
		return false
	}
	return !isNumber(v) || !equal(v, intValue(0))
}

func intValue(n int32) value { return value{Type: tInt, Data: bsoncore.AppendInt32(nil, n)} }
func longValue(n int64) value {
	return value{Type: tLong, Data: bsoncore.AppendInt64(nil, n)}
}
func stringValue(s string) value {
	return value{Type: tString, Data: bsoncore.AppendString(nil, s)}
}
func boolValue(b bool) value       { return value{Type: tBool, Data: bsoncore.AppendBoolean(nil, b)} }
func documentValue(d []byte) value { return value{Type: tObject, Data: d} }

// pair is one field of a document that is being made.
type pair struct {
	name string
	v    value
}

func build(pairs ...pair) document {
	i, b := bsoncore.AppendDocumentStart(nil)
	for _, p := range pairs {
		if p.v.Type != 0 {
			b = bsoncore.AppendValueElement(b, p.name, p.v)
		}
	}
	b, _ = bsoncore.AppendDocumentEnd(b, i)
	return b
}

// extend is a document with more fields at its end.
func extend(d document, more ...pair) document {
	b := slices.Clone(d[:len(d)-1])
	for _, p := range more {
		b = bsoncore.AppendValueElement(b, p.name, p.v)
	}
	b = append(b, 0)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	return document(b)
}

func pairs(d []byte) []pair {
	var list []pair
	for name, v := range fields(d) {
		list = append(list, pair{name, v})
	}
	return list
}

func arrayValue(values ...value) value {
	i, b := bsoncore.AppendArrayStart(nil)
	for n, v := range values {
		b = bsoncore.AppendValueElement(b, strconv.Itoa(n), v)
	}
	b, _ = bsoncore.AppendArrayEnd(b, i)
	return value{Type: tArray, Data: b}
}

func values(array []byte) []value {
	var list []value
	for _, v := range fields(array) {
		list = append(list, v)
	}
	return list
}

func doubleValue(f float64) value {
	return value{Type: tDouble, Data: bsoncore.AppendDouble(nil, f)}
}
