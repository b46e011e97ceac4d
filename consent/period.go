package consent

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// span reads a FHIR date or dateTime as the milliseconds that it covers, [from, to).
// A time without a zone could mean several moments, so it means none.
func span(s string) (from, to int64, err error) {
	from, last, ok := fhir.DateSpan([]byte(s))
	if !ok || len(s) > 10 && !strings.ContainsAny(s[10:], "Z+-") {
		return 0, 0, errors.New("not a dateTime")
	}
	return from, last + 1, nil
}

// readWindow reads a Period; a missing end is open.
func readWindow(start, end *string) (*window, error) {
	w := &window{from: math.MinInt64, to: math.MaxInt64}
	var err error
	if start != nil {
		if w.from, _, err = span(*start); err != nil {
			return &window{unclear: true}, err
		}
	}
	if end != nil {
		if _, w.to, err = span(*end); err != nil {
			return &window{unclear: true}, err
		}
	}
	if w.from >= w.to {
		return &window{unclear: true}, fmt.Errorf("ends before it starts")
	}
	return w, nil
}

// bounds lists the moments at which a provision below p begins or ceases to apply.
func bounds(p *provision, found []int64) []int64 {
	for _, w := range p.periods {
		if w.unclear {
			continue
		}
		if w.from != math.MinInt64 {
			found = append(found, w.from)
		}
		if w.to != math.MaxInt64 {
			found = append(found, w.to)
		}
	}
	for _, c := range p.children {
		found = bounds(c, found)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
