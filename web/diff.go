package web

import "slices"

// Change is a line of a difference: of both texts, or of one. Of a gap it says how many lines
// of both are left out.
type Change struct {
	Op       string // "=", "-", "+" or "gap"
	Old, New int    // numbers of the line, 0 where it is not
	Text     string
	Gap      int
}

const (
	mostEdits = 1_000 // beyond so many changed lines texts are shown one after the other
	around    = 3     // lines shown beside a change
)

// Diff says how lines become others, with few changes, and with gaps where nothing changes.
func Diff(before, after []string) []Change {
	head := 0
	for head < len(before) && head < len(after) && before[head] == after[head] {
		head++
	}
	tail := 0
	for tail < len(before)-head && tail < len(after)-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	ops := slices.Repeat([]byte{'='}, head)
	ops = append(ops, edits(before[head:len(before)-tail], after[head:len(after)-tail])...)
	ops = append(ops, slices.Repeat([]byte{'='}, tail)...)
	all, i, j := make([]Change, 0, len(ops)), 0, 0
	for _, op := range ops {
		c := Change{Op: string(op)}
		if op != '+' {
			i++
			c.Old, c.Text = i, before[i-1]
		}
		if op != '-' {
			j++
			c.New, c.Text = j, after[j-1]
		}
		all = append(all, c)
	}
	return folded(all)
}

// edits is the shortest way from some lines to others (Myers, An O(ND) Difference
// Algorithm), if it is not too long.
func edits(a, b []string) (ops []byte) {
	reach := map[int]int{1: 0}
	var trail []map[int]int
	for d := 0; d <= min(len(a)+len(b), mostEdits); d++ {
		next := make(map[int]int, d+1)
		for k := -d; k <= d; k += 2 {
			x := reach[k-1] + 1
			if k == -d || k != d && reach[k-1] < reach[k+1] {
				x = reach[k+1]
			}
			for x < len(a) && x-k < len(b) && x-k >= 0 && a[x] == b[x-k] {
				x++
			}
			next[k] = x
			if x >= len(a) && x-k >= len(b) {
				return walked(append(trail, next), len(a), len(b))
			}
		}
		trail, reach = append(trail, next), next
	}
	return append(slices.Repeat([]byte{'-'}, len(a)), slices.Repeat([]byte{'+'}, len(b))...)
}

// walked reads the way backwards.
func walked(trail []map[int]int, x, y int) (ops []byte) {
	for d := len(trail) - 1; d > 0; d-- {
		k, before := x-y, trail[d-1]
		from := k - 1
		if k == -d || k != d && before[k-1] < before[k+1] {
			from = k + 1
		}
		px := before[from]
		py := px - from
		for x > px && y > py {
			ops, x, y = append(ops, '='), x-1, y-1
		}
		if x > px {
			ops = append(ops, '-')
		} else {
			ops = append(ops, '+')
		}
		x, y = px, py
	}
	for range x {
		ops = append(ops, '=')
	}
	slices.Reverse(ops)
	return ops
}

// folded leaves out what is far from each change.
func folded(all []Change) (some []Change) {
	near := make([]bool, len(all))
	for i := range all {
		if all[i].Op == "=" {
			continue
		}
		for j := max(0, i-around); j <= min(len(all)-1, i+around); j++ {
			near[j] = true
		}
	}
	for i := range all {
		switch n := len(some) - 1; {
		case near[i]:
			some = append(some, all[i])
		case n >= 0 && some[n].Op == "gap":
			some[n].Gap++
		default:
			some = append(some, Change{Op: "gap", Gap: 1})
		}
	}
	return some
}
