package sqlite

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

var someIndex = fhir.Index{
	Keys:    []string{"_id=1", "code=a", "code=ab", "code=ab|c", "name^zoë"},
	Dates:   []fhir.DateRange{{Param: "date", Lo: math.MinInt64, Hi: math.MaxInt64}, {Param: "x|y", Lo: -1, Hi: 1}},
	Numbers: []fhir.NumberRange{{Param: "v|s|u", Lo: "01", Hi: "02"}},
	Sorts:   []fhir.Sort{{Param: "code", Lo: "a", Hi: "b"}},
}

func TestIndexCodec(t *testing.T) {
	for _, x := range []fhir.Index{someIndex, {Keys: []string{}, Dates: []fhir.DateRange{}, Numbers: []fhir.NumberRange{}, Sorts: []fhir.Sort{}}} {
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

func TestPack(t *testing.T) {
	for _, body := range []string{"", "{}", strings.Repeat(`{"resourceType":"Patient"}`, 50), string(bytes.Repeat([]byte{0}, 1<<20))} {
		got, err := unpack(pack([]byte(body)))
		if err != nil || string(got) != body || got == nil {
			t.Errorf("%d bytes became %d: %v", len(body), len(got), err)
		}
	}
	if b, err := unpack(pack(nil)); b != nil || err != nil {
		t.Errorf("nothing became %v: %v", b, err)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(dictionary2)); sum != "ac48ed8452c0f58750875331c1f85bc879acacd789a1b4a4809acbeab704135a" {
		t.Errorf("the dictionary was changed to %s: existing data can no longer be read", sum)
	}
	for _, junk := range [][]byte{{}, {2}, {9, 1}, {packS2}, {packS2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}, {packS2, 10, 1}, {packDictionary, 10, 1}} {
		if b, err := unpack(junk); err == nil {
			t.Errorf("%x became %x", junk, b)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(pack([]byte(strings.Repeat("abc", 100))))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = unpack(b) })
}

func TestCutKey(t *testing.T) {
	for key, want := range map[string][2]string{
		"code=sys|c": {"code", "=sys|c"}, "¤cpt=Patient/1": {"¤cpt", "=Patient/1"}, "_id=x": {"_id", "=x"},
		"value-quantity|u": {"value-quantity", "|u"}, "plain": {"plain", ""}, "": {"", ""}, "name^=": {"name", "^="},
	} {
		if p, rest := cutKey(key); p != want[0] || rest != want[1] {
			t.Errorf("%q is %q and %q", key, p, rest)
		}
	}
}
