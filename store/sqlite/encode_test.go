package sqlite

import (
	"math"
	"reflect"
	"testing"

	"github.com/aceso-health/aceso/fhir/search"
)

var someIndex = search.Index{
	Keys:    []string{"_id=1", "code=a", "code=ab", "code=ab|c", "name^zoë"},
	Dates:   []search.DateRange{{Param: "date", Lo: math.MinInt64, Hi: math.MaxInt64}, {Param: "x|y", Lo: -1, Hi: 1}},
	Numbers: []search.NumberRange{{Param: "v|s|u", Lo: "01", Hi: "02"}},
	Sorts:   []search.Sort{{Param: "code", Lo: "a", Hi: "b"}},
}

func TestIndexCodec(t *testing.T) {
	for _, x := range []search.Index{someIndex, {Keys: []string{}, Dates: []search.DateRange{}, Numbers: []search.NumberRange{}, Sorts: []search.Sort{}}} {
		b := encodeIndex(&x)
		got, err := decodeIndex(b)
		if err != nil || !reflect.DeepEqual(*got, x) {
			t.Errorf("got %+v, want %+v: %v", got, x, err)
		}
		ranges, rest := decodeRanges(b)
		if rest.bad || !reflect.DeepEqual(ranges.Dates, x.Dates) || !reflect.DeepEqual(ranges.Sorts, x.Sorts) || ranges.Keys != nil {
			t.Errorf("ranges %+v", ranges)
		}
		for i := range b {
			if _, err := decodeIndex(b[:i]); err == nil {
				t.Errorf("the first %d bytes were accepted", i)
			}
		}
	}
}

// Damaged bytes are an error or another index, never a panic.
func FuzzDecodeIndex(f *testing.F) {
	f.Add(encodeIndex(&someIndex))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := decodeIndex(b)
		if err != nil {
			return
		}
		again, err := decodeIndex(encodeIndex(x))
		if err != nil || !reflect.DeepEqual(again, x) {
			t.Errorf("%x: %+v became %+v: %v", b, x, again, err)
		}
	})
}
