package mongotest

import (
	"encoding/binary"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

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

// class is the place of a type in the comparison order of BSON. It is neither
// 0 nor 255 and stays so when its bits are turned round.
func class(t bsoncore.Type) byte {
	switch t {
	case tMinKey:
		return 0x08
	case 0, tUndefined:
		return 0x10
	case tNull:
		return 0x15
	case tInt, tLong, tDouble, tDecimal:
		return 0x1a
	case tString, tSymbol:
		return 0x1f
	case tObject:
		return 0x24
	case tArray:
		return 0x29
	case tBinary:
		return 0x2e
	case tObjectID:
		return 0x33
	case tBool:
		return 0x38
	case tDate:
		return 0x3d
	case tTimestamp:
		return 0x3f
	case tRegex:
		return 0x42
	case tMaxKey:
		return 0xe0
	}
	return 0x50
}

// encode is a string whose byte order is the order in which MongoDB compares
// values; no encoding is the beginning of another one.
func encode(v value) string {
	return string(appendValue(nil, v))
}

func appendValue(b []byte, v value) []byte {
	return appendPayload(append(b, class(v.Type)), v)
}

func appendPayload(b []byte, v value) []byte {
	switch v.Type {
	case tInt, tLong, tDouble, tDecimal:
		return appendNumber(b, v)
	case tString, tSymbol:
		return appendString(b, v.Data[4:len(v.Data)-1])
	case tObject:
		for name, f := range fields(v.Data) {
			b = append(b, class(f.Type))
			b = append(append(b, name...), 0)
			b = appendPayload(b, f)
		}
		return append(b, 0)
	case tArray:
		for _, f := range fields(v.Data) {
			b = appendValue(b, f)
		}
		return append(b, 0)
	case tBinary:
		subtype, data := v.Binary()
		b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
		return append(append(b, subtype), data...)
	case tObjectID, tBool:
		return append(b, v.Data...)
	case tDate:
		return binary.BigEndian.AppendUint64(b, uint64(v.DateTime())^1<<63)
	case tTimestamp:
		t, i := v.Timestamp()
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, t), i)
	}
	if len(v.Data) > 0 {
		return appendString(b, v.Data)
	}
	return b
}

func appendString(b, s []byte) []byte {
	for _, c := range s {
		b = append(b, c)
		if c == 0 {
			b = append(b, 0xff)
		}
	}
	return append(b, 0, 0)
}

// appendNumber writes numbers of all types so that equal ones are the same:
// sign, decimal exponent, digits.
func appendNumber(b []byte, v value) []byte {
	switch v.Type {
	case tInt, tLong:
		return appendInt(b, v.AsInt64())
	case tDouble:
		f := v.Double()
		switch {
		case math.IsNaN(f):
			return append(b, 1)
		case math.IsInf(f, 0):
			return append(b, infinity(f < 0))
		case f == math.Trunc(f) && math.Abs(f) < 1<<53:
			return appendInt(b, int64(f))
		}
		text := strconv.FormatFloat(math.Abs(f), 'e', 770, 64)
		mantissa, exp, _ := strings.Cut(text, "e")
		e, _ := strconv.Atoi(exp)
		return appendDecimal(b, f < 0, strings.Replace(mantissa, ".", "", 1), e+1)
	}
	high, low := v.Decimal128()
	d := bson.NewDecimal128(high, low)
	if d.IsNaN() {
		return append(b, 1)
	}
	if i := d.IsInf(); i != 0 {
		return append(b, infinity(i < 0))
	}
	n, e, err := d.BigInt()
	if err != nil || n.Sign() == 0 {
		return append(b, 4)
	}
	digits := strings.TrimPrefix(n.String(), "-")
	return appendDecimal(b, n.Sign() < 0, digits, len(digits)+e)
}

func infinity(negative bool) byte {
	if negative {
		return 2
	}
	return 6
}

func appendInt(b []byte, n int64) []byte {
	if n == 0 {
		return append(b, 4)
	}
	digits := strings.TrimPrefix(strconv.FormatInt(n, 10), "-")
	return appendDecimal(b, n < 0, digits, len(digits))
}

// appendDecimal writes 0.DIGITS times ten to the exponent; digits begins with
// another one than 0.
func appendDecimal(b []byte, negative bool, digits string, exp int) []byte {
	start := len(b)
	b = append(b, 5)
	b = binary.BigEndian.AppendUint16(b, uint16(exp+0x4000))
	b = append(append(b, strings.TrimRight(digits, "0")...), 0)
	if negative {
		b[start] = 3
		invert(b[start+1:])
	}
	return b
}

func invert(b []byte) {
	for i := range b {
		b[i] = ^b[i]
	}
}

// compare orders two values as MongoDB does.
func compare(a, b value) int {
	if ca, cb := class(a.Type), class(b.Type); ca != cb {
		return int(ca) - int(cb)
	}
	if a.Type == tString && b.Type == tString {
		return strings.Compare(a.StringValue(), b.StringValue())
	}
	return strings.Compare(encode(a), encode(b))
}

func equal(a, b value) bool { return compare(a, b) == 0 }

func isNaN(v value) bool {
	switch v.Type {
	case tDouble:
		return math.IsNaN(v.Double())
	case tDecimal:
		return bson.NewDecimal128(v.Decimal128()).IsNaN()
	}
	return false
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
