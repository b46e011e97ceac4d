package sqlite

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// What is judged quickly is what the definition says; of damaged keys nothing is said.
func TestHoldsQuicklyIsMatch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		return fmt.Sprintf("p%d=%s%d", r.IntN(4), []string{"s|", "", "long-"}[r.IntN(3)], r.IntN(6))
	}
	var draw func(depth int) search.Condition
	draw = func(depth int) search.Condition {
		switch n := r.IntN(9); {
		case depth > 2 || n < 2:
			return search.HasKey{Key: word()}
		case n == 2:
			from := word()
			return search.KeyRange{From: from, To: from + "\U0010FFFF"}
		case n == 3:
			return search.Not{C: draw(depth + 1)}
		case n == 4:
			return search.All{draw(depth + 1), draw(depth + 1)}
		case n == 5:
			return search.InDates{Param: "d", Prefix: search.Ge, Lo: r.Int64N(20) - 10, Hi: r.Int64N(20) + 10}
		case n == 6:
			return search.InNumbers{Param: "n", Prefix: search.Le, Lo: fmt.Sprint(r.IntN(4)), Hi: "5"}
		}
		return search.Any{draw(depth + 1), draw(depth + 1)}
	}
	held := 0
	for range 3000 {
		x := &search.Index{Dates: []search.DateRange{{Param: "d", Lo: -5, Hi: 1 << 40}}, Numbers: []search.NumberRange{{Param: "n", Lo: "1", Hi: "2"}}, Sorts: []search.Sort{{Param: "s", Lo: "a", Hi: "b"}}}
		for range r.IntN(8) {
			x.Keys = append(x.Keys, word())
		}
		slices.Sort(x.Keys)
		x.Keys = slices.Compact(x.Keys)
		row, c := &row{packedIndex: store.Pack(encodeIndex(x))}, draw(0)
		row.Columns = row
		holds, known, err := row.HoldsQuickly(c)
		if want := search.Match(c, search.Holder{Index: x}, nil); !known || err != nil || holds != want {
			t.Fatalf("%#v of %q: %t, %t, %v, want %t", c, x.Keys, holds, known, err, want)
		}
		if holds {
			held++
		}
	}
	if held < 500 || held > 2500 {
		t.Errorf("%d of 3000 hold: they test too little", held)
	}
	whole := encodeIndex(&search.Index{Keys: []string{"a=1", "b=2"}})
	if holds, known, err := (&row{packedIndex: store.Pack(whole[:len(whole)-2])}).HoldsQuickly(search.Not{C: search.HasKey{Key: "b=2"}}); err == nil {
		t.Errorf("damaged keys: %t, %t", holds, known)
	}
	damaged := &row{packedIndex: store.Pack([]byte{200})}
	damaged.Columns = damaged
	if holds, known, err := damaged.HoldsQuickly(search.Not{C: search.InDates{Param: "d"}}); err == nil {
		t.Errorf("damaged ranges: %t, %t", holds, known)
	}
	if _, known, err := (&row{}).HoldsQuickly(search.Contains{Param: "d"}); known || err != nil {
		t.Errorf("parts of texts are judged quickly: %v", err)
	}
}
