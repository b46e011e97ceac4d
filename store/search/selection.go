package search

import (
	"slices"

	"github.com/aceso-health/aceso/store"
)

// selection gathers the patients of the rows that satisfy a query.
type selection struct{ visible, hidden distinct }

func (s *selection) add(r *Row, visible bool) error {
	facts, err := r.Facts()
	if err != nil {
		return err
	}
	to := &s.hidden
	if visible {
		to = &s.visible
	}
	for _, patient := range facts.Whose() {
		to.add(patient)
	}
	return nil
}

// broad says that the question singles nobody out: it selects hidden resources, and of more
// patients than a record would name.
func (s *selection) broad() bool { return store.Broad(s.visible.list, s.hidden.list) }

func (s *selection) patients() store.Selected {
	return store.Selected{Visible: s.visible.list, Hidden: s.hidden.list}
}

// distinct is a list of up to store.SelectedLimit strings without repetition.
type distinct struct {
	list  []string
	known map[string]bool // nil while the list is short
}

// manyDistinct is the length from which a map is faster than looking through the list.
const manyDistinct = 16

func (d *distinct) add(s string) {
	n := len(d.list)
	if n >= store.SelectedLimit || n > 0 && d.list[n-1] == s || d.known[s] || d.known == nil && slices.Contains(d.list, s) {
		return
	}
	d.list = append(d.list, s)
	if d.known == nil && n+1 == manyDistinct {
		d.known = map[string]bool{}
		for _, k := range d.list {
			d.known[k] = true
		}
	}
	if d.known != nil {
		d.known[s] = true
	}
}
