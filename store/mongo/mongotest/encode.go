package mongotest

import (
	"encoding/binary"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"math"
	"strconv"
	"strings"
)

// class is the place of a type in the comparison order of BSON. It is neither
// 0 nor 255, also with its bits inverted.
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
// values; no encoding is a prefix of another one.
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

// appendDecimal writes 0.DIGITS times ten to the exponent; the first digit is not 0.
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
