package fhir

import (
	"cmp"
	"slices"
)

// patch is a list of splices into bytes. They must not overlap.
type patch struct {
	data    []byte
	splices []splice
}

type splice struct {
	extent
	text string
}

func (p *patch) replace(at extent, text string) { p.splices = append(p.splices, splice{at, text}) }

func (p *patch) insert(at int, text string) { p.replace(extent{at, at}, text) }

// apply returns the bytes with all splices. Insertions at the same place keep
// their order.
func (p *patch) apply() []byte {
	slices.SortStableFunc(p.splices, func(a, b splice) int { return cmp.Compare(a.start, b.start) })
	size := len(p.data)
	for _, s := range p.splices {
		size += len(s.text) - (s.end - s.start)
	}
	out := make([]byte, 0, size)
	from := 0
	for _, s := range p.splices {
		out = append(append(out, p.data[from:s.start]...), s.text...)
		from = s.end
	}
	return append(out, p.data[from:]...)
}
