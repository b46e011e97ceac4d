package consent

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// layouts of FHIR date and dateTime, coarse to fine; those without a zone are UTC.
var layouts = [...]string{"2006", "2006-01", "2006-01-02", "2006-01-02T15:04:05Z07:00"}

// span reads a FHIR date or dateTime as the milliseconds that it covers, [from, to).
func span(s string) (from, to int64, err error) {
	for i, layout := range layouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		end := t.Add(precision(s))
		switch i {
		case 0:
			end = t.AddDate(1, 0, 0)
		case 1:
			end = t.AddDate(0, 1, 0)
		case 2:
			end = t.AddDate(0, 0, 1)
		}
		return t.UnixMilli(), end.UnixMilli(), nil
	}
	return 0, 0, fmt.Errorf("not a dateTime")
}

// precision of a time with a zone: a second, or its fraction's last digit, at
// least a millisecond.
func precision(s string) time.Duration {
	p := time.Second
	if len(s) < 20 || s[19] != '.' {
		return p
	}
	for i := 20; i < len(s) && '0' <= s[i] && s[i] <= '9' && p > time.Millisecond; i++ {
		p /= 10
	}
	return p
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
